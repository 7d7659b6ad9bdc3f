// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A partition's capability table and the P1 check that every hypercall passes.
//
// Hardening against speculation: the slot number is masked, so not even a mispredicted path reads outside the table; and
// the verdict selects, by data flow rather than by branch, between the capability asked for and slot 0, which is always
// empty. The CSDB after it (Arm ARM, "Consumption of Speculative Data Barrier") keeps a mispredicted path from using a
// predicted outcome of that selection. Time does not depend on the rights nor on the capability's contents: there is one
// verdict; which error to report is worked out only after a refusal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/cap/capability.hpp"
#include "rvm/types/error.hpp"
#include "rvm/types/handle.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::cap {

inline constexpr std::size_t table_bytes = table_slots * sizeof(Capability);
inline constexpr std::size_t table_page_order = 2;
static_assert(sizeof(Capability) == 64);
static_assert(table_bytes == page_bytes << table_page_order);

class CapabilityTable {
 public:
  constexpr CapabilityTable() = default;
  CapabilityTable(const CapabilityTable&) = delete;
  CapabilityTable& operator=(const CapabilityTable&) = delete;
  ~CapabilityTable() = default;

  [[nodiscard]] bool open() const { return slots_ != nullptr; }
  [[nodiscard]] unsigned used() const { return used_; }

  /// The capability that `handle` names. Error::bad_capability if there is none.
  [[nodiscard]] Result<Capability*> resolve(Handle handle) const;
  /// P1: the handle resolves, its object is of type `type` (ObjectType::any accepts all) and it has all of `needed`.
  /// Errors: bad_capability, wrong_type, rights. The table must be open.
  [[nodiscard]] Result<Capability*> check(Handle handle, ObjectType type, Rights needed) const;
  /// Handle and slot of a capability of this table.
  [[nodiscard]] std::uint16_t slot_of(const Capability& capability) const {
    return static_cast<std::uint16_t>(&capability - slots_);
  }
  [[nodiscard]] Handle handle_of(const Capability& capability) const {
    return {slot_of(capability), capability.generation()};
  }

 private:
  friend class CapabilityTree;
  [[nodiscard]] Error refusal(Handle handle, ObjectType type, Rights needed) const;
  [[nodiscard]] Capability& at(std::uint16_t slot) const { return slots_[slot & (table_slots - 1)]; }

  Capability* slots_ = nullptr;
  std::uint16_t free_head_ = 0;  ///< queue of slots used before, oldest first, so that generations wrap late; 0 = empty
  std::uint16_t free_tail_ = 0;
  std::uint16_t touched_ = 0;  ///< slots 1..touched_ were used before, those above never
  std::uint16_t used_ = 0;
  bool closing_ = false;
};

inline Result<Capability*> CapabilityTable::check(Handle handle, ObjectType type, Rights needed) const {
  const std::uint32_t slot = handle.slot & (table_slots - 1);
  const Capability& claimed = slots_[slot];
  const std::uint32_t type_bits = type == ObjectType::any ? 0u : 0xffu;
  // Each term is zero exactly when it is in order; none can set bit 31.
  const std::uint32_t wrong =
      (handle.slot ^ slot) | std::uint32_t(claimed.generation_.value ^ handle.generation.value) |
      std::uint32_t(claimed.state_ ^ Capability::state_live) |
      ((static_cast<std::uint32_t>(claimed.type_) ^ static_cast<std::uint32_t>(type)) & type_bits) |
      (needed.bits() & ~std::uint32_t{claimed.rights_.bits()});
  // All ones when `wrong` is zero, else zero.
  std::uint32_t mask = static_cast<std::uint32_t>(static_cast<std::int32_t>(wrong - 1) >> 31);
#if defined(__aarch64__)
  // Sound: changes no register but hides from the compiler that `mask` follows from `wrong`, so that it cannot turn the
  // selection into a branch. HINT #20 is CSDB, a no-operation on older cores.
  asm volatile("hint #20" : "+r"(mask));
#elif defined(__GNUC__)
  asm volatile("" : "+r"(mask));  // sound: emits nothing; hides the origin of `mask` as above
#endif
  Capability* const selected = slots_ + (slot & mask);
  if (wrong != 0) [[unlikely]] {
    return fail(refusal(handle, type, needed));
  }
  return selected;
}

inline Result<Capability*> CapabilityTable::resolve(Handle handle) const {
  return check(handle, ObjectType::any, rights::none);
}

}  // namespace rvm::cap
