// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Appends sealed records to flash (flash_volume.hpp), one by one, and finds the end of the log at boot. Synchronous: a step is one
// entry, or the beginning of a segment. One core at a time.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstring>
#include <expected>

#include "rvm/witness/flash_volume.hpp"
#include "rvm/witness/sealer.hpp"

namespace rvm::witness {

/// Offsets and sizes are multiples of 4; `erase` takes a multiple of erase_bytes and makes so many bytes 0xff; `program` can only
/// clear bits. False: the part did not do it.
template <typename F>
concept FlashPart = requires(std::uint32_t at, std::span<std::byte> into, std::span<const std::byte> from) {
  { F::erase_bytes } -> std::convertible_to<std::size_t>;
  { F::bytes() } -> std::same_as<std::uint32_t>;
  { F::read(at, into) } -> std::same_as<bool>;
  { F::program(at, from) } -> std::same_as<bool>;
  { F::erase(at) } -> std::same_as<bool>;
};

/// Why a log on flash cannot be used. Nothing is ever erased because of one of these.
enum class FlashError : std::uint8_t { no_flash, damaged_or_other_key, failed };

struct FlashResume {
  std::uint64_t next_sequence = 0;
  bool formatted = false;  ///< there was no log
  bool torn = false;       ///< an interrupted write was cut off
};

template <FlashPart Flash>
class FlashLog {
  static_assert(flash_segment_bytes % Flash::erase_bytes == 0);

 public:
  /// Finds the newest segment and takes its records into `sealer`, which checks each. `identity` makes the id of a new log
  /// unlike others'. `keys` must outlive this.
  std::expected<FlashResume, FlashError> load(const Keys& keys, std::span<const std::byte> identity, Sealer& sealer);

  /// Whether the next record, or head, needs a new segment first.
  [[nodiscard]] bool segment_full(std::size_t bytes = record_bytes) const {
    return at_ == 0 || at_ + bytes > flash_segment_bytes;
  }
  /// Erases the oldest segment and begins a new one there. Everything sealed so far must have been appended.
  [[nodiscard]] bool begin_segment(const Sealer& sealer);
  /// Preconditions: !segment_full(sizeof entry), and a record is the next one.
  [[nodiscard]] bool append(const Record& record) { return put(crypto::bytes_of(record)); }
  [[nodiscard]] bool append(FlashHead& head) {
    head.magic = flash_head_magic;
    const crypto::Digest mac = flash_head_mac(*keys_, head);
    std::ranges::copy(mac, head.mac.begin());
    return put(crypto::bytes_of(head));
  }

  [[nodiscard]] const std::array<std::byte, 16>& volume_id() const { return volume_id_; }
  [[nodiscard]] std::uint64_t segments() const { return number_; }

 private:
  [[nodiscard]] static std::uint32_t slots() { return Flash::bytes() / flash_segment_bytes; }
  [[nodiscard]] std::uint32_t base() const {
    return static_cast<std::uint32_t>(number_ % slots()) * flash_segment_bytes;
  }
  [[nodiscard]] bool put(std::span<const std::byte> entry) {
    const std::uint32_t at = base() + at_;
    at_ += static_cast<std::uint32_t>(entry.size());
    return Flash::program(at, entry);
  }
  [[nodiscard]] bool read_header(std::uint32_t slot, FlashHeader& header, MerkleFrontier& tree);
  [[nodiscard]] bool take_entries(Sealer& sealer, FlashResume& resume);

