// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "host/common/failure.hpp"
#include "host/witness/log.hpp"

namespace rvm::host {

/// Which log: a volume or a file of records, and the key it was made with.
struct LogSource {
  std::optional<std::filesystem::path> volume;
  std::optional<std::filesystem::path> raw;
  std::optional<std::filesystem::path> key;
  bool allow_open = false;
};

/// Bounds are inclusive.
struct LogQuery {
  std::optional<std::uint32_t> partition;  ///< actor
  std::optional<std::uint32_t> object;     ///< target
  std::optional<std::string> kind;
  std::uint64_t from_sequence = 0;
  std::uint64_t to_sequence = UINT64_MAX;
  std::uint64_t from_ns = 0;
  std::uint64_t to_ns = UINT64_MAX;
  std::uint64_t limit = UINT64_MAX;
};

[[nodiscard]] bool matches(const LogQuery& query, const witness::Record& record);
[[nodiscard]] std::string record_json(const witness::Record& record);
[[nodiscard]] std::string record_text(const witness::Record& record);

[[nodiscard]] ExitCode witness_verify_command(const LogSource& source, bool json);
[[nodiscard]] ExitCode witness_query_command(const LogSource& source, const LogQuery& query, bool json);
/// Writes the 64-byte records one after another. A log that does not verify is exported only by `force`.
[[nodiscard]] ExitCode witness_export_command(const LogSource& source, const std::filesystem::path& output, bool force);

}  // namespace rvm::host
