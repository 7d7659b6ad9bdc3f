// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The messages of fixed length of which a record is sealed, padded by words instead of buffered. Padding is as in Sha256::finish:
// a one bit, zeros, and the length in bits.
#include <span>

#include "rvm/crypto/hmac.hpp"
#include "rvm/crypto/sha256.hpp"
#include "sha256_blocks.hpp"

namespace rvm::crypto {

namespace {

using Word = std::uint64_t;

/// Aligned, so that copies are moves of words even where unaligned accesses are not allowed.
struct alignas(16) AlignedState {
  Sha256::State words;
};
constexpr AlignedState initial{Sha256{}.state()};

void absorb(AlignedState& state, std::span<const Word> blocks) {
  sha256_blocks(state.words.data(), std::as_bytes(blocks).data(), blocks.size_bytes() / Sha256::block_bytes);
}

constexpr Word end_bit = 0x80;

/// The last word of a message of so many bytes.
constexpr Word length(Word bytes) { return __builtin_bswap64(bytes * 8); }

}  // namespace

// 65 bytes are two blocks: the body moved up by the prefix, then nearly nothing.
Digest sha256_prefixed(std::byte prefix, const std::array<std::uint64_t, 8>& body) {
  std::array<Word, 16> blocks;
  blocks[0] = body[0] << 8 | std::to_integer<Word>(prefix);
  for (unsigned i = 1; i < body.size(); ++i) blocks[i] = body[i] << 8 | body[i - 1] >> 56;
  blocks[8] = body[7] >> 56 | end_bit << 8;
  for (unsigned i = 9; i < 15; ++i) blocks[i] = 0;
  blocks[15] = length(1 + sizeof(body));
  AlignedState state = initial;
  absorb(state, blocks);
  return digest_of(state.words);
}

// The message fills its block up to the length, which therefore takes a block of its own.
Digest HmacKey::mac_words(const std::array<std::uint64_t, 7>& message) const {
  std::array<Word, 16> blocks;
  for (unsigned i = 0; i < message.size(); ++i) blocks[i] = message[i];
  blocks[7] = end_bit;
  for (unsigned i = 8; i < 15; ++i) blocks[i] = 0;
  blocks[15] = length(Sha256::block_bytes + sizeof(message));
  AlignedState state{inner_};
  absorb(state, blocks);
  for (unsigned i = 0; i < 4; ++i) blocks[i] = digest_word(state.words, i);
  blocks[4] = end_bit;
  blocks[5] = blocks[6] = 0;
  blocks[7] = length(Sha256::block_bytes + digest_bytes);
  state = {outer_};
  absorb(state, std::span{blocks}.first<8>());
  return digest_of(state.words);
}

}  // namespace rvm::crypto
