// SPDX-License-Identifier: MIT OR Apache-2.0
#include <array>
#include <bit>

#include "sha256_blocks.hpp"

namespace rvm::crypto {

namespace {

std::uint32_t load_big_endian(const std::byte* p) {
  return std::to_integer<std::uint32_t>(p[0]) << 24 | std::to_integer<std::uint32_t>(p[1]) << 16 |
         std::to_integer<std::uint32_t>(p[2]) << 8 | std::to_integer<std::uint32_t>(p[3]);
}

}  // namespace

// Kept rolled: the kernel's text budget matters more than the fallback's speed. The message schedule is a window of 16
// words that each round replaces by the word 16 rounds ahead.
void sha256_blocks_portable(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  for (; count != 0; --count, blocks += 64) {
    std::array<std::uint32_t, 16> w;
    for (unsigned i = 0; i < 16; ++i) w[i] = load_big_endian(blocks + std::size_t{4} * i);
    std::uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    std::uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned t = 0; t < 64; ++t) {
      const std::uint32_t now = w[t & 15];
      const std::uint32_t w1 = w[(t + 1) & 15];
      const std::uint32_t w14 = w[(t + 14) & 15];
      const std::uint32_t sigma0 = std::rotr(w1, 7) ^ std::rotr(w1, 18) ^ (w1 >> 3);
      const std::uint32_t sigma1 = std::rotr(w14, 17) ^ std::rotr(w14, 19) ^ (w14 >> 10);
      w[t & 15] = now + sigma0 + w[(t + 9) & 15] + sigma1;

      const std::uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const std::uint32_t choice = g ^ (e & (f ^ g));
      const std::uint32_t t1 = h + sum1 + choice + sha256_constants[t] + now;
      const std::uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const std::uint32_t majority = (a & b) | (c & (a | b));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + sum0 + majority;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}

}  // namespace rvm::crypto
