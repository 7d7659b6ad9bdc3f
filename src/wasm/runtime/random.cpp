// SPDX-License-Identifier: MIT OR Apache-2.0
#include "random.hpp"

#include <algorithm>

#include "rvm/crypto/sha256.hpp"

namespace rvm::wasm {

void Random::fill(std::span<std::byte> bytes) {
  constexpr std::string_view domain = "RVM-RANDOM-1";
  while (!bytes.empty()) {
    crypto::Sha256 hash;
    hash.update(std::as_bytes(std::span{domain}));
    hash.update(crypto::bytes_of(seed_));
    hash.update(crypto::bytes_of(block_));
    hash.update(std::as_bytes(std::span{name_}));
    ++block_;
    const crypto::Digest digest = hash.finish();
    const std::size_t taken = std::min(bytes.size(), digest.size());
    std::ranges::copy(std::span{digest}.first(taken), bytes.begin());
    bytes = bytes.subspan(taken);
  }
}

}  // namespace rvm::wasm
