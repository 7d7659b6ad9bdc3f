// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The segments of a flash image (rvm/witness/flash_volume.hpp) in the order of their numbers, and the entries of one.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "rvm/witness/flash_volume.hpp"
#include "rvm/witness_verify/log_file.hpp"

namespace rvm::witness {

struct FlashSegment {
  std::uint64_t position = 0;
  FlashHeader header;
  MerkleFrontier tree;  ///< before its first record, as the header says
  std::vector<std::byte> bytes;
};

/// Whoever looks like a segment: it has the magic and lies where its number says. Ascending by number.
[[nodiscard]] std::vector<FlashSegment> read_flash_segments(const LogFile& file);

struct FlashEntry {
  std::size_t at = 0;  ///< in the segment
  const FlashHead* head = nullptr;
  const Record* record = nullptr;
};
/// Calls `visit` for each entry until it returns false or erased flash follows. Returns where it stopped.
std::size_t each_flash_entry(const FlashSegment& segment, const std::function<bool(const FlashEntry&)>& visit);

}  // namespace rvm::witness
