/* CRC-32 of a generated message, bit by bit: shifts, byte loads and stores. */
static unsigned char message[256];

unsigned run(void) {
  unsigned crc = 0xFFFFFFFFu;
  for (int i = 0; i < 256; i++) message[i] = (unsigned char)(i ^ i >> 3);
  for (int i = 0; i < 256; i++) {
    crc ^= message[i];
    for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}
