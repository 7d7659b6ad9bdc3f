// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a machine's trusted execution environment says about a quote: that it launched the software that made it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "host/attest/attest.hpp"
#include "host/common/units.hpp"
#include "rvm/security/tee.hpp"

namespace rvm::host {

inline constexpr std::string_view no_tee = "tee: the machine has no trusted execution environment";

/// The signature line of a quote that its trusted execution environment made for `key`; the error says why there is none.
struct TeeLine {
  hal::TeePlatform platform;
  std::span<const std::byte> quote;  ///< in the platform's format; of the note
};
[[nodiscard]] std::expected<TeeLine, std::string> tee_line(const witness::Note& note, std::string_view origin,
                                                           const crypto::Ed25519PublicKey& key);

/// Why the trusted execution environment does not vouch for this quote, made by the holder of `key` on software that measures
/// `expected`; empty if it does. `verifier` knows the machine's platform.
template <security::QuoteVerifier V>
[[nodiscard]] std::vector<std::string> tee_problems(const Quote& quote, const crypto::Ed25519PublicKey& key,
                                                    const V& verifier, std::span<const std::byte> expected) {
  const auto line = tee_line(quote.note, quote.origin, key);
  if (!line) {
    return {line.error()};
  }
  const auto text = std::as_bytes(std::span{quote.note.text});
  const auto measured = verifier.verify(line->platform, line->quote, security::report_data(text, key));
  if (!measured) {
    return {fmt::format("tee: the quote of {}: {}", hal::describe(line->platform), measured.error())};
  }
  if (!std::ranges::equal(measured->bytes(), expected)) {
    return {fmt::format("tee: it launched {}, not {}", hex(measured->bytes()), hex(expected))};
  }
  return {};
}

/// The platforms whose quotes this program can verify. No machine that it starts has one of them, so there are none.
struct VerifiablePlatforms {
  [[nodiscard]] static std::expected<security::LaunchMeasurement, std::string_view> verify(
      hal::TeePlatform /*platform*/, std::span<const std::byte> /*quote*/, const hal::ReportData& /*data*/) {
    return std::unexpected{"this program cannot verify it"};
  }
};

}  // namespace rvm::host
