// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Judges the software TEE's quotes, knowing the format and the public key alone.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string_view>

#include "rvm/security/tee.hpp"

namespace rvm::security::test {

class SoftwareTeeVerifier {
 public:
  explicit SoftwareTeeVerifier(const crypto::Ed25519PublicKey& endorsement_key) : key_(endorsement_key) {}

  [[nodiscard]] std::expected<LaunchMeasurement, std::string_view> verify(hal::TeePlatform platform,
                                                                          std::span<const std::byte> quote,
                                                                          const hal::ReportData& data) const;

 private:
  crypto::Ed25519PublicKey key_;
};
static_assert(QuoteVerifier<SoftwareTeeVerifier>);

}  // namespace rvm::security::test
