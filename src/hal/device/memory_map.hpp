// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "fixed_list.hpp"
#include "rvm/hal/machine.hpp"
#include "rvm/types/address.hpp"

namespace rvm::hal {

/// Free RAM: whole pages, ranges apart and ascending.
class MemoryMap {
 public:
  static constexpr std::size_t range_limit = 64;

  /// Adds the whole pages inside `range`. False when the map is full.
  [[nodiscard]] bool add(MemoryRange range);
  /// Takes away every page that `range` touches. False when the map is full (a hole makes one range two).
  [[nodiscard]] bool remove(MemoryRange range);
  /// Takes `bytes` (a multiple of the page size) off the end of the last range that has them; base 0 when none has.
  [[nodiscard]] MemoryRange take(std::uint64_t bytes);
  [[nodiscard]] std::span<const MemoryRange> ranges() const { return {ranges_.data(), ranges_.size()}; }

 private:
  FixedList<MemoryRange, range_limit> ranges_;
};

}  // namespace rvm::hal
