/* Copy, reverse, search and count in strings: signed and unsigned bytes, halfwords. */
static char buffer[128], other[128];
static const char source[] = "A processor learned from its examples runs what it never saw.";
static unsigned short counts[128];

static int find(const char *in, const char *what) {
  for (int i = 0; in[i]; i++) {
    int k = 0;
    while (what[k] && in[i + k] == what[k]) k++;
    if (!what[k]) return i;
  }
  return -1;
}

unsigned run(void) {
  int n = 0;
  unsigned hash = 7;
  while ((buffer[n] = source[n])) n++;
  for (int i = 0; i < n; i++) other[i] = buffer[n - 1 - i];
  for (int i = 0; i < n; i++) counts[(unsigned char)other[i] & 127] += (unsigned short)(i + 60000);
  for (int i = 0; i < 128; i++) hash = (hash << 5) - hash + counts[i];
  return hash ^ (unsigned)find(buffer, "runs") << 8 ^ (unsigned)find(other, "xyz");
}
