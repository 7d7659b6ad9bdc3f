// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The format of the software TEE's quotes: all that it and its verifier share.
#pragma once

#include <cstddef>
#include <string_view>

namespace rvm::security::test::software_quote {

/// Measurement, report data, Ed25519 signature of: domain, platform number (1 byte), measurement, report data.
inline constexpr std::string_view domain = "rvm software tee quote v1\n";
inline constexpr std::size_t measurement = 0;
inline constexpr std::size_t measurement_bytes = 32;
inline constexpr std::size_t report_data = measurement + measurement_bytes;
inline constexpr std::size_t signature = report_data + 64;
inline constexpr std::size_t bytes = signature + 64;

}  // namespace rvm::security::test::software_quote
