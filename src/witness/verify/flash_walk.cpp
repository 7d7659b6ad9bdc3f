// SPDX-License-Identifier: MIT OR Apache-2.0
#include "flash_walk.hpp"

#include <algorithm>
#include <cstring>

namespace rvm::witness {

std::vector<FlashSegment> read_flash_segments(const LogFile& file) {
  std::vector<FlashSegment> segments;
  const std::uint64_t slots = file.bytes() / flash_segment_bytes;
  for (std::uint64_t slot = 0; slot < slots; ++slot) {
    FlashSegment segment;
    segment.position = slot * flash_segment_bytes;
    segment.bytes.resize(flash_segment_bytes);
    if (file.read(segment.position, segment.bytes) != flash_segment_bytes) break;
    std::memcpy(&segment.header, segment.bytes.data(), sizeof segment.header);
    const FlashHeader& header = segment.header;
    if (header.magic != flash_magic || header.number % slots != slot ||
        flash_header_extent(header.first_sequence) > flash_segment_bytes) {
      continue;
    }
    segment.tree.restore_size(header.first_sequence);
    std::size_t at = sizeof header;
    for (std::size_t level = 0; level < MerkleFrontier::levels; ++level) {
      if ((header.first_sequence >> level & 1) == 0) continue;
      crypto::Digest node;
      std::memcpy(node.data(), segment.bytes.data() + at, node.size());
      segment.tree.restore_node(level, node);
      at += node.size();
    }
    segments.push_back(std::move(segment));
  }
  std::ranges::sort(segments, {}, [](const FlashSegment& s) { return s.header.number; });
  return segments;
}

std::size_t each_flash_entry(const FlashSegment& segment, const std::function<bool(const FlashEntry&)>& visit) {
  std::size_t at = flash_header_extent(segment.header.first_sequence);
  while (at + record_bytes <= segment.bytes.size()) {
    const std::span<const std::byte> rest{segment.bytes.data() + at, segment.bytes.size() - at};
    if (is_erased(rest.first(record_bytes))) break;
    if (std::memcmp(rest.data(), flash_head_magic.data(), flash_head_magic.size()) == 0 &&
        rest.size() >= sizeof(FlashHead)) {
      FlashHead head;
      std::memcpy(&head, rest.data(), sizeof head);
      if (!visit({at, &head, nullptr})) break;
      at += sizeof head;
    } else {
      Record record;
      std::memcpy(&record, rest.data(), sizeof record);
      if (!visit({at, nullptr, &record})) break;
      at += record_bytes;
    }
  }
  return at;
}

}  // namespace rvm::witness
