// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Quotes of trusted execution environments in signed notes. The machine's provider (rvm/hal/quote_provider.hpp) signs a note like
// any other signer; a verifier, which shares no code with it, judges.
//
// The signature line is base64(key id || platform, 1 byte || quote in the platform's format). The quote is over report data that
// bind the note's text and the Ed25519 key that signs the note as well: what was launched says this, and has this key.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <expected>
#include <span>
#include <string_view>

#include "rvm/crypto/ed25519.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/crypto/signer.hpp"
#include "rvm/hal/quote_provider.hpp"
#include "rvm/witness/note.hpp"

namespace rvm::security {

/// No byte is assigned to quotes in C2SP signed-note: 0xff and a name.
inline constexpr std::string_view tee_signature_type =
    "\xff"
    "rvm.local/tee-quote/v1";

/// SHA-256(text) || key.
[[nodiscard]] inline hal::ReportData report_data(std::span<const std::byte> text, const crypto::Ed25519PublicKey& key) {
  const crypto::Digest digest = crypto::sha256(text);
  hal::ReportData data;
  std::ranges::copy(key, std::ranges::copy(digest, data.begin()).out);
  return data;
}

/// Has the machine's trusted execution environment sign for the holder of `key`. Refers to both.
template <hal::QuoteProvider P>
class TeeSigner {
 public:
  static constexpr std::string_view signature_type = tee_signature_type;
  static constexpr std::size_t signature_bytes_max = 1 + P::quote_bytes_max;
  /// Of the line in a note: dash, name, space, base64 with the key id, line feed.
  static constexpr std::size_t line_bytes_max =
      P::quote_bytes_max == 0 ? 0 : 4 + sizeof(witness::Origin) + 1 + (4 + signature_bytes_max + 2) / 3 * 4 + 1;

  TeeSigner(const P& provider, const crypto::Ed25519PublicKey& key) : provider_(provider), key_(key) {}

  class Signature {
   public:
    [[nodiscard]] const std::byte* data() const { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] auto begin() const { return bytes_.begin(); }
    [[nodiscard]] auto end() const { return begin() + static_cast<std::ptrdiff_t>(size_); }

   private:
    friend class TeeSigner;
    std::array<std::byte, signature_bytes_max> bytes_{};
    std::size_t size_ = 0;
  };

  [[nodiscard]] const crypto::Ed25519PublicKey& identity() const { return key_; }
  [[nodiscard]] Signature sign(std::span<const std::byte> message) const {
    Signature signature;
    const auto room = std::span{signature.bytes_}.template subspan<1>();
    if (const auto size = provider_.quote(report_data(message, key_), room)) {
      signature.bytes_[0] = static_cast<std::byte>(provider_.platform());
      signature.size_ = 1 + *size;
    }
    return signature;
  }

 private:
  const P& provider_;
  const crypto::Ed25519PublicKey& key_;
};

/// What a platform measured as it launched the software, in its own way and size (SGX 32 bytes, SEV-SNP and TDX 48, Arm CCA up
/// to 64).
class LaunchMeasurement {
 public:
  static constexpr std::size_t bytes_max = 64;
  /// Precondition: at most bytes_max.
  explicit LaunchMeasurement(std::span<const std::byte> bytes) : size_(bytes.size()) {
    std::ranges::copy(bytes, bytes_.begin());
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span{bytes_}.first(size_); }

 private:
  std::array<std::byte, bytes_max> bytes_{};
  std::size_t size_;
};

/// Judges quotes of the platforms that it knows: whether a genuine environment made this one over these report data, and then what it
/// measured. Everything it is given comes from the other side. The error says why not.
template <typename V>
concept QuoteVerifier = requires(const V& verifier, hal::TeePlatform platform, std::span<const std::byte> quote,
                                 const hal::ReportData& data) {
  { verifier.verify(platform, quote, data) } -> std::same_as<std::expected<LaunchMeasurement, std::string_view>>;
};

}  // namespace rvm::security
