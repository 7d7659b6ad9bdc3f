// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/query.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "volume_walk.hpp"

namespace rvm::witness {

bool RecordFilter::matches(const Record& record) const {
  return (!partition || partition->value == record.actor_partition) && (!object || *object == record.target_object) &&
         (!kind || *kind == record.action_kind) && (!capability || *capability == record.capability_hash) &&
         record.sequence >= first_sequence && record.sequence <= last_sequence &&
         record.timestamp_ns >= first_time.value && record.timestamp_ns <= last_time.value;
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
    const auto records = std::span{segment.bytes}.subspan(segment_header_bytes, segment.reading.records * record_bytes);
    if (!visit_all(records, at.append + segment_header_bytes, visit, visited)) return visited;
    advance(at, segment.reading);
  }
}

}  // namespace

std::expected<std::uint64_t, std::string> for_each_record(const LogFile& file, const Visit& visit) {
  if (file.looks_like_volume()) return visit_volume(file, visit);
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
