// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "rvm/witness/volume.hpp"
#include "rvm/witness_verify/log_file.hpp"

namespace rvm::witness {

/// Both superblocks of a volume image as they were read.
struct Superblocks {
  std::array<SuperblockReading, 2> readings;
  std::array<VolumeHead, 2> heads;
  std::array<MerkleFrontier, 2> trees;
  std::optional<unsigned> newest;  ///< slot of the valid one with the highest generation
};

[[nodiscard]] Superblocks read_superblocks(const LogFile& file, const Keys* keys);

/// A segment as it lies in the file.
struct SegmentBytes {
  std::vector<std::byte> bytes;  ///< from its start, at most segment_bytes_max
  SegmentReading reading;
};

/// Reads what is at head.append as the segment that follows `head`.
[[nodiscard]] SegmentBytes read_segment(const LogFile& file, const VolumeHead& head, std::uint64_t end);

/// Calls `visit` with the text of each note between `from` and byte `end`, following the lengths in the segments' headers.
void for_each_note(const LogFile& file, const VolumeHead& from, std::uint64_t end,
                   const std::function<void(std::string_view)>& visit);

/// `head` after the segment.
void advance(VolumeHead& head, const SegmentReading& reading);

}  // namespace rvm::witness
