// SPDX-License-Identifier: MIT OR Apache-2.0
#include "software_tee.hpp"

#include <algorithm>

namespace rvm::security::test {

SoftwareTee::SoftwareTee(const crypto::Ed25519Seed& seed, std::span<const std::byte> image)
    : key_(seed), measurement_(crypto::sha256(image)) {}

std::vector<std::byte> SoftwareTee::quote(const hal::ReportData& data) const {
  const auto domain = std::as_bytes(std::span{software_quote::domain});
  std::vector<std::byte> message{domain.begin(), domain.end()};
  message.push_back(static_cast<std::byte>(platform()));
  message.insert(message.end(), measurement_.begin(), measurement_.end());
  message.insert(message.end(), data.begin(), data.end());
  const crypto::Ed25519Signature signature = key_.sign(message);
  std::vector<std::byte> quote{measurement_.begin(), measurement_.end()};
  quote.insert(quote.end(), data.begin(), data.end());
  quote.insert(quote.end(), signature.begin(), signature.end());
  return quote;
}

std::optional<std::size_t> SoftwareTee::quote(const hal::ReportData& data,
                                              std::span<std::byte, quote_bytes_max> to) const {
  const std::vector<std::byte> made = quote(data);
  std::ranges::copy(made, to.begin());
  return made.size();
}

}  // namespace rvm::security::test
