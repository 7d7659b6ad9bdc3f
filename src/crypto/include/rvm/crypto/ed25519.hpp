// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ed25519 (RFC 8032), pure mode, deterministic. The arithmetic is libsodium's, built from its pinned sources for every target
// (src/crypto/libsodium). Uses general registers only, so no hal::VectorScope is needed.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "rvm/crypto/signer.hpp"

namespace rvm::crypto {

/// What a key pair is made from. Secret: wipe it (rvm/crypto/hmac.hpp) when it is no longer needed.
struct Ed25519Seed : std::array<std::byte, 32> {};
struct Ed25519PublicKey : std::array<std::byte, 32> {};
struct Ed25519Signature : std::array<std::byte, 64> {};

/// A key pair. Time and memory accesses of everything here are independent of the secret.
class Ed25519Key {
 public:
  static constexpr std::string_view signature_type{"\x01", 1};  // C2SP signed-note
  /// Holds no key; assign one before use. Exists so that a global can be initialised later.
  constexpr Ed25519Key() = default;
  /// Cost: one multiplication of the base point.
  explicit Ed25519Key(const Ed25519Seed& seed);

  [[nodiscard]] const Ed25519PublicKey& public_key() const { return public_; }
  [[nodiscard]] const Ed25519PublicKey& identity() const { return public_; }
  /// Cost: one multiplication of the base point and two SHA-512 over the message; 2 KiB of stack, which are overwritten
  /// afterwards.
  [[nodiscard]] Ed25519Signature sign(std::span<const std::byte> message) const;
  /// Overwrites the secret, so that it does not remain in memory.
  void erase();

 private:
  Ed25519Seed seed_{};
  Ed25519PublicKey public_{};  // directly after the seed: the form in which libsodium takes a secret key
};

static_assert(Signer<Ed25519Key>);

/// Strict: also refuses an S that is not below the group order, encodings that are not canonical, and keys and points R of
/// small order, so that a signature cannot be changed into another valid one and no key verifies arbitrary messages.
/// Not constant-time; everything it sees is public.
[[nodiscard]] bool verify(const Ed25519PublicKey& key, std::span<const std::byte> message,
                          const Ed25519Signature& signature);

}  // namespace rvm::crypto
