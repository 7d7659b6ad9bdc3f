// SPDX-License-Identifier: MIT OR Apache-2.0
//
// SHA-256 of sixteen messages at once (Gueron, Krasnov, "Simultaneous hashing of multiple messages", 2012): the algorithm as it is
// written, with vectors of sixteen words for words. AVX-512 rotates and has any function of three operands in one instruction,
// so a round of sixteen takes 28 instructions.
#include <immintrin.h>

#include <array>
#include <utility>

#include "sha256_lanes_blocks.hpp"

namespace rvm::crypto {

bool sixteen_available() { return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0; }

namespace {

constexpr std::size_t lanes = 16;

/// One word of each message.
using Word = std::uint32_t __attribute__((vector_size(64)));
using Block = std::array<Word, 16>;
using States = std::array<Word, 8>;

__m512i raw(Word w) { return reinterpret_cast<__m512i>(w); }  // vectors of one size convert bit by bit
Word word(__m512i w) { return reinterpret_cast<Word>(w); }
Word each(std::uint32_t value) { return word(_mm512_set1_epi32(static_cast<int>(value))); }

template <int Bits>
Word rotr(Word w) {
  return word(_mm512_ror_epi32(raw(w), Bits));
}

Word byte_swapped(Word w) {
  const __m512i order = _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
  return word(_mm512_shuffle_epi8(raw(w), order));
}

States same(const Sha256::State& state) {
  States states;
  for (std::size_t i = 0; i < states.size(); ++i) states[i] = each(state[i]);
  return states;
}

/// Swaps rows and columns: in, one row for each message; out, one for each of their words; or the other way round. Exchanges
/// quarters, then quarters of these, down to single words.
[[gnu::always_inline]] inline void transpose(Block& m) {
#pragma clang loop unroll(full)
  for (unsigned distance = 8; distance != 0; distance /= 2) {
    // Element j of the upper row comes from row j & distance of the two; 16 and up are elements of the second.
    alignas(64) std::array<std::uint32_t, lanes> upper, lower;
    for (unsigned j = 0; j < lanes; ++j) {
      upper[j] = (j & distance) == 0 ? j : lanes + j - distance;
      lower[j] = (j & distance) == 0 ? j + distance : lanes + j;
    }
    const __m512i from_upper = _mm512_load_si512(upper.data());
    const __m512i from_lower = _mm512_load_si512(lower.data());
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < lanes; ++i) {
      if ((i & distance) != 0) continue;
      const __m512i a = raw(m[i]);
      const __m512i b = raw(m[i + distance]);
      m[i] = word(_mm512_permutex2var_epi32(a, from_upper, b));
      m[i + distance] = word(_mm512_permutex2var_epi32(a, from_lower, b));
    }
  }
}

/// FIPS 180-4 section 6.2.2. Sixteen rounds at a time, during which the schedule's next sixteen words replace these.
[[gnu::always_inline]] inline void absorb(States& states, Block w) {
  States s = states;
  const auto sixteen_rounds = [&](unsigned first, bool more) __attribute__((always_inline)) {
#pragma clang loop unroll(full)
    for (unsigned t = 0; t < 16; ++t) {
      Word& a = s[(16 - t) % 8];
      Word& b = s[(17 - t) % 8];
      Word& c = s[(18 - t) % 8];
      Word& d = s[(19 - t) % 8];
      Word& e = s[(20 - t) % 8];
      Word& f = s[(21 - t) % 8];
      Word& g = s[(22 - t) % 8];
      Word& h = s[(23 - t) % 8];
      const Word sum1 = rotr<6>(e) ^ rotr<11>(e) ^ rotr<25>(e);
      const Word choice = (e & f) ^ (~e & g);
      const Word t1 = h + sum1 + choice + (w[t] + each(sha256_constants[first + t]));
      const Word sum0 = rotr<2>(a) ^ rotr<13>(a) ^ rotr<22>(a);
      const Word majority = (a & b) ^ (a & c) ^ (b & c);
      d += t1;
      h = t1 + sum0 + majority;  // h is the next round's a
      if (more) {
        const Word w1 = w[(t + 1) % 16];
        const Word w14 = w[(t + 14) % 16];
        const Word sigma0 = rotr<7>(w1) ^ rotr<18>(w1) ^ w1 >> 3;
        const Word sigma1 = rotr<17>(w14) ^ rotr<19>(w14) ^ w14 >> 10;
        w[t] += sigma0 + w[(t + 9) % 16] + sigma1;
      }
    }
  };
#pragma clang loop unroll(disable)
  for (unsigned first = 0; first < 48; first += 16) sixteen_rounds(first, true);
  sixteen_rounds(48, false);
  for (std::size_t i = 0; i < states.size(); ++i) states[i] += s[i];
}

/// The first `words` words of each of `count` messages that lie one after the other.
Block load(const std::byte* messages, unsigned words, std::size_t count) {
  const auto mask = static_cast<__mmask16>((1U << words) - 1);
  Block rows{};
  for (std::size_t i = 0; i < count; ++i) {
    rows[i] = word(_mm512_maskz_loadu_epi32(mask, messages + i * words * sizeof(std::uint32_t)));
  }
  transpose(rows);
  for (Word& w : rows) w = byte_swapped(w);
  return rows;
}

void store(const States& states, Digest* digests, std::size_t count) {
  Block rows{};
  for (std::size_t i = 0; i < states.size(); ++i) rows[i] = byte_swapped(states[i]);
  transpose(rows);
  for (std::size_t i = 0; i < count; ++i) {
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(digests[i].data()),  // __m256i may alias
                        _mm512_castsi512_si256(raw(rows[i])));
  }
}

constexpr std::uint32_t end_bit = 0x8000'0000;

}  // namespace

// The message is the body moved up by a byte.
void sha256_prefixed_sixteen(std::byte prefix, const std::byte* bodies, Digest* digests, std::size_t count) {
  const Block body = load(bodies, 16, count);
  Block block;
  block[0] = body[0] >> 8 | each(std::to_integer<std::uint32_t>(prefix) << 24);
  for (std::size_t i = 1; i < block.size(); ++i) block[i] = body[i] >> 8 | body[i - 1] << 24;
  States states = same(Sha256{}.state());
  absorb(states, block);
  Block end{};
  end[0] = body[15] << 24 | each(end_bit >> 8);
  end[15] = each(65 * 8);
  absorb(states, end);
  store(states, digests, count);
}

void mac_sixteen(const PadStates& key, const std::byte* messages, Digest* digests, std::size_t count) {
  constexpr unsigned words = 14;
  Block block = load(messages, words, count);
  block[words] = each(end_bit);
  States states = same(key.inner);
  absorb(states, block);
  Block end{};
  end[15] = each((Sha256::block_bytes + words * 4) * 8);
  absorb(states, end);
  Block digest{};
  for (std::size_t i = 0; i < states.size(); ++i) digest[i] = states[i];
  digest[8] = each(end_bit);
  digest[15] = each((Sha256::block_bytes + digest_bytes) * 8);
  states = same(key.outer);
  absorb(states, digest);
  store(states, digests, count);
}

}  // namespace rvm::crypto
