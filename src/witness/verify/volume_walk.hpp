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

/// The records of a segment, the first of which has the number `first_sequence`, after the record with leaf hash
/// `previous_leaf`, from which each prev_hash is worked out; none of one that holds a note. Sets `last_leaf`. False when the
/// payload is malformed.
[[nodiscard]] bool unpack(const SegmentBytes& segment, std::uint64_t first_sequence,
                          const crypto::Digest& previous_leaf, std::vector<Record>& records, crypto::Digest& last_leaf);
/// The note in a segment that holds one.
[[nodiscard]] std::string_view note_in(std::span<const std::byte> segment, const SegmentReading& reading);

/// `head` after the segment.
void advance(VolumeHead& head, const SegmentReading& reading);

}  // namespace rvm::witness
