/* The sieve of Eratosthenes. */
static signed char composite[1000];

unsigned run(void) {
  unsigned count = 0, sum = 0;
  for (unsigned i = 2; i < 1000; i++) {
    if (composite[i]) continue;
    count++;
    sum += i;
    for (unsigned j = i + i; j < 1000; j += i) composite[j] = -1;
  }
  return count << 20 | sum;
}
