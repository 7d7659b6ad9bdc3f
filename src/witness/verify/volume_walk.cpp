// SPDX-License-Identifier: MIT OR Apache-2.0
#include "volume_walk.hpp"

#include <algorithm>
#include <cstring>

namespace rvm::witness {

Superblocks read_superblocks(const LogFile& file, const Keys* keys) {
  Superblocks found;
  for (unsigned slot = 0; slot < 2; ++slot) {
    std::array<std::byte, superblock_bytes> image{};
    file.read(slot * superblock_bytes, image);
    found.readings[slot] = decode_superblock(image, slot, keys, found.heads[slot], found.trees[slot]);
    if (found.readings[slot].condition != SuperblockCondition::valid) continue;
    if (!found.newest || found.heads[slot].generation > found.heads[*found.newest].generation) found.newest = slot;
  }
  return found;
}

SegmentBytes read_segment(const LogFile& file, const VolumeHead& head, std::uint64_t end) {
  SegmentBytes segment;
  const std::uint64_t room = end > head.append ? end - head.append : 0;
  segment.bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(room, segment_bytes_max)));
  segment.bytes.resize(file.read(head.append, segment.bytes));
  segment.reading = decode_segment(segment.bytes, head);
  return segment;
}

void for_each_note(const LogFile& file, const VolumeHead& from, std::uint64_t end,
                   const std::function<void(std::string_view)>& visit) {
  std::array<std::byte, note_extent_max> bytes{};
  SegmentHeader header;
  for (std::uint64_t at = from.append; at < end; at += segment_extent(header.payload_bytes)) {
    if (file.read(at, std::span{bytes}.first(sizeof(header))) < sizeof(header)) return;
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.magic != segment_magic || header.payload_bytes == 0 || header.payload_bytes > segment_bytes_max) return;
    if (header.flags != segment_is_note || header.payload_bytes > note_bytes_max) continue;
    const auto text = std::span{bytes}.first(header.payload_bytes);
    if (file.read(at + sizeof(header), text) < text.size()) return;
    visit({reinterpret_cast<const char*>(text.data()), text.size()});  // char may alias
  }
}

bool unpack(const SegmentBytes& segment, std::uint64_t first_sequence, const crypto::Digest& previous_leaf,
            std::vector<Record>& records, crypto::Digest& last_leaf) {
  alignas(std::uint64_t) std::array<std::byte, block_records * column_count> columns;
  records.resize(segment.reading.records);
  if (segment.bytes.size() < segment_header_bytes + segment.reading.payload_bytes) return false;
  auto payload = std::span{segment.bytes}.subspan(segment_header_bytes, segment.reading.payload_bytes);
  last_leaf = previous_leaf;
  if (segment.reading.is_note) return true;
  for (std::size_t done = 0; done < records.size();) {
    const auto block = std::span{records}.subspan(done, std::min<std::size_t>(block_records, records.size() - done));
    const std::size_t bytes = decode_block(payload, first_sequence + done, block, columns);
    if (bytes == 0) return false;
    payload = payload.subspan(bytes);
    for (Record& record : block) {
      record.prev_hash = first_eight(last_leaf);
      last_leaf = leaf_hash(record);
    }
    done += block.size();
  }
  return payload.empty();
}

std::string_view note_in(std::span<const std::byte> segment, const SegmentReading& reading) {
  const auto text = segment.subspan(segment_header_bytes, reading.payload_bytes);
  return {reinterpret_cast<const char*>(text.data()), text.size()};  // char may alias
}

void advance(VolumeHead& head, const SegmentReading& reading) {
  head.records += reading.records;
  head.append += reading.extent;
  head.segments += 1;
  head.chain = reading.digest;
}

}  // namespace rvm::witness
