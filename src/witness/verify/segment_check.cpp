// SPDX-License-Identifier: MIT OR Apache-2.0
#include "segment_check.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "rvm/crypto/sha256_pair.hpp"
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

crypto::Body body_of(const Record& record) { return std::bit_cast<crypto::Body>(record); }

/// What record_mac covers.
crypto::ShortMessage message_of(const Record& record) {
  const crypto::Body words = body_of(record);
  return {words[0], words[1], words[2], words[3], words[4], words[5], words[7]};
}

crypto::Body body_of(const crypto::Digest& left, const crypto::Digest& right) {
  return std::bit_cast<crypto::Body>(std::array<crypto::Digest, 2>{left, right});
}

/// One of the two that are checked side by side.
class Lane {
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

void hash_one(Lane& lane, std::size_t i, const Keys* keys) {
  Record& record = lane.records[i];
  record.prev_hash = first_eight(lane.head);
  if (keys != nullptr && record_mac(keys->record, record) != record.record_hash) lane.right = false;
  lane.leaves[i] = lane.head = leaf_hash(record);
}

void hash_both(Lane& a, Lane& b, std::size_t i, const Keys* keys) {
  Record& x = a.records[i];
  Record& y = b.records[i];
  x.prev_hash = first_eight(a.head);
  y.prev_hash = first_eight(b.head);
  if (keys != nullptr) {
    const auto macs = crypto::mac_pair(keys->record, message_of(x), message_of(y));
    if (first_eight(macs[0]) != x.record_hash) a.right = false;
    if (first_eight(macs[1]) != y.record_hash) b.right = false;
  }
  const auto leaves = crypto::sha256_prefixed_pair(leaf_prefix, body_of(x), body_of(y));
  a.leaves[i] = a.head = leaves[0];
  b.leaves[i] = b.head = leaves[1];
}

void finish(const Lane& lane, const SegmentPlace& place, const std::set<std::uint64_t>& tree_sizes,
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
  std::vector<crypto::Digest> nodes(leaves.begin(), leaves.end());
  std::size_t from = 0;
  std::size_t count = nodes.size();
  for (std::size_t level = 0; count != 0; ++level) {
    if ((first & 1) != 0) {  // its sibling lies before the segment
      rising.push_back({level, nodes[from]});
      ++from, --count, ++first;
    }
    if ((count & 1) != 0) falling.push_back({level, nodes[from + --count]});
    std::size_t made = 0;
    for (; made + 1 < count / 2; made += 2) {
      const crypto::Digest* const n = &nodes[from + 2 * made];
      const auto both = crypto::sha256_prefixed_pair(node_prefix, body_of(n[0], n[1]), body_of(n[2], n[3]));
      nodes[made] = both[0];
      nodes[made + 1] = both[1];
    }
    if (made < count / 2) {
      nodes[made] = node_hash(nodes[from + 2 * made], nodes[from + 2 * made + 1]);
      ++made;
    }
    from = 0;
    count = made;
    first /= 2;
  }
  rising.insert(rising.end(), falling.rbegin(), falling.rend());
  return rising;
}

void check_segments(const LogFile& file, const SegmentDemands& demands, std::span<const SegmentPlace> places,
                    std::span<CheckedSegment> results) {
  Lane a, b;
  for (std::size_t k = 0; k < places.size(); k += 2) {
    const bool two = k + 1 < places.size();
    a.right = b.right = true;
    if (!a.load(file, places[k]) || (two && !b.load(file, places[k + 1]))) return;
    const std::size_t common = two ? std::min(a.records.size(), b.records.size()) : 0;
    for (std::size_t i = 0; i < common; ++i) hash_both(a, b, i, demands.keys);
    for (std::size_t i = common; i < a.records.size(); ++i) hash_one(a, i, demands.keys);
    for (std::size_t i = common; two && i < b.records.size(); ++i) hash_one(b, i, demands.keys);
    finish(a, places[k], demands.tree_sizes, results[k]);
    if (two) finish(b, places[k + 1], demands.tree_sizes, results[k + 1]);
  }
}

}  // namespace rvm::witness
