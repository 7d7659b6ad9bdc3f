// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two states side by side with the x86 SHA extensions: sha256_x86.cpp, with every step done for both.
#include <immintrin.h>

#include "sha256_blocks.hpp"

namespace rvm::crypto {

namespace {

__m128i lanes(const std::uint32_t* state, unsigned h, unsigned i, unsigned j, unsigned k) {
  return _mm_set_epi32(static_cast<int>(state[h]), static_cast<int>(state[i]), static_cast<int>(state[j]),
                       static_cast<int>(state[k]));
}

void store(std::uint32_t* state, __m128i abef, __m128i cdgh) {
  alignas(16) std::uint32_t out[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(out), abef);  // __m128i may alias
  state[0] = out[3], state[1] = out[2], state[4] = out[1], state[5] = out[0];
  _mm_store_si128(reinterpret_cast<__m128i*>(out), cdgh);
  state[2] = out[3], state[3] = out[2], state[6] = out[1], state[7] = out[0];
}

}  // namespace

void sha256_pair_vector(std::uint32_t* first, const std::byte* first_blocks, std::uint32_t* second,
                        const std::byte* second_blocks, std::size_t count) {
  const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  std::uint32_t* const states[2] = {first, second};
  const std::byte* blocks[2] = {first_blocks, second_blocks};
  __m128i abef[2] = {lanes(first, 0, 1, 4, 5), lanes(second, 0, 1, 4, 5)};
  __m128i cdgh[2] = {lanes(first, 2, 3, 6, 7), lanes(second, 2, 3, 6, 7)};
  for (; count != 0; --count, blocks[0] += 64, blocks[1] += 64) {
    __m128i w[2][4];
#pragma clang loop unroll(full)
    for (unsigned n = 0; n < 2; ++n) {
#pragma clang loop unroll(full)
      for (unsigned i = 0; i < 4; ++i) {
        const auto* source =
            reinterpret_cast<const __m128i_u*>(blocks[n] + std::size_t{16} * i);  // unaligned-access type
        w[n][i] = _mm_shuffle_epi8(_mm_loadu_si128(source), big_endian);
      }
    }
    const __m128i abef_before[2] = {abef[0], abef[1]};
    const __m128i cdgh_before[2] = {cdgh[0], cdgh[1]};
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 16; ++i) {  // four rounds each
      const auto* constants = reinterpret_cast<const __m128i_u*>(&sha256_constants[std::size_t{4} * i]);
      const __m128i constant = _mm_loadu_si128(constants);
#pragma clang loop unroll(full)
      for (unsigned n = 0; n < 2; ++n) {
        const __m128i input = _mm_add_epi32(w[n][i % 4], constant);
        if (i < 12) {
          const __m128i w9 = _mm_alignr_epi8(w[n][(i + 3) % 4], w[n][(i + 2) % 4], 4);
          const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(w[n][i % 4], w[n][(i + 1) % 4]), w9);
          w[n][i % 4] = _mm_sha256msg2_epu32(partial, w[n][(i + 3) % 4]);
        }
        cdgh[n] = _mm_sha256rnds2_epu32(cdgh[n], abef[n], input);
        abef[n] = _mm_sha256rnds2_epu32(abef[n], cdgh[n], _mm_shuffle_epi32(input, 0x0e));
      }
    }
#pragma clang loop unroll(full)
    for (unsigned n = 0; n < 2; ++n) {
      abef[n] = _mm_add_epi32(abef[n], abef_before[n]);
      cdgh[n] = _mm_add_epi32(cdgh[n], cdgh_before[n]);
    }
  }
  store(states[0], abef[0], cdgh[0]);
  store(states[1], abef[1], cdgh[1]);
}

}  // namespace rvm::crypto
