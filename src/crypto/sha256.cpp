// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/sha256.hpp"

#include <algorithm>
#include <cstring>

#include "sha256_blocks.hpp"

namespace rvm::crypto {

namespace {

// Written once at boot before other cores run, read-only afterwards. Zero at start: boot measures the kernel's initial data
// after it has chosen, so the choice must not be part of them.
constinit Implementation in_use = Implementation::portable;
static_assert(static_cast<int>(Implementation::portable) == 0);

#if !defined(RVM_SHA256_VECTOR)
constexpr Implementation vector_implementation = Implementation::portable;
#elif defined(__aarch64__)
constexpr Implementation vector_implementation = Implementation::armv8_sha2;
#else
constexpr Implementation vector_implementation = Implementation::x86_sha;
#endif

void absorb(Sha256::State& state, const std::byte* blocks, std::size_t count) {
  sha256_blocks(state.data(), blocks, count);
}

}  // namespace

bool use_implementation(Implementation wanted) {
  if (wanted == Implementation::portable) {
    in_use = wanted;
    return true;
  }
#if defined(RVM_SHA256_VECTOR)
  if (wanted == vector_implementation && sha256_vector_available()) {
    in_use = wanted;
    return true;
  }
#endif
  return false;
}

Implementation select_implementation() {
  if (!use_implementation(vector_implementation)) use_implementation(Implementation::portable);
  return in_use;
}

Implementation implementation_in_use() { return in_use; }

void sha256_blocks(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
#if defined(RVM_SHA256_VECTOR)
  if (in_use != Implementation::portable) return sha256_blocks_vector(state, blocks, count);
#endif
  sha256_blocks_portable(state, blocks, count);
}

void Sha256::update(std::span<const std::byte> data) {
  if (data.empty()) return;
  const std::size_t held = absorbed_ % block_bytes;
  absorbed_ += data.size();
  if (held != 0) {
    const std::size_t taken = std::min(block_bytes - held, data.size());
    std::memcpy(partial_.data() + held, data.data(), taken);
    data = data.subspan(taken);
    if (held + taken < block_bytes) return;
    absorb(state_, partial_.data(), 1);
  }
  const std::size_t whole = data.size() / block_bytes;
  if (whole != 0) absorb(state_, data.data(), whole);
  data = data.subspan(whole * block_bytes);
  if (!data.empty()) std::memcpy(partial_.data(), data.data(), data.size());
}

// Padding, FIPS 180-4 section 5.1.1: a one bit, zeros, and the length in bits as the last 8 bytes of a block.
Digest Sha256::finish() {
  constexpr std::size_t length_at = block_bytes - 8;
  std::size_t held = absorbed_ % block_bytes;
  partial_[held++] = std::byte{0x80};
  if (held > length_at) {
    std::memset(partial_.data() + held, 0, block_bytes - held);
    absorb(state_, partial_.data(), 1);
    held = 0;
  }
  std::memset(partial_.data() + held, 0, length_at - held);
  const std::uint64_t bits = __builtin_bswap64(absorbed_ * 8);
  std::memcpy(partial_.data() + length_at, &bits, sizeof(bits));
  absorb(state_, partial_.data(), 1);
  return digest_of(state_);
}

Digest sha256(std::span<const std::byte> data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

}  // namespace rvm::crypto
