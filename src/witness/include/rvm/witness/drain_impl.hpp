// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Drain's functions; included by rvm/witness/drain.hpp.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "rvm/witness/drain.hpp"

namespace rvm::witness {

// --- synchronous access ---

template <BlockDevice Device>
bool Drain<Device>::wait_for_completion() {
  hal::BlockStatus status = Device::block_poll();
  for (; status == hal::BlockStatus::busy; status = Device::block_poll()) Device::relax();
  return status == hal::BlockStatus::done;
}

template <BlockDevice Device>
bool Drain<Device>::read_now(std::uint64_t position, std::span<std::byte> into) {
  for (unsigned attempt = 0; attempt <= retries_max; ++attempt) {
    Device::block_submit_read(position / sector_bytes, Device::to_physical(into.data()), into.size());
    if (wait_for_completion()) return true;
  }
  return false;
}

template <BlockDevice Device>
bool Drain<Device>::write_now(std::uint64_t position, std::span<const std::byte> from) {
  for (unsigned attempt = 0; attempt <= retries_max; ++attempt) {
    Device::block_submit_write(position / sector_bytes, Device::to_physical(from.data()), from.size());
    if (wait_for_completion()) return true;
  }
  return false;
}

template <BlockDevice Device>
bool Drain<Device>::flush_now() {
  // Not repeated: after a failed flush the device may have dropped the data it was to keep.
  Device::block_submit_flush();
  return wait_for_completion();
}

template <BlockDevice Device>
bool Drain<Device>::store_superblock(const MerkleFrontier& tree, VolumeState state) {
  VolumeHead head = head_;
  head.generation += 1;
  head.state = state;
  head.root = tree.root();
  encode_superblock(head, tree, *keys_, superblock_area());
  for (unsigned attempt = 0; attempt <= retries_max; ++attempt) {
    if (write_now(head.generation % 2 * superblock_bytes, superblock_area()) && flush_now()) {
      head_ = head;
      return true;
    }
  }
  return false;
}

// --- load ---

template <BlockDevice Device>
std::expected<Resume, VolumeError> Drain<Device>::load(const Keys& keys, std::span<std::byte, staging_bytes> staging,
                                                       std::span<const std::byte> identity, Sealer& sealer) {
  keys_ = &keys;
  staging_ = staging.data();
  state_ = DrainState::unloaded;
  const std::uint64_t capacity = Device::block_sectors() * sector_bytes;
  if (capacity == 0) return std::unexpected{VolumeError::no_device};
  if (capacity < volume_bytes_min) return std::unexpected{VolumeError::too_small};

  Resume resume{};
  MerkleFrontier& tree = sealer.restore(keys, {});
  const auto blank = choose_superblock(tree, resume);
  if (!blank) return std::unexpected{blank.error()};
  if (*blank) {
    if (const auto formatted = format(identity, tree); !formatted) return std::unexpected{formatted.error()};
    resume.formatted = true;
  } else {
    if (head_.capacity > capacity) return std::unexpected{VolumeError::shrunk};
    sealer.restore(keys, head_.last_leaf);
    resume.was_closed = head_.state == VolumeState::closed;
    if (!resume.was_closed) {
      if (const auto recovered = recover_tail(sealer, resume); !recovered) return std::unexpected{recovered.error()};
    }
  }
  head_.capacity = capacity;
  // Marks the volume open, counts what was recovered, and overwrites the older superblock, which may be unreadable.
  if (!store_superblock(tree, VolumeState::open)) return std::unexpected{VolumeError::device_failed};
  resume.next_sequence = head_.records;
  waiting_since_ = never;
  failures_ = 0;
  state_ = DrainState::idle;
  allow_next_segment(head_, sealer);
  return resume;
}

// Fills head_ and `tree` from the newer valid superblock. True if both are blank instead.
template <BlockDevice Device>
std::expected<bool, VolumeError> Drain<Device>::choose_superblock(MerkleFrontier& tree, Resume& resume) {
  using enum SuperblockCondition;
  const auto both = segment_area().template first<2 * superblock_bytes>();
  if (!read_now(0, both)) return std::unexpected{VolumeError::device_failed};
  const auto image = [&both](unsigned slot) {
    return std::span<const std::byte>{both}.subspan(slot * superblock_bytes).template first<superblock_bytes>();
  };
  const SuperblockCondition condition0 = decode_superblock(image(0), 0, keys_, head_, tree).condition;
  const SuperblockCondition condition1 = decode_superblock(image(1), 1, keys_, next_, tree).condition;
  const auto either = [&](SuperblockCondition c) { return condition0 == c || condition1 == c; };
  if (!either(valid)) {
    if (condition0 == blank && condition1 == blank) return true;
    if (either(wrong_key)) return std::unexpected{VolumeError::wrong_key};
    if (either(unsupported)) return std::unexpected{VolumeError::unsupported_version};
    if (either(damaged) || either(torn)) return std::unexpected{VolumeError::damaged};
    return std::unexpected{VolumeError::foreign};
  }
  resume.superblock_repaired = condition0 != valid || condition1 != valid;
  const bool second = condition1 == valid && (condition0 != valid || next_.generation > head_.generation);
  decode_superblock(image(second ? 1 : 0), second ? 1 : 0, keys_, head_,
                    tree);  // again: the other one overwrote `tree`
  return false;
}

// Only a device that is blank where a log would begin becomes a volume.
template <BlockDevice Device>
std::expected<void, VolumeError> Drain<Device>::format(std::span<const std::byte> identity, MerkleFrontier& tree) {
  if (!read_now(data_start, segment_area())) return std::unexpected{VolumeError::device_failed};
  if (!all_zero(segment_area())) return std::unexpected{VolumeError::foreign};
  head_ = VolumeHead{};
  const crypto::Digest id = keys_->volume.mac(identity);
  std::copy_n(id.begin(), head_.volume_id.size(), head_.volume_id.begin());
  head_.key_id = keys_->key_id;
  head_.capacity = Device::block_sectors() * sector_bytes;
  head_.append = data_start;
  head_.chain = chain_start(head_.volume_id);
  tree.clear();
  if (!store_superblock(tree, VolumeState::open)) return std::unexpected{VolumeError::device_failed};
  return {};
}

template <BlockDevice Device>
void Drain<Device>::take_segment(const SegmentReading& segment, const crypto::Digest& last_leaf,
                                 VolumeHead& head) const {
  head.records += segment.records;
  head.append += segment.extent;
  head.segments += 1;
  head.last_leaf = last_leaf;
  head.chain = segment.digest;
}

// The segment is whole, so a record that does not fit was not torn but put there.
template <BlockDevice Device>
std::expected<void, VolumeError> Drain<Device>::accept_segment(std::span<const std::byte> window,
                                                               const SegmentReading& segment, Sealer& sealer) const {
  constexpr std::unexpected damaged{VolumeError::damaged};
  if (segment.previous_leaf != head_.last_leaf) return damaged;
  if (segment.is_note) {
    if (segment.index != SegmentIndex{}) return damaged;
    return {};
  }
  CodecMemory& memory = codec_memory();
  SegmentIndex index;
  auto payload = window.subspan(segment_header_bytes, segment.payload_bytes);
  for (std::uint32_t done = 0; done < segment.records;) {
    const auto block = std::span{memory.records}.first(std::min(block_records, segment.records - done));
    const std::size_t bytes = decode_block(payload, head_.records + done, block, memory.columns);
    if (bytes == 0) return damaged;
    payload = payload.subspan(bytes);
    for (Record& record : block) {
      record.prev_hash = first_eight(sealer.head());
      if (!sealer.accept(record)) return damaged;
      index.add(record);
    }
    done += static_cast<std::uint32_t>(block.size());
  }
  if (!payload.empty() || index != segment.index) return damaged;
  return {};
}

// After a power cut: segments beyond the superblock's append point that continue the chain are kept, and what an
// interrupted write left after them is zeroed. At most one segment was in flight, so one segment's extent is enough.
// A cut during this function changes nothing that the next load depends on.
template <BlockDevice Device>
std::expected<void, VolumeError> Drain<Device>::recover_tail(Sealer& sealer, Resume& resume) {
  for (;;) {
    const std::uint64_t room = std::min<std::uint64_t>(segment_bytes_max, head_.capacity - head_.append);
    const auto window = segment_area().first(static_cast<std::size_t>(room) / sector_bytes * sector_bytes);
    if (window.empty()) return {};
    if (!read_now(head_.append, window)) return std::unexpected{VolumeError::device_failed};
    const SegmentReading segment = decode_segment(window, head_);
    if (segment.problem != SegmentProblem::none) {
      if (all_zero(window)) return {};
      resume.torn = true;
      std::ranges::fill(window, std::byte{0});
      for (unsigned attempt = 0; attempt <= retries_max; ++attempt) {
        if (write_now(head_.append, window) && flush_now()) return {};
      }
      return std::unexpected{VolumeError::device_failed};
    }
    if (const auto accepted = accept_segment(window, segment, sealer); !accepted) return accepted;
    take_segment(segment, sealer.head(), head_);
    resume.recovered += segment.records;
  }
}

// --- steady state ---

// A segment holds what was sealed since the one before, so that the superblock that counts it can take the tree as it
// is. Hence sealing may run ahead of the segment that ends at `end` by one segment, and never past the device's end.
template <BlockDevice Device>
void Drain<Device>::allow_next_segment(const VolumeHead& end, Sealer& sealer) const {
  const std::uint64_t room = std::min<std::uint64_t>(segment_bytes_max, end.capacity - end.append);
  sealer.allow_until(end.records + segment_records_that_fit(room / sector_bytes * sector_bytes));
}

template <BlockDevice Device>
bool Drain<Device>::due(const Ring& ring, Nanoseconds now) {
  const std::uint64_t sealed = ring.sealed() - head_.records;
  if (sealed == 0) {
    waiting_since_ = never;
    return note_bytes_ != 0;  // otherwise the note goes with the records, soon enough
  }
  if (waiting_since_ == never) waiting_since_ = now;
  return sealed >= batch_records || (ring.reserved() - head_.records) * 2 >= ring.capacity() ||
         waiting_since_ + age_max <= now;
}

// The segment at next_.append, whose payload is in place in the staging memory: header, padding, and next_ after it.
// No records: a note.
template <BlockDevice Device>
void Drain<Device>::add_segment(std::uint32_t records, const SegmentIndex& index, std::size_t payload_bytes,
                                const crypto::Digest& last_leaf) {
  SegmentReading reading{.problem = SegmentProblem::none, .records = records};
  reading.extent = segment_extent(payload_bytes);
  const auto segment = segment_area().subspan(static_cast<std::size_t>(next_.append - head_.append), reading.extent);
  std::ranges::fill(segment.subspan(segment_header_bytes + payload_bytes), std::byte{0});
  reading.digest = encode_segment_header(next_, records, index, segment.subspan(segment_header_bytes, payload_bytes),
                                         segment.template first<segment_header_bytes>());
  take_segment(reading, last_leaf, next_);
}

// Behind the records of this round. Given up when the device has no room for it.
template <BlockDevice Device>
void Drain<Device>::add_note() {
  const std::size_t bytes = std::exchange(note_bytes_, 0);
  const auto at = static_cast<std::size_t>(next_.append - head_.append);
  if (bytes == 0 || next_.append + segment_extent(bytes) > next_.capacity) return;
  std::memcpy(segment_area().subspan(at + segment_header_bytes).data(), note_.data(), bytes);
  add_segment(0, {}, bytes, next_.last_leaf);
}

// Everything sealed so far goes into the segment. Nothing more is sealed until it is packed, so that the superblock that
// counts it can take the tree as it is.
template <BlockDevice Device>
void Drain<Device>::begin_segment(Sealer& sealer) {
  packing_ = {.records = static_cast<std::uint32_t>(sealer.size() - head_.records), .index = {}};
  sealer.allow_until(sealer.size());
  waiting_since_ = never;
  state_ = DrainState::packing;
}

// A block, or the headers when all are packed: each a bounded step.
template <BlockDevice Device>
void Drain<Device>::pack_block(const Ring& ring, Sealer& sealer) {
  if (packing_.packed == packing_.records) return finish_segment(sealer);
  const std::uint32_t count = std::min(block_records, packing_.records - packing_.packed);
  const std::uint64_t first = head_.records + packing_.packed;
  BlockEncoder encoder{codec_memory(), count};
  for (std::uint32_t i = 0; i < count; ++i) {
    const Record& record = ring.slot(first + i);
    packing_.index.add(record);
    encoder.add(record);
  }
  packing_.payload_bytes += encoder.finish(segment_area().subspan(segment_header_bytes + packing_.payload_bytes));
  packing_.packed += count;
}

// Segments and superblock lie in the staging memory, so that sealing may go on while they are written.
template <BlockDevice Device>
void Drain<Device>::finish_segment(Sealer& sealer) {
  next_ = head_;
  if (packing_.records != 0) add_segment(packing_.records, packing_.index, packing_.payload_bytes, sealer.head());
  add_note();
  if (next_.segments == head_.segments) {  // only a note, and no room for it
    allow_next_segment(head_, sealer);
    state_ = DrainState::idle;
    return;
  }
  next_.generation += 1;
  next_.state = VolumeState::open;
  next_.root = sealer.root();
  encode_superblock(next_, sealer.tree(), *keys_, superblock_area());
  allow_next_segment(next_, sealer);
  failures_ = 0;
  enter(DrainState::writing_segment);
}

// Enters a state with a request in flight and submits the request.
template <BlockDevice Device>
void Drain<Device>::enter(DrainState state) {
  state_ = state;
  if (state == DrainState::writing_segment) {
    Device::block_submit_write(head_.append / sector_bytes, Device::to_physical(staging_),
                               static_cast<std::size_t>(next_.append - head_.append));
  } else if (state == DrainState::writing_superblock) {
    Device::block_submit_write(next_.generation % 2 * (superblock_bytes / sector_bytes),
                               Device::to_physical(superblock_area().data()), superblock_bytes);
  } else {
    Device::block_submit_flush();
  }
}

// A failed flush may have lost the write before it, so both are repeated.
template <BlockDevice Device>
void Drain<Device>::retry() {
  if (++failures_ > retries_max) {
    state_ = DrainState::failed;
    return;
  }
  const bool segment = state_ == DrainState::writing_segment || state_ == DrainState::flushing_segment;
  enter(segment ? DrainState::writing_segment : DrainState::writing_superblock);
}

// Follows the request in flight as far as it goes without waiting.
template <BlockDevice Device>
DrainState Drain<Device>::advance(Ring& ring) {
  using enum DrainState;
  while (state_ == writing_segment || state_ == flushing_segment || state_ == writing_superblock ||
         state_ == flushing_superblock) {
    const hal::BlockStatus status = Device::block_poll();
    if (status == hal::BlockStatus::busy) return state_;
    if (status != hal::BlockStatus::done) {
      retry();
      continue;
    }
    switch (state_) {
      case writing_segment:
        enter(flushing_segment);
        break;
      case flushing_segment:
        enter(writing_superblock);
        break;
      case writing_superblock:
        enter(flushing_superblock);
        break;
      default:
        head_ = next_;
        ring.mark_durable(head_.records);
        state_ = idle;
        break;
    }
  }
  if (state_ == idle && bytes_left() < sector_bytes && ring.reserved() > head_.records) state_ = full;
  return state_;
}

template <BlockDevice Device>
void Drain<Device>::offer_note(std::string_view text) {
  if (text.size() > note_.size()) return;
  std::ranges::copy(text, note_.begin());
  note_bytes_ = text.size();
}

template <BlockDevice Device>
DrainState Drain<Device>::step(Ring& ring, Sealer& sealer, Nanoseconds now) {
  if (advance(ring) == DrainState::idle && due(ring, now)) begin_segment(sealer);
  if (state_ == DrainState::packing) pack_block(ring, sealer);
  return state_;
}

template <BlockDevice Device>
std::expected<void, VolumeError> Drain<Device>::flush(Ring& ring, Sealer& sealer) {
  constexpr std::uint32_t batch = 64;
  if (state_ == DrainState::unloaded) return std::unexpected{VolumeError::no_device};
  for (;;) {
    const std::uint32_t sealed = sealer.seal(ring, batch);
    switch (advance(ring)) {
      case DrainState::full:
        return std::unexpected{VolumeError::full};
      case DrainState::failed:
        return std::unexpected{VolumeError::device_failed};
      case DrainState::closed:
        return {};
      case DrainState::idle:
        if (sealed == batch) continue;
        if (sealer.size() == head_.records && note_bytes_ == 0) {
          if (sealed == 0) return {};
          continue;
        }
        begin_segment(sealer);
        break;
      case DrainState::packing:
        pack_block(ring, sealer);
        break;
      default:
        Device::relax();
    }
  }
}

template <BlockDevice Device>
std::expected<void, VolumeError> Drain<Device>::close(Ring& ring, Sealer& sealer) {
  if (const auto flushed = flush(ring, sealer); !flushed) return flushed;
  if (state_ == DrainState::closed) return {};
  if (ring.reserved() != head_.records) return std::unexpected{VolumeError::uncommitted};
  if (!store_superblock(sealer.tree(), VolumeState::closed)) {
    state_ = DrainState::failed;
    return std::unexpected{VolumeError::device_failed};
  }
  state_ = DrainState::closed;
  return {};
}

}  // namespace rvm::witness