  const Keys* keys_ = nullptr;
  std::array<std::byte, 16> volume_id_{};
  std::uint64_t number_ = 0;  ///< of the newest segment; 0: there is none
  std::uint32_t at_ = 0;      ///< where the next entry goes in it; 0: nowhere
};

/// True when the slot holds an authentic header; `tree` is then what it says.
template <FlashPart Flash>
bool FlashLog<Flash>::read_header(std::uint32_t slot, FlashHeader& header, MerkleFrontier& tree) {
  const std::uint32_t base = slot * flash_segment_bytes;
  if (!Flash::read(base, std::as_writable_bytes(std::span{&header, 1})) || header.magic != flash_magic ||
      header.number % slots() != slot || header.first_sequence >> (MerkleFrontier::levels - 1) != 0) {
    return false;
  }
  tree.restore_size(header.first_sequence);
  std::uint32_t at = base + sizeof header;
  for (std::size_t level = 0; level < MerkleFrontier::levels; ++level) {
    if ((header.first_sequence >> level & 1) == 0) continue;
    crypto::Digest node;
    if (!Flash::read(at, node)) return false;
    tree.restore_node(level, node);
    at += crypto::digest_bytes;
  }
  return crypto::equal_constant_time(flash_header_mac(*keys_, header, tree), header.mac);
}

template <FlashPart Flash>
bool FlashLog<Flash>::take_entries(Sealer& sealer, FlashResume& resume) {
  while (at_ != 0 && at_ < flash_segment_bytes) {
    alignas(record_bytes) std::array<std::byte, record_bytes> entry;
    if (!Flash::read(base() + at_, entry)) return false;
    if (is_erased(entry)) return true;
    if (std::memcmp(entry.data(), flash_head_magic.data(), flash_head_magic.size()) == 0) {
      FlashHead head;
      if (at_ + sizeof head <= flash_segment_bytes &&
          Flash::read(base() + at_, std::as_writable_bytes(std::span{&head, 1})) &&
          crypto::equal_constant_time(flash_head_mac(*keys_, head), head.mac)) {
        at_ += sizeof head;
        continue;
      }
    } else {
      Record record;
      std::memcpy(&record, entry.data(), sizeof record);
      if (sealer.accept(record)) {
        at_ += record_bytes;
        continue;
      }
    }
    resume.torn = true;
    at_ = 0;
  }
  return true;
}

template <FlashPart Flash>
std::expected<FlashResume, FlashError> FlashLog<Flash>::load(const Keys& keys, std::span<const std::byte> identity,
                                                             Sealer& sealer) {
  keys_ = &keys;
  number_ = at_ = 0;
  if (Flash::bytes() < 3 * flash_segment_bytes) return std::unexpected{FlashError::no_flash};
  MerkleFrontier& tree = sealer.restore(keys, {});
  FlashHeader header;
  bool marked = false;
  for (std::uint32_t slot = 0; slot < slots(); ++slot) {
    const bool authentic = read_header(slot, header, tree);
    marked = marked || header.magic == flash_magic;
    if (authentic && header.number > number_) number_ = header.number;
  }
  FlashResume resume;
  if (number_ == 0) {
    // Something that says it is a log, and that this key did not write.
    if (marked) return std::unexpected{FlashError::damaged_or_other_key};
    tree.clear();
    const crypto::Digest id = keys.volume.mac(identity);
    std::copy_n(id.begin(), volume_id_.size(), volume_id_.begin());
    resume.formatted = true;
    return resume;
  }
  if (!read_header(static_cast<std::uint32_t>(number_ % slots()), header, tree))
    return std::unexpected{FlashError::failed};
  volume_id_ = header.volume_id;
  sealer.restore(keys, header.previous_leaf);
  at_ = static_cast<std::uint32_t>(flash_header_extent(header.first_sequence));
  if (!take_entries(sealer, resume)) return std::unexpected{FlashError::failed};
  // Programmed bits behind the last entry are those of a write that was cut off before its first bytes.
  std::array<std::byte, record_bytes> rest;
  for (std::uint32_t at = at_; at != 0 && at < flash_segment_bytes; at += record_bytes) {
    if (Flash::read(base() + at, rest) && is_erased(rest)) continue;
    resume.torn = true;
    at_ = 0;
    break;
  }
  resume.next_sequence = sealer.size();
  return resume;
}

template <FlashPart Flash>
bool FlashLog<Flash>::begin_segment(const Sealer& sealer) {
  ++number_;
  at_ = 0;
  for (std::uint32_t at = 0; at < flash_segment_bytes; at += Flash::erase_bytes) {
    if (!Flash::erase(base() + at)) return false;
  }
  FlashHeader header{.magic = flash_magic,
                     .number = number_,
                     .first_sequence = sealer.size(),
                     .volume_id = volume_id_,
                     .key_id = keys_->key_id,
                     .flash_bytes = Flash::bytes(),
                     .reserved = 0,
                     .previous_leaf = sealer.head(),
                     .mac = {}};
  header.mac = flash_header_mac(*keys_, header, sealer.tree());
  std::uint32_t at = base() + sizeof header;
  bool good = Flash::program(base() + sizeof header.magic, crypto::bytes_of(header).subspan(sizeof header.magic));
  each_flash_node(sealer.tree(), [&](const crypto::Digest& node) {
    good = good && Flash::program(at, node);
    at += crypto::digest_bytes;
  });
  good = good && Flash::program(base(), std::as_bytes(std::span{header.magic}));
  at_ = static_cast<std::uint32_t>(flash_header_extent(header.first_sequence));
  return good;
}

}  // namespace rvm::witness
