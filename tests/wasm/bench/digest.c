// SPDX-License-Identifier: MIT OR Apache-2.0
// SHA-256's compression over and over: rotations and additions in long straight code.
static unsigned state[8], block[64];
static unsigned constants[64];

static unsigned rotate(unsigned x, int n) { return x >> n | x << (32 - n); }

static void compress(void) {
  for (int i = 16; i < 64; ++i) {
    unsigned a = block[i - 15], b = block[i - 2];
    block[i] = block[i - 16] + block[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
  unsigned a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6],
           h = state[7];
  for (int i = 0; i < 64; ++i) {
    unsigned t = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + block[i];
    unsigned u = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t, d = c, c = b, b = a, a = t + u;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g,
      state[7] += h;
}

__attribute__((export_name("run"))) int run(int rounds) {
  for (int i = 0; i < 64; ++i) constants[i] = 0x9e3779b9u * (unsigned)(i + 1);
  for (int round = 0; round < rounds * 8000; ++round) {
    for (int i = 0; i < 16; ++i) block[i] = state[i % 8] + (unsigned)round;
    compress();
  }
  return (int)state[0];
}
