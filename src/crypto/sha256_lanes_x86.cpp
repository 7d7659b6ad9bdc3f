// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Four messages of fixed lengths side by side with the x86 SHA extensions (sha256_x86.cpp has one). Measured on an Intel Xeon of
// 2023: SHA256RNDS2 takes four cycles and starts every three, so that several states keep it busy; SHA256MSG1 holds it up for
// another 2.4, and computing the same with shifts for longer.
#include <immintrin.h>

#include <array>

#include "sha256_lanes_blocks.hpp"

namespace rvm::crypto {

namespace {

constexpr unsigned lanes = 4;

/// States as SHA256RNDS2 wants them: (a,b,e,f) and (c,d,g,h), first letter in the highest element.
struct States {
  __m128i abef[lanes];
  __m128i cdgh[lanes];
};

/// The first 16 words of each message schedule.
struct Words {
  __m128i w[lanes][4];
};

__m128i load(const void* from) { return _mm_loadu_si128(static_cast<const __m128i_u*>(from)); }

States same(const Sha256::State& s) {
  const __m128i dcba = _mm_shuffle_epi32(load(s.data()), 0x1b);  // (a,b,c,d), first letter in the highest element
  const __m128i hgfe = _mm_shuffle_epi32(load(s.data() + 4), 0x1b);
  States states;
  for (unsigned n = 0; n < lanes; ++n) {
    states.abef[n] = _mm_unpackhi_epi64(hgfe, dcba);
    states.cdgh[n] = _mm_unpacklo_epi64(hgfe, dcba);
  }
  return states;
}

__m128i to_big_endian(__m128i words) {
  return _mm_shuffle_epi8(words, _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
}

void store(const States& s, Digest* digests) {
  const __m128i reversed = _mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
#pragma clang loop unroll(full)
  for (unsigned n = 0; n < lanes; ++n) {
    auto* const to = reinterpret_cast<__m128i_u*>(digests[n].data());  // __m128i may alias
    _mm_storeu_si128(to, _mm_shuffle_epi8(_mm_unpackhi_epi64(s.abef[n], s.cdgh[n]), reversed));
    _mm_storeu_si128(to + 1, _mm_shuffle_epi8(_mm_unpacklo_epi64(s.abef[n], s.cdgh[n]), reversed));
  }
}

[[gnu::always_inline]] inline void absorb(States& s, Words m) {
  const States before = s;
#pragma clang loop unroll(full)
  for (unsigned i = 0; i < 16; ++i) {
    const __m128i constant = load(&sha256_constants[std::size_t{4} * i]);
#pragma clang loop unroll(full)
    for (unsigned n = 0; n < lanes; ++n) {
      __m128i* const w = m.w[n];
      const __m128i input = _mm_add_epi32(w[i % 4], constant);
      if (i < 12) {
        const __m128i w9 = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
        const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), w9);
        w[i % 4] = _mm_sha256msg2_epu32(partial, w[(i + 3) % 4]);
      }
      s.cdgh[n] = _mm_sha256rnds2_epu32(s.cdgh[n], s.abef[n], input);
      s.abef[n] = _mm_sha256rnds2_epu32(s.abef[n], s.cdgh[n], _mm_shuffle_epi32(input, 0x0e));
    }
  }
#pragma clang loop unroll(full)
  for (unsigned n = 0; n < lanes; ++n) {
    s.abef[n] = _mm_add_epi32(s.abef[n], before.abef[n]);
    s.cdgh[n] = _mm_add_epi32(s.cdgh[n], before.cdgh[n]);
  }
}

constexpr int end_bit = static_cast<int>(0x8000'0000);

}  // namespace

// The message is the body moved up by a byte.
void sha256_prefixed_four(std::byte prefix, const std::byte* bodies, Digest* digests) {
  Words first;
  Words end;
#pragma clang loop unroll(full)
  for (unsigned n = 0; n < lanes; ++n) {
    const std::byte* const body = bodies + std::size_t{64} * n;
    __m128i below = _mm_slli_si128(_mm_cvtsi32_si128(std::to_integer<int>(prefix)), 15);
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 4; ++i) {
      const __m128i here = load(body + std::size_t{16} * i);
      first.w[n][i] = to_big_endian(_mm_alignr_epi8(here, below, 15));
      below = here;
    }
    end.w[n][0] = _mm_cvtsi32_si128(std::to_integer<int>(body[63]) << 24 | 0x80'0000);
    end.w[n][1] = end.w[n][2] = _mm_setzero_si128();
    end.w[n][3] = _mm_set_epi32(65 * 8, 0, 0, 0);
  }
  States s = same(Sha256{}.state());
  absorb(s, first);
  absorb(s, end);
  store(s, digests);
}

void mac_four(const PadStates& key, const std::byte* messages, Digest* digests) {
  constexpr int bytes = 56;
  Words first;
  Words end;
#pragma clang loop unroll(full)
  for (unsigned n = 0; n < lanes; ++n) {
    const std::byte* const message = messages + std::size_t{bytes} * n;
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 3; ++i) first.w[n][i] = to_big_endian(load(message + std::size_t{16} * i));
    const __m128i last = _mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(message + 48));  // __m128i may alias
    first.w[n][3] = to_big_endian(_mm_or_si128(last, _mm_set_epi32(0, 0x80, 0, 0)));
    end.w[n][0] = end.w[n][1] = end.w[n][2] = _mm_setzero_si128();
    end.w[n][3] = _mm_set_epi32((Sha256::block_bytes + bytes) * 8, 0, 0, 0);
  }
  States s = same(key.inner);
  absorb(s, first);
  absorb(s, end);
  Words digest;
#pragma clang loop unroll(full)
  for (unsigned n = 0; n < lanes; ++n) {
    digest.w[n][0] = _mm_shuffle_epi32(_mm_unpackhi_epi64(s.cdgh[n], s.abef[n]), 0x1b);  // a b c d
    digest.w[n][1] = _mm_shuffle_epi32(_mm_unpacklo_epi64(s.cdgh[n], s.abef[n]), 0x1b);  // e f g h
    digest.w[n][2] = _mm_cvtsi32_si128(end_bit);
    digest.w[n][3] = _mm_set_epi32((Sha256::block_bytes + digest_bytes) * 8, 0, 0, 0);
  }
  s = same(key.outer);
  absorb(s, digest);
  store(s, digests);
}

}  // namespace rvm::crypto
