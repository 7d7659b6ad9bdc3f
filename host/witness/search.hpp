// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `rvm witness query`, `follow` and `stats`: through the segments' indexes, showing only what the superblock vouches for.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "host/common/failure.hpp"
#include "host/witness/command.hpp"

namespace rvm::host {

/// What a log holds, counted.
struct LogStatistics {
  std::uint64_t records = 0;
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;  ///< of the file up to the end of the log
  std::uint64_t boots = 0;
  std::uint64_t refusals = 0;
  std::map<std::string, std::uint64_t> by_kind;
  std::map<std::uint32_t, std::uint64_t> by_partition;

  void take(const witness::Record& record);
};

[[nodiscard]] ExitCode witness_query_command(const LogSource& source, LogQuery query, bool json);
/// Prints matching records as they become durable, until the machine closes the log or the user interrupts.
[[nodiscard]] ExitCode witness_follow_command(const LogSource& source, LogQuery query, bool json);
[[nodiscard]] ExitCode witness_stats_command(const LogSource& source, bool json);

}  // namespace rvm::host
