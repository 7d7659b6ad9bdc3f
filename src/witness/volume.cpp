// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/volume.hpp"

#include <algorithm>
#include <cstring>

namespace rvm::witness {

namespace {

constexpr std::size_t digested_bytes = offsetof(SuperblockSector, digest);
constexpr std::size_t authenticated_bytes = offsetof(SuperblockSector, mac);
static_assert(offsetof(FrontierSector, digest) == digested_bytes &&
              offsetof(FrontierSector, mac) == authenticated_bytes);

template <typename Sector>
Sector load(std::span<const std::byte, sector_bytes> bytes) {
  Sector sector;
  std::memcpy(&sector, bytes.data(), sizeof(sector));
  return sector;
}

crypto::Digest sector_mac(const Keys& keys, std::uint64_t index, std::span<const std::byte, sector_bytes> bytes) {
  crypto::Hmac hmac{keys.volume};
  hmac.update(crypto::bytes_of(index));  // a sector cannot stand in for another
  hmac.update(bytes.first<authenticated_bytes>());
  return hmac.finish();
}

// Digest and MAC at the end of a sector that is otherwise complete.
void seal_sector(const Keys& keys, std::uint64_t index, std::span<std::byte, sector_bytes> bytes) {
  const crypto::Digest digest = crypto::sha256(bytes.first<digested_bytes>());
  std::memcpy(bytes.data() + digested_bytes, digest.data(), digest.size());
  const crypto::Digest mac = sector_mac(keys, index, bytes);
  std::memcpy(bytes.data() + authenticated_bytes, mac.data(), mac.size());
}

bool digest_holds(std::span<const std::byte, sector_bytes> bytes) {
  return crypto::equal_constant_time(crypto::sha256(bytes.first<digested_bytes>()),
                                     bytes.subspan<digested_bytes, crypto::digest_bytes>());
}

bool mac_holds(const Keys* keys, std::uint64_t index, std::span<const std::byte, sector_bytes> bytes) {
  return keys == nullptr ||
         crypto::equal_constant_time(sector_mac(*keys, index, bytes), bytes.last<crypto::digest_bytes>());
}

std::span<const std::byte, sector_bytes> sector_of(std::span<const std::byte, superblock_bytes> image, std::size_t i) {
  return image.subspan(i * sector_bytes).first<sector_bytes>();
}

crypto::Digest segment_digest(std::span<const std::byte> header, const crypto::Digest& chain) {
  crypto::Sha256 hash;
  hash.update(header.first(offsetof(SegmentHeader, digest)));
  hash.update(chain);
  return hash.finish();
}

}  // namespace

bool all_zero(std::span<const std::byte> bytes) {
  using Word [[gnu::may_alias]] = const std::uint64_t;
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % sizeof(Word) == 0) {
    const std::size_t words = bytes.size() / sizeof(Word);
    const auto* word = reinterpret_cast<Word*>(bytes.data());  // may_alias makes the view legal
    for (std::size_t i = 0; i < words; ++i) {
      if (word[i] != 0) return false;
    }
    bytes = bytes.subspan(words * sizeof(Word));
  }
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

crypto::Digest chain_start(const std::array<std::byte, 16>& volume_id) {
  constexpr std::string_view label = "rvm log volume";
  crypto::Sha256 hash;
  hash.update(std::as_bytes(std::span{label}));
  hash.update(volume_id);
  return hash.finish();
}

void encode_superblock(const VolumeHead& head, const MerkleFrontier& tree, const Keys& keys,
                       std::span<std::byte, superblock_bytes> image) {
  std::ranges::fill(image, std::byte{0});
  const SuperblockSector first{.magic = superblock_magic,
                               .generation = head.generation,
                               .version = volume_version,
                               .state = static_cast<std::uint32_t>(head.state),
                               .volume_id = head.volume_id,
                               .key_id = keys.key_id,
                               .capacity = head.capacity,
                               .records = head.records,
                               .append = head.append,
                               .segments = head.segments,
                               .last_leaf = head.last_leaf,
                               .chain = head.chain,
                               .root = head.root,
                               .unused = {},
                               .digest = {},
                               .mac = {}};
  std::memcpy(image.data(), &first, sizeof(first));
  seal_sector(keys, 0, image.first<sector_bytes>());
  for (std::size_t i = 0; i < frontier_sectors(tree.size()); ++i) {
    FrontierSector sector{};
    sector.magic = frontier_magic;
    sector.generation = head.generation;
    for (std::size_t n = 0; n < nodes_per_sector && i * nodes_per_sector + n < MerkleFrontier::levels; ++n) {
      sector.nodes[n] = tree.node(i * nodes_per_sector + n);
    }
    const auto bytes = image.subspan((1 + i) * sector_bytes).first<sector_bytes>();
    std::memcpy(bytes.data(), &sector, sizeof(sector));
    seal_sector(keys, 1 + i, bytes);
  }
}

SuperblockReading decode_superblock(std::span<const std::byte, superblock_bytes> image, unsigned slot, const Keys* keys,
                                    VolumeHead& head, MerkleFrontier& tree) {
  using enum SuperblockCondition;
  if (all_zero(image)) return {blank};
  const auto first = load<SuperblockSector>(image.first<sector_bytes>());
  const bool first_is_zero = all_zero(image.first<sector_bytes>());
  if (!first_is_zero) {
    if (first.magic != superblock_magic) return {foreign};
    if (!digest_holds(image.first<sector_bytes>())) return {damaged};
    if (first.version != volume_version) return {unsupported};
    if (keys != nullptr && first.key_id != keys->key_id) return {wrong_key};
    if (!mac_holds(keys, 0, image.first<sector_bytes>())) return {damaged};
  }

  // Every sector by itself first: damage must not pass for an interrupted write.
  bool one_generation = !first_is_zero;
  tree.restore_size(first.records);
  const std::size_t expected = frontier_sectors(first.records);
  for (std::uint32_t i = 1; i < superblock_sectors; ++i) {
    const auto bytes = sector_of(image, i);
    if (all_zero(bytes)) {
      if (i <= expected) one_generation = false;
      continue;
    }
    const auto sector = load<FrontierSector>(bytes);
    if (sector.magic != frontier_magic || !digest_holds(bytes) || !mac_holds(keys, i, bytes)) return {damaged, i};
    if (i > expected || sector.generation != first.generation) {
      one_generation = false;
      continue;
    }
    for (std::size_t n = 0; n < nodes_per_sector; ++n) {
      const std::size_t level = (i - 1) * nodes_per_sector + n;
      if (level < MerkleFrontier::levels) tree.restore_node(level, sector.nodes[n]);
    }
  }
  if (!one_generation) return {torn};

  const bool state_known = first.state == static_cast<std::uint32_t>(VolumeState::open) ||
                           first.state == static_cast<std::uint32_t>(VolumeState::closed);
  if (!state_known || first.generation % 2 != slot || tree.root() != first.root || first.append < data_start ||
      first.append % sector_bytes != 0 || first.append > first.capacity) {
    return {damaged};
  }
  head = {.volume_id = first.volume_id,
          .key_id = first.key_id,
          .generation = first.generation,
          .capacity = first.capacity,
          .state = static_cast<VolumeState>(first.state),
          .records = first.records,
          .append = first.append,
          .segments = first.segments,
          .last_leaf = first.last_leaf,
          .chain = first.chain,
          .root = first.root};
  return {valid};
}

crypto::Digest encode_segment_header(const VolumeHead& head, std::uint32_t records, const SegmentIndex& index,
                                     std::span<const std::byte> payload,
                                     std::span<std::byte, segment_header_bytes> bytes) {
  SegmentHeader header{.magic = segment_magic,
                       .record_count = records,
                       .first_sequence = head.records,
                       .payload_bytes = static_cast<std::uint32_t>(payload.size()),
                       .flags = records == 0 ? segment_is_note : 0,
                       .volume = {},
                       .index = index,
                       .previous_leaf = head.last_leaf,
                       .payload_digest = crypto::sha256(payload),
                       .digest = {}};
  std::ranges::copy(std::span{head.volume_id}.first<8>(), header.volume.begin());
  header.digest = segment_digest(crypto::bytes_of(header), head.chain);
  std::memcpy(bytes.data(), &header, sizeof(header));
  return header.digest;
}

SegmentReading decode_segment_header(std::span<const std::byte> bytes, std::uint64_t room, const VolumeHead& head) {
  using enum SegmentProblem;
  SegmentHeader header;
  if (bytes.size() < segment_header_bytes || room < sector_bytes) return {bad_length};
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != segment_magic) return {bad_magic};
  const std::uint32_t count = header.record_count;
  const bool note = count == 0 && header.flags == segment_is_note;
  const bool possible =
      note ? header.payload_bytes != 0 && header.payload_bytes <= note_bytes_max
           : count != 0 && count <= segment_records_max && header.payload_bytes <= payload_bytes_max(count);
  if (!possible || segment_extent(header.payload_bytes) > room) return {bad_length};
  SegmentReading reading{.problem = none,
                         .records = count,
                         .extent = segment_extent(header.payload_bytes),
                         .payload_bytes = header.payload_bytes,
                         .digest = segment_digest(bytes, head.chain),
                         .is_note = note,
                         .previous_leaf = header.previous_leaf,
                         .index = header.index};
  if (!note && header.flags != 0) {
    reading.problem = bad_flags;
  } else if (!std::ranges::equal(header.volume, std::span{head.volume_id}.first<8>())) {
    reading.problem = other_volume;
  } else if (header.first_sequence != head.records) {
    reading.problem = wrong_sequence;
  } else if (reading.digest != header.digest) {
    reading.problem = digest_mismatch;
  }
  return reading;
}

