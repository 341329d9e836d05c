/* An 8 by 8 matrix product; there is no multiplier, so it is done in software. */
static short a[8][8], b[8][8];
static int c[8][8];

unsigned run(void) {
  unsigned hash = 1;
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      a[i][j] = (short)(i * 37 - j * 11);
      b[i][j] = (short)(i * 5 + j * 101 - 300);
    }
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      int sum = 0;
      for (int k = 0; k < 8; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
      hash = hash * 31 + (unsigned)sum;
    }
  return hash;
}
