// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "rvm/types/ids.hpp"
#include "rvm/types/time.hpp"
#include "rvm/witness/keys.hpp"
#include "rvm/witness/record.hpp"
#include "rvm/witness/segment_index.hpp"
#include "rvm/witness_verify/log_file.hpp"

namespace rvm::witness {

/// Which records are wanted; an absent condition is fulfilled. Ranges include both ends.
struct RecordFilter {
  std::optional<PartitionId> partition = std::nullopt;  ///< the actor
  std::optional<std::uint32_t> object = std::nullopt;   ///< the target
  std::optional<std::uint32_t> region = std::nullopt;   ///< the target of an action on regions
  std::optional<Kind> kind = std::nullopt;
  std::optional<std::uint32_t> capability = std::nullopt;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = UINT64_MAX;
  Nanoseconds first_time{0};  ///< since the boot in which the record was made
  Nanoseconds last_time = never;

  [[nodiscard]] bool matches(const Record& record) const;
  /// False when no record of a segment with this index can match.
  [[nodiscard]] bool may_match(const SegmentIndex& index, std::uint64_t first_sequence_of_segment,
                               std::uint64_t records) const;
};

/// What becomes of a region: made, destroyed, moved, shared, mapped.
[[nodiscard]] constexpr bool is_region_kind(Kind kind) {
  return static_cast<std::uint8_t>(kind) >> 4 == static_cast<std::uint8_t>(Kind::region_create) >> 4;
}

struct SearchReport {
  std::uint64_t records = 0;  ///< in the log
  std::uint64_t matches = 0;
  std::uint64_t segments = 0;
  std::uint64_t segments_read = 0;  ///< the others' indexes said that they have nothing
  std::uint64_t bytes = 0;          ///< up to the end of the log
  bool closed = false;              ///< it ends with an orderly shutdown
};

/// Calls `visit` for each record of a volume that matches, in order, until it returns false. Reads every segment's header, but
/// only such payloads as may have a match. What it shows is authentic: the superblock (with `keys`, by its MAC) vouches for
/// the chain of headers, each header for its payload; `durable_only` leaves out what the superblock does not count yet. The
/// error is a sentence for people.
std::expected<SearchReport, std::string> search_volume(const LogFile& file, const Keys* keys,
                                                       const RecordFilter& filter,
                                                       const std::function<bool(const Record&)>& visit,
                                                       bool durable_only = false);

/// Calls `visit` for each record in order, with its byte position, until it returns false. Structure is followed, hashes
/// are not checked: verify first. The error is a sentence for people. Returns the number visited.
std::expected<std::uint64_t, std::string> for_each_record(
    const LogFile& file, const std::function<bool(const Record&, std::uint64_t position)>& visit);

}  // namespace rvm::witness
