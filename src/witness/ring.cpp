// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/ring.hpp"

#include <algorithm>
#include <bit>

namespace rvm::witness {

Status Ring::init(std::span<Record> slots, std::uint64_t first_sequence) {
  if (slots.size() < 8 || !std::has_single_bit(slots.size())) return fail(Error::bad_argument);
  slots_ = slots.data();
  mask_ = slots.size() - 1;
  first_ = first_sequence;
  prepared_ = 0;
  reserved_.store(0, std::memory_order_relaxed);
  sealed_.store(0, std::memory_order_relaxed);
  durable_.store(0, std::memory_order_relaxed);
  prepare(prepared_at_start);
  return {};
}

void Ring::prepare(std::size_t count) {
  if (fully_prepared()) return;
  const std::size_t end = std::min(capacity(), prepared_ + count);
  // Nobody reserves these slots before publish_limits, so plain stores are enough.
  for (; prepared_ < end; ++prepared_) slots_[prepared_].sequence = never_committed;
  publish_limits();
}

// A lane may reserve up to one lap beyond the durable records, within the slots prepared so far; the ordinary lane
// leaves an eighth of that to the reserved one.
void Ring::publish_limits() {
  constexpr auto last_count = static_cast<Count>(std::numeric_limits<SignedCount>::max());
  const Count durable = durable_.load(std::memory_order_relaxed);
  Count end = fully_prepared() ? durable + capacity() : prepared_;
  if (end > last_count) end = last_count;
  limit_[static_cast<std::size_t>(Lane::reserved)].store(end, std::memory_order_release);
  limit_[static_cast<std::size_t>(Lane::ordinary)].store(end - prepared_ / 8, std::memory_order_release);
}

std::size_t Ring::free_slots(Lane lane) const {
  const Count reserved = reserved_.load(std::memory_order_relaxed);
  const auto room =
      static_cast<SignedCount>(limit_[static_cast<std::size_t>(lane)].load(std::memory_order_relaxed) - reserved);
  return room > 0 ? static_cast<std::size_t>(room) : 0;
}

Record* Ring::committed(std::uint64_t sequence) {
  if (!fully_prepared() && sequence - first_ >= prepared_) return nullptr;
  Record& record = slots_[index_of(sequence)];
  return holds_sequence(record, sequence) ? &record : nullptr;
}

Result<const Record*> Ring::sealed_record(std::uint64_t sequence) const {
  if (sequence < first_ || sequence >= sealed()) return fail(Error::bad_argument);
  const Record& record = slots_[index_of(sequence)];
  if (!holds_sequence(record, sequence)) return fail(Error::bad_argument);
  return &record;
}

void Ring::mark_sealed(std::uint64_t sequence) {
  sealed_.store(static_cast<Count>(sequence - first_), std::memory_order_release);
}

void Ring::mark_durable(std::uint64_t sequence) {
  durable_.store(static_cast<Count>(sequence - first_), std::memory_order_release);
  publish_limits();
}

}  // namespace rvm::witness
