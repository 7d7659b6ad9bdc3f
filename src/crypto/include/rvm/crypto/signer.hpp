// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One concept for everything that signs: an Ed25519 key (anyone verifies), an HMAC key (its holders verify), a trusted execution
// environment (rvm/security/tee.hpp). What is signed does not know by whom.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

namespace rvm::crypto {

/// - `signature_type`: tells its signatures from all others; the bytes that C2SP signed-note hashes into key ids. One byte, or 0xff
///   and a longer name.
/// - `identity()`: the key's public name: the public key, where there is one.
/// - `sign(message)`: a contiguous range of bytes, of a size that the type bounds. Empty if it could not sign, which happens only to
///   signers outside the program.
template <typename S>
concept Signer = requires(const S& signer, std::span<const std::byte> message) {
  { S::signature_type } -> std::convertible_to<std::string_view>;
  { signer.identity() } -> std::convertible_to<std::span<const std::byte>>;
  { signer.sign(message) } -> std::convertible_to<std::span<const std::byte>>;
};

}  // namespace rvm::crypto
