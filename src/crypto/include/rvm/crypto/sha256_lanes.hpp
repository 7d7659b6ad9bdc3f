// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many SHA-256 computations side by side, for messages of one length that do not depend on each other. An instruction that
// hashes has to wait for the one before it in the same message; those of other messages fill the time. Host only: for verifying
// logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/crypto/hmac.hpp"
#include "rvm/crypto/sha256.hpp"

namespace rvm::crypto {

/// How many messages are hashed at once: one; four, with the x86 SHA extensions; sixteen, with AVX-512.
enum class Lanes : std::uint8_t { one = 1, four = 4, sixteen = 16 };

/// What is in use: the most that this CPU can do, unless `use_lanes` chose.
[[nodiscard]] Lanes lanes_in_use();
/// Chooses `wanted` if this CPU can do it; false and no change otherwise. For tests and measurements, before other threads hash.
bool use_lanes(Lanes wanted);

inline constexpr std::size_t body_bytes = 64;
/// digests[i] = SHA-256(prefix || bodies[64 i, 64 i + 64)), the form of RFC 6962's leaf and node hashes here. Precondition:
/// 64 bytes for each digest. `digests` may begin where `bodies` does, or before it.
void sha256_prefixed_each(std::byte prefix, std::span<const std::byte> bodies, std::span<Digest> digests);

inline constexpr std::size_t short_message_bytes = 56;
/// digests[i] = key.mac(messages[56 i, 56 i + 56)). Precondition: 56 bytes for each digest.
void mac_each(const HmacKey& key, std::span<const std::byte> messages, std::span<Digest> digests);

}  // namespace rvm::crypto
