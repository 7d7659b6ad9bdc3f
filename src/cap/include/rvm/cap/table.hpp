// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An agent's capability table and the P1 check that every hypercall passes.
//
// A table has 64 slots at first and grows to 256, a page at a time (on a microcontroller it has 8). Its pages never move, so that a reference to a capability
// stays good while the table grows. Where it has no page yet, a page of empty slots stands that all tables share.
//
// Hardening against speculation: the slot number is masked, so not even a mispredicted path reads outside the table; and
// the verdict selects, by data flow rather than by branch, between the capability asked for and slot 0, which is always
// empty. The CSDB after it (Arm ARM, "Consumption of Speculative Data Barrier") keeps a mispredicted path from using a
// predicted outcome of that selection. Time does not depend on the rights nor on the capability's contents: there is one
// verdict; which error to report is worked out only after a refusal.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/cap/capability.hpp"
#include "rvm/types/error.hpp"
#include "rvm/types/handle.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::cap {

static_assert(sizeof(Capability) == 64);
inline constexpr std::size_t step_bytes = capacity::capability_table_step;
inline constexpr unsigned page_slots = step_bytes / sizeof(Capability);
inline constexpr unsigned table_pages = table_slots / page_slots;  ///< at most

class CapabilityTable {
 public:
  constexpr CapabilityTable() = default;
  CapabilityTable(const CapabilityTable&) = delete;
  CapabilityTable& operator=(const CapabilityTable&) = delete;
  ~CapabilityTable() = default;

  [[nodiscard]] bool open() const { return page_count_ != 0; }
  [[nodiscard]] unsigned used() const { return used_; }
  /// Whether the next capability needs a page that the table does not have yet.
  [[nodiscard]] bool full() const { return used_ + 1u == page_count_ * page_slots; }
  /// Its pages, for whoever accounts for them.
  [[nodiscard]] std::span<Capability* const> pages() const { return std::span{pages_}.first(page_count_); }

  /// The capability that `handle` names. Error::bad_capability if there is none.
  [[nodiscard]] Result<Capability*> resolve(Handle handle) const;
  /// P1: the handle resolves, its object is of type `type` (ObjectType::any accepts all) and it has all of `needed`.
  /// Errors: bad_capability, wrong_type, rights. The table must be open.
  [[nodiscard]] Result<Capability*> check(Handle handle, ObjectType type, Rights needed) const;
  [[nodiscard]] static Handle handle_of(const Capability& capability) {
    return {capability.slot_, capability.generation()};
  }

 private:
  friend class CapabilityTree;
  enum class Closing : std::uint8_t { no, keeping, revoking };  ///< the latter two: what becomes of what was derived

  [[nodiscard]] Error refusal(Handle handle, ObjectType type, Rights needed) const;
  [[nodiscard]] Capability& at(std::uint16_t slot) const {
    return pages_[slot / page_slots % table_pages][slot % page_slots];
  }

  std::array<Capability*, table_pages> pages_{};
  std::uint16_t free_head_ = 0;  ///< queue of slots used before, oldest first, so that generations wrap late; 0 = empty
  std::uint16_t free_tail_ = 0;
  std::uint16_t touched_ = 0;  ///< slots 1..touched_ were used before, those above never
  std::uint16_t used_ = 0;
  std::uint8_t page_count_ = 0;
  Closing closing_ = Closing::no;
};

inline Result<Capability*> CapabilityTable::check(Handle handle, ObjectType type, Rights needed) const {
  const std::uint32_t slot = handle.slot & (table_slots - 1);
  const Capability& claimed = pages_[slot / page_slots][slot % page_slots];
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
  const std::uint32_t chosen = slot & mask;
  Capability* const selected = pages_[chosen / page_slots] + chosen % page_slots;
  if (wrong != 0) [[unlikely]] {
    return fail(refusal(handle, type, needed));
  }
  return selected;
}

inline Result<Capability*> CapabilityTable::resolve(Handle handle) const {
  return check(handle, ObjectType::any, rights::none);
}

}  // namespace rvm::cap
