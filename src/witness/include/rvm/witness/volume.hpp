// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The witness log on a block device, format version 2: what the kernel's drain writes and the host's verifier reads.
// Described for readers in docs/log-volume.md.
//
//   0      superblock slot 0   4 KiB      a superblock of generation g lies in slot g % 2
//   4096   superblock slot 1   4 KiB
//   8192   segments, one after the other; each starts on a 512-byte boundary and is padded to one with zeros
//
// The device is assumed to write 512-byte sectors whole. Each sector of a superblock is authenticated by itself, so a
// superblock whose write was interrupted (sectors of two generations) differs from a damaged one.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <type_traits>

#include "rvm/crypto/sha256.hpp"
#include "rvm/witness/codec.hpp"
#include "rvm/witness/keys.hpp"
#include "rvm/witness/merkle.hpp"
#include "rvm/witness/note.hpp"
#include "rvm/witness/record.hpp"
#include "rvm/witness/segment_index.hpp"

namespace rvm::witness {

inline constexpr std::size_t sector_bytes = 512;
inline constexpr std::size_t superblock_bytes = 4096;
inline constexpr std::size_t superblock_sectors = superblock_bytes / sector_bytes;
inline constexpr std::uint64_t data_start = 2 * superblock_bytes;
inline constexpr std::size_t segment_header_bytes = 336;
inline constexpr std::size_t segment_bytes_max = 60 * 1024;  ///< header, payload and padding
inline constexpr std::uint32_t segment_records_max = 8 * block_records;
inline constexpr std::uint64_t volume_bytes_min = data_start + segment_bytes_max;
inline constexpr std::uint32_t volume_version = 2;
inline constexpr std::array<char, 8> superblock_magic{'R', 'V', 'M', 'L', 'O', 'G', '1', '\n'};
inline constexpr std::array<char, 8> frontier_magic{'R', 'V', 'M', 'T', 'R', 'E', 'E', '\n'};
inline constexpr std::array<char, 4> segment_magic{'R', 'V', 'M', 'S'};

enum class VolumeState : std::uint32_t { open = 1, closed = 2 };

/// What a superblock says. `frontier` has tree size `records`.
struct VolumeHead {
  std::array<std::byte, 16> volume_id{};
  std::uint64_t key_id = 0;
  std::uint64_t generation = 0;
  std::uint64_t capacity = 0;  ///< bytes of the device when it was written
  VolumeState state = VolumeState::open;
  std::uint64_t records = 0;  ///< durable records: sequence numbers 0 .. records-1 are in segments before `append`
  std::uint64_t append = 0;   ///< byte position of the next segment
  std::uint64_t segments = 0;
  crypto::Digest last_leaf{};  ///< leaf hash of record records-1
  crypto::Digest chain{};      ///< digest of the last segment; before the first, chain_start(volume_id)
  crypto::Digest root{};       ///< of the Merkle tree over the durable records
};

/// Sector 0 of a superblock.
struct SuperblockSector {
  std::array<char, 8> magic;
  std::uint64_t generation;
  std::uint32_t version;
  std::uint32_t state;
  std::array<std::byte, 16> volume_id;
  std::uint64_t key_id;
  std::uint64_t capacity;
  std::uint64_t records;
  std::uint64_t append;
  std::uint64_t segments;
  crypto::Digest last_leaf;
  crypto::Digest chain;
  crypto::Digest root;                ///< of the Merkle tree over the durable records
  std::array<std::byte, 272> unused;  ///< zero
  crypto::Digest digest;              ///< SHA-256 of bytes 0..447
  crypto::Digest mac;                 ///< HMAC(volume key, sector index || bytes 0..479)
};

inline constexpr std::size_t nodes_per_sector = 13;

/// Sector 1 + i holds the nodes of levels 13 i .. 13 i + 12; it is all zero when the tree has no such level.
struct FrontierSector {
  std::array<char, 8> magic;
  std::uint64_t generation;
  std::array<crypto::Digest, nodes_per_sector> nodes;  ///< zero where the tree size has no bit
  std::array<std::byte, 16> unused;                    ///< zero
  crypto::Digest digest;                               ///< as above
  crypto::Digest mac;
};

/// `flags` of a segment that holds one signed tree head as text (rvm/witness/note.hpp) instead of records.
inline constexpr std::uint32_t segment_is_note = 1;

/// Followed by `payload_bytes` of blocks (rvm/witness/codec.hpp) or of a note, then zeros up to the next multiple of 512.
struct SegmentHeader {
  std::array<char, 4> magic;
  std::uint32_t record_count;  ///< 1 .. segment_records_max; of a note 0
  std::uint64_t first_sequence;
  std::uint32_t payload_bytes;      ///< of a note 1 .. note_bytes_max
  std::uint32_t flags;              ///< 0: records; segment_is_note
  std::array<std::byte, 8> volume;  ///< first half of the volume id
  SegmentIndex index;               ///< of the records; of a note that of no records
  crypto::Digest previous_leaf;     ///< leaf hash of the record before the first; zero if there is none
  crypto::Digest payload_digest;    ///< SHA-256 of the payload
  crypto::Digest digest;            ///< SHA-256(bytes 0..303 || previous segment's digest)
};

static_assert(sizeof(SuperblockSector) == sector_bytes && sizeof(FrontierSector) == sector_bytes);
static_assert(sizeof(SegmentHeader) == segment_header_bytes);
static_assert(offsetof(SegmentHeader, digest) == 304);
static_assert(segment_header_bytes + payload_bytes_max(segment_records_max) <= segment_bytes_max);
static_assert(std::has_unique_object_representations_v<SuperblockSector> &&
              std::has_unique_object_representations_v<FrontierSector> &&
              std::has_unique_object_representations_v<SegmentHeader>);
static_assert(nodes_per_sector * (superblock_sectors - 1) >= MerkleFrontier::levels);

/// Sectors of the frontier that a tree of `size` leaves needs.
[[nodiscard]] constexpr std::size_t frontier_sectors(std::uint64_t size) {
  return (static_cast<std::size_t>(std::bit_width(size)) + nodes_per_sector - 1) / nodes_per_sector;
}
/// Bytes that a segment with so large a payload occupies, padding included.
[[nodiscard]] constexpr std::size_t segment_extent(std::size_t payload_bytes) {
  return (segment_header_bytes + payload_bytes + sector_bytes - 1) / sector_bytes * sector_bytes;
}
/// Records that certainly fit a segment of at most `room` bytes, whole sectors.
[[nodiscard]] constexpr std::uint64_t segment_records_that_fit(std::uint64_t room) {
  if (room < sector_bytes) return 0;
  const std::uint64_t payload = room - segment_header_bytes;
  const std::uint64_t rest = payload % block_bytes_max;
  const std::uint64_t records =
      payload / block_bytes_max * block_records + (rest < block_overhead ? 0 : (rest - block_overhead) / packed_bytes);
  return records < segment_records_max ? records : segment_records_max;
}
inline constexpr std::size_t note_extent_max = segment_extent(note_bytes_max);
// The largest segment of records and a note after it are written together.
static_assert(segment_extent(payload_bytes_max(segment_records_max)) + note_extent_max <= segment_bytes_max);

/// The `chain` value before the first segment: SHA-256("rvm log volume" || volume id).
[[nodiscard]] crypto::Digest chain_start(const std::array<std::byte, 16>& volume_id);

/// Fills one superblock image.
void encode_superblock(const VolumeHead& head, const MerkleFrontier& tree, const Keys& keys,
                       std::span<std::byte, superblock_bytes> image);

enum class SuperblockCondition : std::uint8_t {
  valid,
  blank,        ///< all zero
  torn,         ///< each sector is authentic or zero, but they are not of one generation: an interrupted write
  damaged,      ///< some sector is neither authentic nor zero
  wrong_key,    ///< undamaged, but written under another device key
  unsupported,  ///< undamaged, but of another version
  foreign,      ///< does not begin with the magic number
};

struct SuperblockReading {
  SuperblockCondition condition;
  std::uint32_t sector = 0;  ///< first one that is damaged
};

/// Whether every byte is zero.
[[nodiscard]] bool all_zero(std::span<const std::byte> bytes);

/// Checks an image found in `slot`; fills `head` and `tree` when valid. `keys` nullptr: digests but no MACs are checked
/// (host only).
SuperblockReading decode_superblock(std::span<const std::byte, superblock_bytes> image, unsigned slot, const Keys* keys,
                                    VolumeHead& head, MerkleFrontier& tree);

/// Fills the header of a segment of `records` records whose payload is complete, or of a note, which has none and an empty
/// index; returns its digest = the next `chain` value.
crypto::Digest encode_segment_header(const VolumeHead& head, std::uint32_t records, const SegmentIndex& index,
                                     std::span<const std::byte> payload,
                                     std::span<std::byte, segment_header_bytes> header);

enum class SegmentProblem : std::uint8_t {
  none,
  bad_magic,
  bad_length,
  bad_flags,
  other_volume,
  wrong_sequence,
  digest_mismatch,   ///< of the header
  payload_mismatch,  ///< the header is right, what follows is not
  padding_not_zero
};
[[nodiscard]] std::string_view describe(SegmentProblem problem);

struct SegmentReading {
  SegmentProblem problem;
  std::uint32_t records = 0;  ///< this and what follows: set unless the problem is bad_magic or bad_length
  std::size_t extent = 0;
  std::size_t payload_bytes = 0;
  crypto::Digest digest{};
  bool is_note = false;  ///< a signed tree head as text, no records
  crypto::Digest previous_leaf{};
  SegmentIndex index{};
};

/// Checks the header at the start of `bytes` (at least a sector, or all there is) as that of the segment that follows `head`,
/// and which ends at most `room` bytes from here. The payload is not looked at.
SegmentReading decode_segment_header(std::span<const std::byte> bytes, std::uint64_t room, const VolumeHead& head);
/// Checks the whole segment at the start of `bytes`, but for what its records say.
SegmentReading decode_segment(std::span<const std::byte> bytes, const VolumeHead& head);

/// Why a volume cannot be used. Nothing is ever reformatted because of one of these.
enum class VolumeError : std::uint8_t {
  no_device,
  too_small,
  foreign,
  wrong_key,
  unsupported_version,
  damaged,
  shrunk,
  device_failed,
  full,
  uncommitted
};
/// What happened and what to do about it, for people.
[[nodiscard]] std::string_view describe(VolumeError error);

}  // namespace rvm::witness
