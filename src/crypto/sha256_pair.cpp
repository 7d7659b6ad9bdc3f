// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/sha256_pair.hpp"

#include <cstring>
#include <span>

#include "sha256_blocks.hpp"

namespace rvm::crypto {

namespace {

using Blocks = std::array<std::uint64_t, 16>;

void absorb(Sha256::State& a, const Blocks& blocks_a, Sha256::State& b, const Blocks& blocks_b, std::size_t count) {
  const std::byte* const from_a = std::as_bytes(std::span{blocks_a}).data();
  const std::byte* const from_b = std::as_bytes(std::span{blocks_b}).data();
#if defined(RVM_SHA256_PAIR)
  if (implementation_in_use() == Implementation::x86_sha)
    return sha256_pair_vector(a.data(), from_a, b.data(), from_b, count);
#endif
  sha256_blocks(a.data(), from_a, count);
  sha256_blocks(b.data(), from_b, count);
}

// Padding as in Sha256::finish: a one bit, zeros, the length in bits.
Blocks padded(std::byte prefix, const Body& body) {
  Blocks blocks{};
  blocks[0] = body[0] << 8 | std::to_integer<std::uint64_t>(prefix);
  for (unsigned i = 1; i < body.size(); ++i) blocks[i] = body[i] << 8 | body[i - 1] >> 56;
  blocks[8] = body[7] >> 56 | 0x8000;
  blocks[15] = __builtin_bswap64(65 * 8);
  return blocks;
}

Blocks padded(const ShortMessage& message) {
  Blocks blocks{};
  for (unsigned i = 0; i < message.size(); ++i) blocks[i] = message[i];
  blocks[7] = 0x80;
  blocks[15] = __builtin_bswap64((Sha256::block_bytes + 56) * 8);
  return blocks;
}

Blocks padded_outer(const Sha256::State& inner) {
  Blocks blocks{};
  const Digest digest = digest_of(inner);
  std::memcpy(blocks.data(), digest.data(), digest.size());
  blocks[4] = 0x80;
  blocks[7] = __builtin_bswap64((Sha256::block_bytes + digest_bytes) * 8);
  return blocks;
}

}  // namespace

std::array<Digest, 2> sha256_prefixed_pair(std::byte prefix, const Body& a, const Body& b) {
  Sha256::State state_a = Sha256{}.state();
  Sha256::State state_b = state_a;
  absorb(state_a, padded(prefix, a), state_b, padded(prefix, b), 2);
  return {digest_of(state_a), digest_of(state_b)};
}

std::array<Digest, 2> mac_pair(const HmacKey& key, const ShortMessage& a, const ShortMessage& b) {
  Sha256::State inner_a = key.inner_;
  Sha256::State inner_b = key.inner_;
  absorb(inner_a, padded(a), inner_b, padded(b), 2);
  Sha256::State outer_a = key.outer_;
  Sha256::State outer_b = key.outer_;
  absorb(outer_a, padded_outer(inner_a), outer_b, padded_outer(inner_b), 1);
  return {digest_of(outer_a), digest_of(outer_b)};
}

}  // namespace rvm::crypto
