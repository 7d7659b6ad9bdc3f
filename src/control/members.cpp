// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/control/members.hpp"

#include <cstring>

#include "rvm/crypto/sha256.hpp"

namespace rvm::control {

std::uint64_t members_digest(std::span<const std::uint32_t> agents) {
  const crypto::Digest digest = crypto::sha256(std::as_bytes(agents));
  std::uint64_t first = 0;
  std::memcpy(&first, digest.data(), sizeof first);
  return first;
}

}  // namespace rvm::control
