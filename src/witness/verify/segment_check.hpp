// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Checks segments independently of each other, so that a large log is checked by all cores; what joins them (the chain from
// segment to segment, the tree) is little and is done afterwards. Finds out only whether everything is right: what is wrong
// with a log that is not, RecordChecker tells.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "rvm/witness/merkle.hpp"
#include "rvm/witness/record.hpp"
#include "rvm/witness/volume.hpp"
#include "rvm/witness_verify/verify.hpp"

namespace rvm::witness {

/// A segment whose header was checked.
struct SegmentPlace {
  std::uint64_t position = 0;
  std::uint64_t first_sequence = 0;
  SegmentReading reading;
};

struct Subtree {
  std::size_t level = 0;  ///< of 2^level leaves
  crypto::Digest root;
};

struct CheckedSegment {
  bool right = false;  ///< all else is meaningful only then
  crypto::Digest last_leaf;
  std::vector<Subtree> subtrees;       ///< of its leaves, in order; each begins at a multiple of its size
  std::vector<crypto::Digest> leaves;  ///< instead, where the tree matters inside the segment
  std::string note;                    ///< of a segment that holds one
  std::vector<Record> tree_heads;      ///< to be compared with the tree
  std::uint64_t boots = 0;
  bool ends_closed = false;  ///< its last record is a closing TreeHead
};

/// What every segment is checked with.
struct SegmentDemands {
  const Keys* keys = nullptr;          ///< without: no MACs
  std::set<std::uint64_t> tree_sizes;  ///< of which the roots will be wanted
};

/// So many segments are checked side by side, because one hash computation leaves most of a core idle
/// (rvm/crypto/sha256_lanes.hpp).
inline constexpr std::size_t segments_at_once = 16;

/// One of them, in memory.
class SegmentLane;

/// What one thread checks segments with; keeps its memory from one call to the next.
class SegmentChecker {
 public:
  /// Both must outlive it.
  SegmentChecker(const LogFile& file, const SegmentDemands& demands);
  SegmentChecker(const SegmentChecker&) = delete;
  SegmentChecker& operator=(const SegmentChecker&) = delete;
  ~SegmentChecker();

  /// Payload digest, padding, packing, index, MACs (with keys), kinds; the chain from the header's previous leaf on. Of a note
  /// all but what it says. At most `segments_at_once` places. When one cannot be read, no result becomes right.
  void check(std::span<const SegmentPlace> places, std::span<CheckedSegment> results);

 private:
  const LogFile& file_;
  const SegmentDemands& demands_;
  std::vector<SegmentLane> lanes_;
};

/// The maximal perfect subtrees of `leaves`, the first of which has the number `first`.
[[nodiscard]] std::vector<Subtree> subtrees_of(std::span<const crypto::Digest> leaves, std::uint64_t first);

}  // namespace rvm::witness
