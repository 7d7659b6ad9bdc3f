// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Writes sealed records to the volume and reads the volume at boot. Steady state is a loop of four device requests, of
// which `step` starts the next when the last has completed:
//
//   segment -> flush -> superblock -> flush -> ring slots become reusable
//
// Before that the segment's records are packed, one block of at most 128 per step.
//
// A segment goes to sectors that no durable record occupies, and a superblock replaces the older of two, so that a power
// cut at any instant leaves the newer superblock and every record it counts intact.
//
// One core at a time. Hashing: see rvm/crypto/sha256.hpp about vector registers.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "rvm/hal/machine.hpp"
#include "rvm/types/time.hpp"
#include "rvm/witness/keys.hpp"
#include "rvm/witness/ring.hpp"
#include "rvm/witness/sealer.hpp"
#include "rvm/witness/volume.hpp"

namespace rvm::witness {

/// The part of hal::Machine that the drain uses.
template <typename D>
concept BlockDevice = requires(std::uint64_t sector, PhysicalAddress memory, std::size_t bytes) {
  { D::block_sectors() } -> std::same_as<std::uint64_t>;
  D::block_submit_read(sector, memory, bytes);
  D::block_submit_write(sector, memory, bytes);
  D::block_submit_flush();
  { D::block_poll() } -> std::same_as<hal::BlockStatus>;
  { D::to_physical(static_cast<const void*>(nullptr)) } -> std::same_as<PhysicalAddress>;
  D::relax();
};

/// Memory for transfers (the segments of one round, records and then perhaps a note, and one superblock) and for packing.
/// Physically contiguous, page-aligned.
inline constexpr std::size_t staging_bytes = 84 * 1024;
static_assert(staging_bytes >= segment_bytes_max + superblock_bytes + sizeof(CodecMemory));
static_assert((segment_bytes_max + superblock_bytes) % alignof(CodecMemory) == 0);

/// What load found.
struct Resume {
  std::uint64_t next_sequence;  ///< for Ring::init; the records already in the log
  std::uint64_t recovered;      ///< of these, found beyond the superblock's count and accepted
  bool formatted;               ///< the device was blank and now carries an empty volume
  bool was_closed;              ///< the last shutdown was orderly
  bool torn;                    ///< an incomplete segment was cut off; to be witnessed
  bool superblock_repaired;     ///< one superblock was unreadable and has been rewritten from the other
};

enum class DrainState : std::uint8_t {
  unloaded,
  idle,  ///< nothing in flight
  packing,
  writing_segment,
  flushing_segment,
  writing_superblock,
  flushing_superblock,
  full,    ///< no room for another segment: records stay in the ring until it too is full
  failed,  ///< the device kept failing
  closed,
};

template <BlockDevice Device>
class Drain {
 public:
  constexpr Drain() = default;
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  ~Drain() = default;

  /// Reads the volume, repairs what a power cut left, marks it open. Synchronous; boot only. Sets up `sealer`. A device
  /// whose superblocks are blank is formatted; `identity` then makes its id unlike others' (time, package digest).
  /// `keys` and `staging` must outlive the drain.
  std::expected<Resume, VolumeError> load(const Keys& keys, std::span<std::byte, staging_bytes> staging,
                                          std::span<const std::byte> identity, Sealer& sealer);

  /// Does what can be done now without waiting: takes note of a completed request and starts the next. Call often, and
  /// on each device interrupt. Group commit: a segment is started when `batch_records` are sealed, the ring is half full,
  /// or the oldest sealed record has waited `age_max` for it, so that few records do not cost a superblock each.
  DrainState step(Ring& ring, Sealer& sealer, Nanoseconds now);

  /// Synchronous: seals and writes everything that is committed. Error as in step's states full and failed.
  std::expected<void, VolumeError> flush(Ring& ring, Sealer& sealer);
  /// Synchronous: flush, then marks the volume closed. The kernel emits the closing TreeHead between flush and close.
  std::expected<void, VolumeError> close(Ring& ring, Sealer& sealer);

