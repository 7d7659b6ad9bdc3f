// SPDX-License-Identifier: MIT OR Apache-2.0
#include "software_tee_verifier.hpp"

#include <algorithm>
#include <array>

#include "software_quote.hpp"

namespace rvm::security::test {

namespace format = software_quote;

std::expected<LaunchMeasurement, std::string_view> SoftwareTeeVerifier::verify(hal::TeePlatform platform,
                                                                               std::span<const std::byte> quote,
                                                                               const hal::ReportData& data) const {
  if (platform != hal::TeePlatform::software) return std::unexpected{"it is of another platform"};
  if (quote.size() != format::bytes) return std::unexpected{"it has a wrong size"};
  // What the signature covers: domain, platform, and the quote up to the signature.
  std::array<std::byte, format::domain.size() + 1 + format::signature> message;
  auto at = std::ranges::copy(std::as_bytes(std::span{format::domain}), message.begin()).out;
  *at++ = static_cast<std::byte>(platform);
  std::ranges::copy(quote.first(format::signature), at);
  crypto::Ed25519Signature signature;
  std::ranges::copy(quote.subspan(format::signature), signature.begin());
  if (!crypto::verify(key_, message, signature)) return std::unexpected{"its signature does not verify"};
  if (!std::ranges::equal(quote.subspan(format::report_data, data.size()), data))
    return std::unexpected{"it was made over something else"};
  return LaunchMeasurement{quote.subspan(format::measurement, format::measurement_bytes)};
}

}  // namespace rvm::security::test
