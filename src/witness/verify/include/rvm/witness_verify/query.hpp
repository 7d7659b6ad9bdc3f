// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "rvm/types/ids.hpp"
#include "rvm/types/time.hpp"
#include "rvm/witness/record.hpp"
#include "rvm/witness_verify/log_file.hpp"

namespace rvm::witness {

/// Which records are wanted; an absent condition is fulfilled. Ranges include both ends.
struct RecordFilter {
  std::optional<PartitionId> partition = std::nullopt;  ///< the actor
  std::optional<std::uint32_t> object = std::nullopt;   ///< the target
  std::optional<Kind> kind = std::nullopt;
  std::optional<std::uint32_t> capability = std::nullopt;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = UINT64_MAX;
  Nanoseconds first_time{0};  ///< since the boot in which the record was made
  Nanoseconds last_time = never;

  [[nodiscard]] bool matches(const Record& record) const;
};

/// Calls `visit` for each record in order, with its byte position, until it returns false. Structure is followed, hashes
/// are not checked: verify first. The error is a sentence for people. Returns the number visited.
std::expected<std::uint64_t, std::string> for_each_record(
    const LogFile& file, const std::function<bool(const Record&, std::uint64_t position)>& visit);

}  // namespace rvm::witness
