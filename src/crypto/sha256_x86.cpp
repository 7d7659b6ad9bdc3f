// SPDX-License-Identifier: MIT OR Apache-2.0
//
// SHA-256 with the x86 SHA extensions (Intel SDM volume 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2). Host only.
#include <cpuid.h>
#include <immintrin.h>

#include "sha256_blocks.hpp"

namespace rvm::crypto {

bool sha256_vector_available() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSE4_1) == 0 || (c & bit_SSSE3) == 0) return false;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  return (b & bit_SHA) != 0;
}

void sha256_blocks_vector(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  // Unaligned-access types, which may alias. Whole vectors, because one loaded from words just stored has to wait for them.
  auto* const first = reinterpret_cast<__m128i_u*>(state);
  auto* const second = reinterpret_cast<__m128i_u*>(state + 4);
  constexpr int reversed = 0x1b;
  const __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128(first), reversed);
  const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(second), reversed);
  // The instructions want the state as (a,b,e,f) and (c,d,g,h), first letter in the highest lane.
  __m128i abef = _mm_unpackhi_epi64(hgfe, dcba);
  __m128i cdgh = _mm_unpacklo_epi64(hgfe, dcba);
  for (; count != 0; --count, blocks += 64) {
    __m128i w[4];
    for (unsigned i = 0; i < 4; ++i) {
      const auto* source = reinterpret_cast<const __m128i_u*>(blocks + std::size_t{16} * i);  // unaligned-access type
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(source), big_endian);
    }
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 16; ++i) {  // four rounds each
      const auto* constants = reinterpret_cast<const __m128i_u*>(&sha256_constants[std::size_t{4} * i]);
      const __m128i input = _mm_add_epi32(w[i % 4], _mm_loadu_si128(constants));
      if (i < 12) {
        const __m128i w9 = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
        const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), w9);
        w[i % 4] = _mm_sha256msg2_epu32(partial, w[(i + 3) % 4]);
      }
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, input);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(input, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  _mm_storeu_si128(first, _mm_shuffle_epi32(_mm_unpackhi_epi64(cdgh, abef), reversed));
  _mm_storeu_si128(second, _mm_shuffle_epi32(_mm_unpacklo_epi64(cdgh, abef), reversed));
}

}  // namespace rvm::crypto
