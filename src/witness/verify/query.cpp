// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/query.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "flash_walk.hpp"
#include "rvm/witness_verify/verify.hpp"
#include "volume_walk.hpp"

namespace rvm::witness {

bool RecordFilter::matches(const Record& record) const {
  return (!partition || partition->value == record.actor_partition) && (!object || *object == record.target_object) &&
         (!region || (is_region_kind(record.action_kind) && *region == record.target_object)) &&
         (!kind || *kind == record.action_kind) && (!capability || *capability == record.capability_hash) &&
         record.sequence >= first_sequence && record.sequence <= last_sequence &&
         record.timestamp_ns >= first_time.value && record.timestamp_ns <= last_time.value;
}

bool RecordFilter::may_match(const SegmentIndex& index, std::uint64_t first, std::uint64_t count) const {
  if (first > last_sequence || first + count <= first_sequence) return false;
  if (index.first_time > last_time.value || index.last_time < first_time.value) return false;
  if (partition && !index.partitions.may_contain(partition->value)) return false;
  const auto has = [&index](Kind k, std::optional<std::uint32_t> target) {
    return index.has(k) && (!target || index.objects.may_contain(SegmentIndex::object_key(k, *target)));
  };
  return std::ranges::any_of(kinds, [&](const KindDescription& k) {
    if (kind && *kind != k.kind) return false;
    if (region && !(is_region_kind(k.kind) && has(k.kind, region))) return false;
    return has(k.kind, object);
  });
}

namespace {

using Visit = std::function<bool(const Record&, std::uint64_t)>;

/// False when `visit` wants no more.
bool visit_all(std::span<const std::byte> records, std::uint64_t position, const Visit& visit, std::uint64_t& visited) {
  for (std::size_t i = 0; i + record_bytes <= records.size(); i += record_bytes) {
    Record record;
    std::memcpy(&record, records.data() + i, sizeof(record));
    ++visited;
    if (!visit(record, position + i)) return false;
  }
  return true;
}

std::expected<std::uint64_t, std::string> visit_volume(const LogFile& file, const Visit& visit) {
  const Superblocks blocks = read_superblocks(file, nullptr);
  if (!blocks.newest)
    return std::unexpected{std::string{"neither superblock of the volume is readable; run `rvm witness verify`"}};
  const VolumeHead& newest = blocks.heads[*blocks.newest];
  VolumeHead at = newest;
  at.records = 0;
  at.append = data_start;
  at.chain = chain_start(newest.volume_id);
  std::uint64_t visited = 0;
  for (;;) {
    const bool counted = at.append < newest.append;
    if (!counted && newest.state == VolumeState::closed) return visited;
    const SegmentBytes segment =
        read_segment(file, at, counted ? newest.append : std::min(file.bytes(), newest.capacity));
    if (segment.reading.problem != SegmentProblem::none) {
      if (!counted) return visited;
      return std::unexpected{"record " + std::to_string(at.records) + ": " +
                             std::string{describe(segment.reading.problem)} + "; run `rvm witness verify`"};
    }
    std::vector<Record> records;
    crypto::Digest last_leaf;
    if (!unpack(segment, at.records, segment.reading.previous_leaf, records, last_leaf)) {
      return std::unexpected{"record " + std::to_string(at.records) +
                             ": its segment cannot be unpacked; run `rvm witness verify`"};
    }
    for (const Record& record : records) {
      ++visited;
      if (!visit(record, at.append)) return visited;
    }
    advance(at, segment.reading);
  }
}

/// What the newest segment and those before it hold, as far as it chains. The next header says where a segment really ended: the record
/// behind that is one that was interrupted.
std::uint64_t visit_flash(const LogFile& file, const Visit& visit) {
  std::uint64_t visited = 0;
  bool wanted = true;
  const std::vector<FlashSegment> segments = read_flash_segments(file);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const FlashSegment& segment = segments[i];
    const std::uint64_t end = i + 1 < segments.size() ? segments[i + 1].header.first_sequence : UINT64_MAX;
    std::uint64_t expected = segment.header.first_sequence;
    each_flash_entry(segment, [&](const FlashEntry& entry) {
      if (entry.record == nullptr) return wanted;
      if (expected == end || entry.record->sequence != expected) return false;
      ++expected;
      ++visited;
      return wanted = wanted && visit(*entry.record, segment.position + entry.at);
    });
  }
  return visited;
}

/// A flash is small: all of it is verified, then looked through.
std::expected<SearchReport, std::string> search_flash(const LogFile& file, const Keys* keys, const RecordFilter& filter,
                                                      const std::function<bool(const Record&)>& visit) {
  VerifyOptions options;
  options.keys = keys;
  const VerifyReport verified = verify_flash(file, options);
  if (!verified.ok) return std::unexpected{std::string{"the log on flash does not verify; run `rvm witness verify`"}};
  SearchReport report{.records = verified.records,
                      .segments = verified.segments,
                      .segments_read = verified.segments,
                      .bytes = file.bytes(),
                      .closed = verified.state == LogState::closed};
  visit_flash(file, [&](const Record& record, std::uint64_t) {
    if (record.sequence >= verified.records) return false;  // what an interrupted write left
    if (!filter.matches(record)) return true;
    ++report.matches;
    return visit(record);
  });
  return report;
}

std::unexpected<std::string> unsearchable(std::uint64_t record, std::string_view why) {
  return std::unexpected{"record " + std::to_string(record) + ": " + std::string{why} + "; run `rvm witness verify`"};
}

}  // namespace

