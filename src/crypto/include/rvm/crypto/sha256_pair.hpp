// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two SHA-256 computations at once. A CPU's SHA instructions take several cycles each but start more often than that, so two
// independent messages of the same length cost little more than one. Host only: for verifying logs.
#pragma once

#include <array>
#include <cstdint>

#include "rvm/crypto/hmac.hpp"
#include "rvm/crypto/sha256.hpp"

namespace rvm::crypto {

using Body = std::array<std::uint64_t, 8>;

/// sha256_prefixed of both.
[[nodiscard]] std::array<Digest, 2> sha256_prefixed_pair(std::byte prefix, const Body& a, const Body& b);

/// key.mac of two messages of 56 bytes.
using ShortMessage = std::array<std::uint64_t, 7>;
[[nodiscard]] std::array<Digest, 2> mac_pair(const HmacKey& key, const ShortMessage& a, const ShortMessage& b);

}  // namespace rvm::crypto