SegmentReading decode_segment(std::span<const std::byte> bytes, const VolumeHead& head) {
  SegmentReading reading = decode_segment_header(bytes, bytes.size(), head);
  if (reading.problem != SegmentProblem::none) return reading;
  const auto payload = bytes.subspan(segment_header_bytes, reading.payload_bytes);
  if (!std::ranges::equal(crypto::sha256(payload),
                          bytes.subspan(offsetof(SegmentHeader, payload_digest), crypto::digest_bytes))) {
    reading.problem = SegmentProblem::payload_mismatch;
  } else if (!all_zero(bytes.first(reading.extent).subspan(segment_header_bytes + reading.payload_bytes))) {
    reading.problem = SegmentProblem::padding_not_zero;
  }
  return reading;
}

std::string_view describe(SegmentProblem problem) {
  switch (problem) {
    case SegmentProblem::none:
      return "no problem";
    case SegmentProblem::bad_magic:
      return "no segment header";
    case SegmentProblem::bad_length:
      return "impossible record count or length";
    case SegmentProblem::bad_flags:
      return "flags that version 2 does not have";
    case SegmentProblem::other_volume:
      return "segment of another volume";
    case SegmentProblem::wrong_sequence:
      return "first sequence number does not follow";
    case SegmentProblem::digest_mismatch:
      return "segment digest does not match its header and predecessor";
    case SegmentProblem::payload_mismatch:
      return "payload digest does not match the packed records";
    case SegmentProblem::padding_not_zero:
      return "padding is not zero";
  }
  return "unknown";
}

std::string_view describe(VolumeError error) {
  switch (error) {
    case VolumeError::no_device:
      return "there is no block device for the witness log";
    case VolumeError::too_small:
      return "the log device is too small; it needs at least 68 KiB";
    case VolumeError::foreign:
      return "the log device holds something that is not a witness log; give an empty one";
    case VolumeError::wrong_key:
      return "the witness log was written under another device key; use that key or a new disk";
    case VolumeError::unsupported_version:
      return "the witness log is of another format version (before, it was 1; now it is 2); keep it for the rvm that "
             "wrote it, "
             "and use a new disk";
    case VolumeError::damaged:
      return "the witness log is damaged; run `rvm witness verify` on it, or use a new disk";
    case VolumeError::shrunk:
      return "the log device is smaller than when the witness log was written";
    case VolumeError::device_failed:
      return "the log device keeps failing";
    case VolumeError::full:
      return "the log device is full; export the witness log and use a larger disk";
    case VolumeError::uncommitted:
      return "a witness record was reserved and never committed";
  }
  return "unknown";
}

}  // namespace rvm::witness
