// SPDX-License-Identifier: MIT OR Apache-2.0
#include "segment_check.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "rvm/crypto/sha256_lanes.hpp"
#include "volume_walk.hpp"

namespace rvm::witness {

namespace {

constexpr std::byte leaf_prefix{0x00};
constexpr std::byte node_prefix{0x01};

constexpr std::array<bool, 256> known_kinds = [] {
  std::array<bool, 256> known{};
  for (const KindDescription& k : kinds) known[static_cast<std::size_t>(k.kind)] = true;
  return known;
}();

/// What record_mac covers.
using MacMessage = std::array<std::uint64_t, crypto::short_message_bytes / 8>;
MacMessage message_of(const Record& record) {
  const auto words = std::bit_cast<std::array<std::uint64_t, sizeof(Record) / 8>>(record);
  return {words[0], words[1], words[2], words[3], words[4], words[5], words[7]};
}

}  // namespace

class SegmentLane {
 public:
  /// Reads and unpacks; false when something is wrong.
  bool load(const LogFile& file, const SegmentPlace& place) {
    bytes_.resize(place.reading.extent);
    if (file.read(place.position, bytes_) != bytes_.size()) return false;
    auto payload = std::span<const std::byte>{bytes_}.subspan(segment_header_bytes, place.reading.payload_bytes);
    const auto stated = std::span{bytes_}.subspan(offsetof(SegmentHeader, payload_digest), crypto::digest_bytes);
    if (!std::ranges::equal(crypto::sha256(payload), stated)) return false;
    if (!all_zero(std::span{bytes_}.subspan(segment_header_bytes + payload.size()))) return false;
    records.resize(place.reading.records);
    leaves.resize(records.size());
    head = place.reading.previous_leaf;
    right = true;
    if (place.reading.is_note) {
      note = note_in(bytes_, place.reading);
      return true;
    }
    note.clear();
    for (std::size_t done = 0; done < records.size();) {
      const auto block = std::span{records}.subspan(done, std::min<std::size_t>(block_records, records.size() - done));
      const std::size_t taken = decode_block(payload, place.first_sequence + done, block, columns_);
      if (taken == 0) return false;
      payload = payload.subspan(taken);
      done += block.size();
    }
    return payload.empty();
  }

  std::vector<Record> records;
  std::vector<crypto::Digest> leaves;
  std::string note;
  crypto::Digest head;  ///< leaf hash of the record before the next
  bool right = true;

 private:
  std::vector<std::byte> bytes_;
  alignas(std::uint64_t) std::array<std::byte, block_records * column_count> columns_;
};

namespace {

/// Hashes the records of all lanes, the first of each, then the second, and so on: in a segment each waits for the one before.
void hash(std::span<SegmentLane> lanes, const Keys* keys) {
  std::array<SegmentLane*, segments_at_once> longest_first;
  for (std::size_t k = 0; k < lanes.size(); ++k) longest_first[k] = &lanes[k];
  auto active = std::span{longest_first}.first(lanes.size());
  std::ranges::sort(active, std::greater{}, [](const SegmentLane* lane) { return lane->records.size(); });
  std::array<Record, segments_at_once> records;
  std::array<MacMessage, segments_at_once> messages;
  std::array<crypto::Digest, segments_at_once> digests;
  for (std::size_t i = 0;; ++i) {
    while (!active.empty() && active.back()->records.size() <= i) active = active.first(active.size() - 1);
    if (active.empty()) return;
    const std::size_t count = active.size();
    for (std::size_t k = 0; k < count; ++k) {
      Record& record = active[k]->records[i];
      record.prev_hash = first_eight(active[k]->head);
      records[k] = record;
      if (keys != nullptr) messages[k] = message_of(record);
    }
    const auto results = std::span{digests}.first(count);
    if (keys != nullptr) {
      crypto::mac_each(keys->record, std::as_bytes(std::span{messages}.first(count)), results);
      for (std::size_t k = 0; k < count; ++k) {
        if (first_eight(digests[k]) != records[k].record_hash) active[k]->right = false;
      }
    }
    crypto::sha256_prefixed_each(leaf_prefix, std::as_bytes(std::span{records}.first(count)), results);
    for (std::size_t k = 0; k < count; ++k) active[k]->leaves[i] = active[k]->head = digests[k];
  }
}

void finish(const SegmentLane& lane, const SegmentPlace& place, const std::set<std::uint64_t>& tree_sizes,
            CheckedSegment& result) {
  SegmentIndex index;
  bool known = true;
  for (const Record& record : lane.records) {
    index.add(record);
    known = known && known_kinds[static_cast<std::size_t>(record.action_kind)];
    result.boots += record.action_kind == Kind::boot_complete ? 1 : 0;
    if (record.action_kind == Kind::tree_head) result.tree_heads.push_back(record);
  }
  if (!lane.records.empty()) {
    const Record& last = lane.records.back();
    result.ends_closed = last.action_kind == Kind::tree_head && (last.flags & tree_head_closing) != 0;
  }
  result.note = lane.note;
  result.last_leaf = lane.head;
  const auto wanted = tree_sizes.upper_bound(place.first_sequence);
  const bool inside = wanted != tree_sizes.end() && *wanted < place.first_sequence + lane.records.size();
  if (inside || !result.tree_heads.empty()) {
    result.leaves = lane.leaves;
  } else {
    result.subtrees = subtrees_of(lane.leaves, place.first_sequence);
  }
  result.right = lane.right && known && index == place.reading.index;
}

}  // namespace

std::vector<Subtree> subtrees_of(std::span<const crypto::Digest> leaves, std::uint64_t first) {
  std::vector<Subtree> rising, falling;
  std::vector<crypto::Digest> nodes(leaves.size() / 2);
  std::span<const crypto::Digest> level_nodes = leaves;
  for (std::size_t level = 0; !level_nodes.empty(); ++level) {
    if ((first & 1) != 0) {  // its sibling lies before the segment
      rising.push_back({level, level_nodes.front()});
      level_nodes = level_nodes.subspan(1);
      ++first;
    }
    const std::size_t parents = level_nodes.size() / 2;
    if (level_nodes.size() % 2 != 0) falling.push_back({level, level_nodes.back()});
    const auto above = std::span{nodes}.first(parents);
    crypto::sha256_prefixed_each(node_prefix, std::as_bytes(level_nodes.first(2 * parents)), above);
    level_nodes = above;
    first /= 2;
  }
  rising.insert(rising.end(), falling.rbegin(), falling.rend());
  return rising;
}

SegmentChecker::SegmentChecker(const LogFile& file, const SegmentDemands& demands)
    : file_(file), demands_(demands), lanes_(segments_at_once) {}
SegmentChecker::~SegmentChecker() = default;

void SegmentChecker::check(std::span<const SegmentPlace> places, std::span<CheckedSegment> results) {
  const auto lanes = std::span{lanes_}.first(places.size());
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    if (!lanes[k].load(file_, places[k])) return;
  }
  hash(lanes, demands_.keys);
  for (std::size_t k = 0; k < lanes.size(); ++k) finish(lanes[k], places[k], demands_.tree_sizes, results[k]);
}

}  // namespace rvm::witness
