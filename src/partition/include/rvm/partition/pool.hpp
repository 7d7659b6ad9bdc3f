// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "rvm/types/capacities.hpp"
#include "rvm/types/error.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::partition {

/// Fixed-capacity storage of one kind of kernel object. An id is the slot's index in bits 0-15 and its reuse count in bits
/// 16-31, so an id never names the slot's next occupant and the first occupants have small ids. Slot 0 is never used.
///
/// Slots are reused in the order in which they became free, so that what still names an earlier occupant is told so for as
/// long as possible. `T` has members `Id id` (value 0 while the slot is free), `std::uint16_t reuse` and
/// `std::uint16_t next_free`, which the pool owns, and `cap::ObjectCapabilities holders`; allocate hands out an object whose
/// other members are as `T{}` makes them.
template <typename T>
class Pool {
 public:
  using Id = decltype(T::id);

  /// `storage`: zeroed, for indices below 65 536. Its first element is slot capacity::first_pool_slot.
  void use(std::span<T> storage) {
    slots_ = storage;
    const std::size_t end = storage.size() + origin;
    first_free_ = end > 1 ? 1 : 0;
    last_free_ = end > 1 ? static_cast<std::uint16_t>(end - 1) : 0;
    live_ = 0;
    for (std::size_t i = 1; i + 1 < end; ++i) storage[i - origin].next_free = static_cast<std::uint16_t>(i + 1);
  }

  /// The slot that allocate takes next, or nullptr when all are in use. Capabilities to its last occupant may still exist;
  /// they must be gone before it is allocated.
  [[nodiscard]] T* next() { return first_free_ == 0 ? nullptr : &at(first_free_); }
  /// The id of a free slot's last occupant; 0 if it had none.
  [[nodiscard]] Id last_id(const T& slot) const {
    const auto index = static_cast<std::uint32_t>(&slot - slots_.data()) + origin;
    return slot.reuse == 0 ? Id{0} : Id{index | std::uint32_t{static_cast<std::uint16_t>(slot.reuse - 1)} << 16};
  }

  [[nodiscard]] Result<T*> allocate() {
    if (first_free_ == 0) return fail(Error::resource_limit);
    const std::uint16_t index = first_free_;
    T& slot = at(index);
    ensure(slot.holders.empty());
    first_free_ = slot.next_free;
    if (first_free_ == 0) last_free_ = 0;
    const std::uint16_t reuse = slot.reuse;
    slot = T{};
    slot.reuse = reuse;
    slot.id = Id{index | std::uint32_t{reuse} << 16};
    ++live_;
    return &slot;
  }

  void release(T& slot) {
    slot.id = Id{0};
    ++slot.reuse;
    slot.next_free = 0;
    const auto index = static_cast<std::uint16_t>(&slot - slots_.data() + origin);
    if (last_free_ == 0) {
      first_free_ = index;
    } else {
      at(last_free_).next_free = index;
    }
    last_free_ = index;
    --live_;
  }

  /// The live object with this id, or nullptr.
  [[nodiscard]] T* find(Id id) {
    const std::size_t index = (id.value & 0xffffu) - origin;
    if (index >= slots_.size()) return nullptr;
    T& slot = slots_[index];
    return slot.id == id && id.value != 0 ? &slot : nullptr;
  }

  [[nodiscard]] static std::uint16_t index_of(Id id) { return static_cast<std::uint16_t>(id.value); }
  /// Precondition: index < capacity().
  [[nodiscard]] T& at(std::uint16_t index) { return slots_[static_cast<std::size_t>(index - origin)]; }
  [[nodiscard]] std::uint32_t live() const { return live_; }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

  /// Calls `visit(T&)` for every live object.
  template <typename Visit>
  void for_each(Visit visit) {
    for (T& slot : slots_) {
      if (slot.id.value != 0) visit(slot);
    }
  }

 private:
  static constexpr std::uint16_t origin = capacity::first_pool_slot;

  std::span<T> slots_;
  std::uint16_t first_free_ = 0;
  std::uint16_t last_free_ = 0;
  std::uint32_t live_ = 0;
};

}  // namespace rvm::partition
