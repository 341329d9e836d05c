/* Quicksort of pseudo-random words; the result depends on every position. */
static unsigned data[200];

static void sort(int low, int high) {
  while (low < high) {
    unsigned pivot = data[(low + high) >> 1];
    int i = low, j = high;
    while (i <= j) {
      while (data[i] < pivot) i++;
      while (data[j] > pivot) j--;
      if (i <= j) {
        unsigned t = data[i];
        data[i++] = data[j];
        data[j--] = t;
      }
    }
    sort(low, j);
    low = i;
  }
}

unsigned run(void) {
  unsigned state = 12345, hash = 0;
  for (int i = 0; i < 200; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    data[i] = state;
  }
  sort(0, 199);
  for (int i = 0; i < 200; i++) hash = (hash << 3 | hash >> 29) ^ data[i];
  return hash;
}
