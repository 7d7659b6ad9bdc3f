// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A trusted execution environment in software, for tests: whoever has its key can make any quote, so it proves nothing. Only
// rvm_test_signers has it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "rvm/crypto/ed25519.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/hal/quote_provider.hpp"
#include "software_quote.hpp"

namespace rvm::security::test {

class SoftwareTee {
 public:
  static constexpr std::size_t quote_bytes_max = software_quote::bytes;

  /// Launches `image`, which is what it measures. `seed` is its own key, which nothing that it launches sees.
  SoftwareTee(const crypto::Ed25519Seed& seed, std::span<const std::byte> image);

  /// Verifiers know it beforehand, as they know a manufacturer's root key.
  [[nodiscard]] const crypto::Ed25519PublicKey& endorsement_key() const { return key_.public_key(); }
  [[nodiscard]] static constexpr hal::TeePlatform platform() { return hal::TeePlatform::software; }
  [[nodiscard]] std::vector<std::byte> quote(const hal::ReportData& data) const;
  [[nodiscard]] std::optional<std::size_t> quote(const hal::ReportData& data,
                                                 std::span<std::byte, quote_bytes_max> to) const;

 private:
  crypto::Ed25519Key key_;
  crypto::Digest measurement_;
};
static_assert(hal::QuoteProvider<SoftwareTee>);

}  // namespace rvm::security::test
