/* Rounds in the manner of SHA-256, with constants made on the way: rotations, long arithmetic. */
static unsigned w[64];

static unsigned turn(unsigned x, int n) { return x >> n | x << (32 - n); }

static unsigned root(unsigned n, int bits) { 
  unsigned long long low = 0;
  for (int k = bits + 2; k >= 0; k--) {
    unsigned long long x = low | 1ull << k, y = x >> bits;
    if (y * y * y <= n && (y + 1) <= 16) low = x;
  }
  return (unsigned)low ^ n;
}

unsigned run(void) {
  unsigned s[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                   0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
  for (int i = 0; i < 16; i++) w[i] = (unsigned)i << 24 | (unsigned)i << 9 | 0x80u;
  for (int i = 16; i < 64; i++)
    w[i] = (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10) + w[i - 7] +
           (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 16];
  for (int i = 0; i < 64; i++) {
    unsigned e = s[4], a = s[0];
    unsigned t = s[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & s[5]) ^ (~e & s[6])) +
                 root((unsigned)i, 8) + w[i];
    unsigned u = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    for (int k = 7; k > 0; k--) s[k] = s[k - 1];
    s[4] += t;
    s[0] = t + u;
  }
  return s[0] ^ s[3] ^ s[5] ^ s[7];
}