  /// Has `text`, a signed tree head, written with or right after the next segment. Replaces one that still waits; given
  /// up when the device has no room for it. At most note_bytes_max bytes.
  void offer_note(std::string_view text);
  [[nodiscard]] bool note_waits() const { return note_bytes_ != 0; }

  [[nodiscard]] DrainState state() const { return state_; }
  /// What the device's newest superblock says.
  [[nodiscard]] const VolumeHead& durable() const { return head_; }
  /// Why the drain stopped, when state() is full or failed.
  [[nodiscard]] VolumeError error() const {
    return state_ == DrainState::full ? VolumeError::full : VolumeError::device_failed;
  }
  /// Bytes that still fit on the device.
  [[nodiscard]] std::uint64_t bytes_left() const { return head_.capacity - head_.append; }

  static constexpr std::uint64_t batch_records = 256;
  static constexpr Nanoseconds age_max{5'000'000};
  static constexpr unsigned retries_max = 3;

 private:
  [[nodiscard]] std::span<std::byte, segment_bytes_max> segment_area() const {
    return std::span<std::byte, segment_bytes_max>{staging_, segment_bytes_max};
  }
  [[nodiscard]] std::span<std::byte, superblock_bytes> superblock_area() const {
    return std::span<std::byte, superblock_bytes>{staging_ + segment_bytes_max, superblock_bytes};
  }

  [[nodiscard]] CodecMemory& codec_memory() const {
    // Sound: CodecMemory is an implicit-lifetime type, and the staging memory is aligned and large enough for it there.
    return *reinterpret_cast<CodecMemory*>(staging_ + segment_bytes_max + superblock_bytes);
  }

  // Steady state.
  DrainState advance(Ring& ring);
  [[nodiscard]] bool due(const Ring& ring, Nanoseconds now);
  void begin_segment(Sealer& sealer);
  void pack_block(const Ring& ring, Sealer& sealer);
  void finish_segment(Sealer& sealer);
  void add_note();
  void add_segment(std::uint32_t records, const SegmentIndex& index, std::size_t payload_bytes,
                   const crypto::Digest& last_leaf);
  void allow_next_segment(const VolumeHead& end, Sealer& sealer) const;
  void enter(DrainState state);
  void retry();

  // Synchronous access, for load and close.
  bool wait_for_completion();
  bool read_now(std::uint64_t position, std::span<std::byte> into);
  bool write_now(std::uint64_t position, std::span<const std::byte> from);
  bool flush_now();
  bool store_superblock(const MerkleFrontier& tree, VolumeState state);

  // Parts of load.
  std::expected<bool, VolumeError> choose_superblock(MerkleFrontier& tree, Resume& resume);
  std::expected<void, VolumeError> format(std::span<const std::byte> identity, MerkleFrontier& tree);
  std::expected<void, VolumeError> recover_tail(Sealer& sealer, Resume& resume);
  std::expected<void, VolumeError> accept_segment(std::span<const std::byte> window, const SegmentReading& segment,
                                                  Sealer& sealer) const;
  void take_segment(const SegmentReading& segment, const crypto::Digest& last_leaf, VolumeHead& head) const;

  const Keys* keys_ = nullptr;
  std::byte* staging_ = nullptr;
  VolumeHead head_{};  // what the device's newest superblock says
  VolumeHead next_{};  // what it will say when the segment in flight is durable
  struct {
    std::uint32_t records = 0;  // of the segment
    std::uint32_t packed = 0;
    std::size_t payload_bytes = 0;
    SegmentIndex index;
  } packing_;
  DrainState state_ = DrainState::unloaded;
  unsigned failures_ = 0;              // of the request in flight
  Nanoseconds waiting_since_ = never;  // when a sealed record was first seen that is not on its way
  std::size_t note_bytes_ = 0;         // of the note that waits; 0 if none does
  std::array<char, note_bytes_max> note_{};
};

}  // namespace rvm::witness

#include "rvm/witness/drain_impl.hpp"
