// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The ring of records in memory. Emitting is two steps, so that an action is never done without its record:
//
//   reserve   before the mutation: takes a sequence number and its slot, or fails with witness_log_full
//   commit    after it: fills the slot and publishes it
//
// Three counters run over the slots: reserved >= sealed >= durable. A slot is reused only when its record is durable.
// A slot is committed when its `sequence` field holds the sequence number that belongs there; until then it holds the
// number of the previous lap (or `never_committed`), so no flag is needed beside the record.
//
// reserve, commit and emit may run on any core at any time: one compare-and-swap, which is retried only when another
// core took the number first. Everything under "for sealer and drain" is called by one core at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include "rvm/types/error.hpp"
#include "rvm/types/time.hpp"
#include "rvm/witness/record.hpp"

namespace rvm::witness {

class Ring;

/// Which part of the ring a record may use. The reserved lane is for refusals, faults, recovery and the log's own
/// records: when ordinary records no longer fit, an eighth of the ring is still free for it.
enum class Lane : std::uint8_t { ordinary = 0, reserved = 1 };

/// A sequence number that was taken and must be committed. Dropping one would stop sealing for ever, so that is a bug
/// in the caller and stops the machine.
class [[nodiscard]] Reservation {
 public:
  Reservation(Reservation&& other) noexcept : ring_(std::exchange(other.ring_, nullptr)), sequence_(other.sequence_) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(Reservation&&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    if (ring_ != nullptr) [[unlikely]]
      __builtin_trap();
  }

  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

 private:
  friend class Ring;
  Reservation(Ring& ring, std::uint64_t sequence) : ring_(&ring), sequence_(sequence) {}
  Ring* ring_;
  std::uint64_t sequence_;
};

class Ring {
 public:
  constexpr Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() = default;

  /// `slots`: a power of two, at least 8; owned by the ring from now on. Contents are irrelevant. `first_sequence`: the
  /// number of the first record to come, from Drain::load. Error::bad_argument if the size is wrong.
  /// Makes only the first slots usable; `prepare` (called by the sealer) does the rest, so that boot does not wait.
  Status init(std::span<Record> slots, std::uint64_t first_sequence);

  /// Takes the next sequence number. Error::witness_log_full when the lane has no slot left, or when other cores were
  /// faster `attempts_max` times in a row.
  [[nodiscard]] Result<Reservation> reserve(Lane lane);
  /// Fills and publishes the slot. `now`: since boot.
  void commit(Reservation&& reservation, const Fields& fields, Nanoseconds now);
  /// reserve and commit in one.
  [[nodiscard]] Status emit(Lane lane, const Fields& fields, Nanoseconds now);

