// SPDX-License-Identifier: MIT OR Apache-2.0
//
// HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869). The rules of rvm/crypto/sha256.hpp about vector registers apply.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/crypto/sha256.hpp"
#include "rvm/types/error.hpp"

namespace rvm::crypto {

/// A key in the form in which it is used: the hash states after the inner and the outer pad. This saves two of the four
/// block computations of a short message, and the key itself need not be kept.
class HmacKey {
 public:
  /// Holds no key; assign one before use. Exists so that a global can be initialised later.
  constexpr HmacKey() = default;
  /// Keys longer than 64 bytes are hashed first, as the RFC says.
  explicit HmacKey(std::span<const std::byte> key);

  [[nodiscard]] Digest mac(std::span<const std::byte> message) const;
  /// mac of 56 bytes, in memory order: word 0 holds the first 8, the first of them in bits 0-7. Three blocks, without buffering.
  [[nodiscard]] Digest mac_words(const std::array<std::uint64_t, 7>& message) const;
  /// Overwrites the states, so that they do not remain in memory.
  void erase();

 private:
  friend class Hmac;
  friend void mac_each(const HmacKey& key, std::span<const std::byte> messages, std::span<Digest> digests);
  alignas(8) Sha256::State inner_{};
  alignas(8) Sha256::State outer_{};
};

/// HMAC over a message that comes in pieces. Refers to the key, which must outlive it.
class Hmac {
 public:
  explicit Hmac(const HmacKey& key) : key_(key), inner_(key.inner_, Sha256::block_bytes) {}
  void update(std::span<const std::byte> data) { inner_.update(data); }
  /// Ends the computation; the object must not be used after it.
  [[nodiscard]] Digest finish();

 private:
  const HmacKey& key_;
  Sha256 inner_;
};

/// Fills `output` from key material. Error::bad_argument when more than 255 * 32 bytes are asked for.
Status hkdf_sha256(std::span<const std::byte> key_material, std::span<const std::byte> salt,
                   std::span<const std::byte> info, std::span<std::byte> output);

/// Whether both are equal; the time depends on the lengths alone. False when the lengths differ.
[[nodiscard]] bool equal_constant_time(std::span<const std::byte> a, std::span<const std::byte> b);

/// Overwrites secrets; the compiler does not remove it.
void wipe(std::span<std::byte> secret);

}  // namespace rvm::crypto