std::expected<SearchReport, std::string> search_volume(const LogFile& file, const Keys* keys,
                                                       const RecordFilter& filter,
                                                       const std::function<bool(const Record&)>& visit,
                                                       bool durable_only) {
  if (file.looks_like_flash()) return search_flash(file, keys, filter, visit);
  const Superblocks blocks = read_superblocks(file, keys);
  if (!blocks.newest) {
    return std::unexpected{
        std::string{"neither superblock of the volume is readable and authentic; run `rvm witness verify`"}};
  }
  const VolumeHead& newest = blocks.heads[*blocks.newest];
  VolumeHead at = newest;
  at.records = at.segments = 0;
  at.append = data_start;
  at.chain = chain_start(newest.volume_id);
  SearchReport report{.closed = newest.state == VolumeState::closed};
  bool wanted = true;
  for (;;) {
    const bool counted = at.append < newest.append;
    if (!counted && (report.closed || durable_only || !wanted)) break;
    std::array<std::byte, segment_header_bytes> header;
    const std::size_t got = file.read(at.append, header);
    const std::uint64_t end = counted ? newest.append : std::min(file.bytes(), newest.capacity);
    const SegmentReading reading = decode_segment_header(std::span{header}.first(got), end - at.append, at);
    if (reading.problem != SegmentProblem::none) {
      if (!counted) break;
      return unsearchable(at.records, describe(reading.problem));
    }
    if (wanted && filter.may_match(reading.index, at.records, reading.records)) {
      const SegmentBytes segment = read_segment(file, at, end);
      if (segment.reading.problem != SegmentProblem::none) {
        if (!counted) break;
        return unsearchable(at.records, describe(segment.reading.problem));
      }
      std::vector<Record> records;
      crypto::Digest last_leaf;
      if (!unpack(segment, at.records, reading.previous_leaf, records, last_leaf))
        return unsearchable(at.records, "its segment cannot be unpacked");
      ++report.segments_read;
      for (const Record& record : records) {
        if (!wanted || !filter.matches(record)) continue;
        ++report.matches;
        wanted = visit(record);
      }
    }
    ++report.segments;
    advance(at, reading);
    // Everything up to here is what the superblock vouches for.
    if (at.append == newest.append && at.chain != newest.chain)
      return unsearchable(at.records, "the segments are not those that the superblock counts");
  }
  report.records = at.records;
  report.bytes = at.append;
  return report;
}

std::expected<std::uint64_t, std::string> for_each_record(const LogFile& file, const Visit& visit) {
  if (file.looks_like_volume()) return visit_volume(file, visit);
  if (file.looks_like_flash()) return visit_flash(file, visit);
  std::vector<std::byte> chunk(std::size_t{1} << 20);
  std::uint64_t visited = 0;
  for (std::uint64_t at = 0; at + record_bytes <= file.bytes();) {
    const std::size_t got = file.read(at, chunk) / record_bytes * record_bytes;
    if (got == 0 || !visit_all(std::span{chunk}.first(got), at, visit, visited)) break;
    at += got;
  }
  return visited;
}

}  // namespace rvm::witness