  /// Sequence numbers below these are taken, sealed, durable.
  [[nodiscard]] std::uint64_t reserved() const { return first_ + reserved_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t sealed() const { return first_ + sealed_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t durable() const { return first_ + durable_.load(std::memory_order_acquire); }
  /// Records that are not durable yet.
  [[nodiscard]] std::size_t waiting() const {
    return reserved_.load(std::memory_order_relaxed) - durable_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }
  /// Slots that `lane` can still take at this moment.
  [[nodiscard]] std::size_t free_slots(Lane lane) const;

  /// The sealed record `sequence`, if it is still in memory. Error::bad_argument if not. A durable record may be
  /// overwritten by a concurrent emit: the caller excludes that (the kernel lock) while it copies.
  [[nodiscard]] Result<const Record*> sealed_record(std::uint64_t sequence) const;

  // --- for sealer and drain ---

  /// The record `sequence` if it is committed, else nullptr. Precondition: durable() <= sequence.
  [[nodiscard]] Record* committed(std::uint64_t sequence);
  /// The slot of a sealed record.
  [[nodiscard]] const Record& slot(std::uint64_t sequence) const { return slots_[index_of(sequence)]; }
  /// All below `sequence` are sealed / durable. Only ever forward.
  void mark_sealed(std::uint64_t sequence);
  void mark_durable(std::uint64_t sequence);
  /// Makes up to `count` more slots usable; cheap no-op when all are.
  void prepare(std::size_t count);
  [[nodiscard]] bool fully_prepared() const { return prepared_ > mask_; }

  static constexpr unsigned attempts_max = 1024;
  static constexpr std::size_t prepared_at_start = 4096;

 private:
  // Counters are machine words relative to first_, because a 32-bit machine has no 64-bit atomics. They stop short of
  // overflow: a 32-bit machine refuses records after 2^31 in one boot.
  using Count = std::size_t;
  using SignedCount = std::make_signed_t<Count>;
  static constexpr std::uint64_t never_committed = UINT64_MAX;

  [[nodiscard]] std::size_t index_of(std::uint64_t sequence) const {
    return static_cast<std::size_t>(sequence - first_) & mask_;
  }
  void publish_limits();
  [[gnu::always_inline]] static void store_sequence(Record& record, std::uint64_t sequence);
  [[gnu::always_inline]] static bool holds_sequence(const Record& record, std::uint64_t sequence);

  Record* slots_ = nullptr;
  std::size_t mask_ = 0;
  std::uint64_t first_ = 0;
  std::size_t prepared_ = 0;  // slots whose sequence field is meaningful
  alignas(64) std::atomic<Count> reserved_{0};
  alignas(64) std::array<std::atomic<Count>, 2> limit_{};  // by lane: counts below this may be reserved
  std::atomic<Count> sealed_{0};
  std::atomic<Count> durable_{0};
};

// A 32-bit machine publishes the low word, which alone differs between laps (a ring has fewer than 2^32 slots).
inline void Ring::store_sequence(Record& record, std::uint64_t sequence) {
  if constexpr (std::atomic_ref<std::uint64_t>::is_always_lock_free) {
    std::atomic_ref{record.sequence}.store(sequence, std::memory_order_release);
  } else {
    using Word [[gnu::may_alias]] = std::uint32_t;
    auto* words = reinterpret_cast<Word*>(&record.sequence);  // may_alias makes the view legal
    words[1] = static_cast<std::uint32_t>(sequence >> 32);
    __atomic_store_n(&words[0], static_cast<std::uint32_t>(sequence), __ATOMIC_RELEASE);
  }
}

inline bool Ring::holds_sequence(const Record& record, std::uint64_t sequence) {
  if constexpr (std::atomic_ref<std::uint64_t>::is_always_lock_free) {
    // const_cast: C++23 has no atomic_ref to const; the load does not write.
    return std::atomic_ref{const_cast<std::uint64_t&>(record.sequence)}.load(std::memory_order_acquire) == sequence;
  } else {
    using Word [[gnu::may_alias]] = const std::uint32_t;
    const auto* words = reinterpret_cast<Word*>(&record.sequence);
    return __atomic_load_n(&words[0], __ATOMIC_ACQUIRE) == static_cast<std::uint32_t>(sequence);
  }
}

inline Result<Reservation> Ring::reserve(Lane lane) {
  const auto& limit = limit_[static_cast<std::size_t>(lane)];
  Count count = reserved_.load(std::memory_order_relaxed);
  for (unsigned attempt = 0; attempt < attempts_max; ++attempt) {
    // Acquire pairs with mark_durable: whoever gets a recycled slot sees that the drain has finished with it.
    const auto room = static_cast<SignedCount>(limit.load(std::memory_order_acquire) - count);
    if (room <= 0) break;
    if (reserved_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) {
      return Reservation{*this, first_ + count};
    }
  }
  return fail(Error::witness_log_full);
}

inline void Ring::commit(Reservation&& reservation, const Fields& fields, Nanoseconds now) {
  reservation.ring_ = nullptr;
  Record& record = slots_[index_of(reservation.sequence_)];
  record.timestamp_ns = now.value;
  record.action_kind = fields.kind;
  record.proof_tier = fields.tier;
  record.flags = fields.flags;
  record.actor_partition = fields.actor.value;
  record.target_object = fields.target;
  record.capability_hash = fields.capability_hash;
  record.payload = fields.payload;
  record.aux = fields.aux;
  store_sequence(record, reservation.sequence_);  // release: the sealer sees all of the above
}

inline Status Ring::emit(Lane lane, const Fields& fields, Nanoseconds now) {
  Result<Reservation> reservation = reserve(lane);
  if (!reservation) [[unlikely]]
    return fail(reservation.error());
  commit(std::move(*reservation), fields, now);
  return {};
}

}  // namespace rvm::witness
