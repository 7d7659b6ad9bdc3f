// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an agent may touch, as the registers of the memory protection unit say it: Armv7-M (Armv7-M Architecture Reference Manual
// B3.5) and Armv8-M (Armv8-M ARM B11). Pure computation, so the host's tests check it.
//
// Privileged code sees everything through the background region (PRIVDEFENA); unprivileged code sees what a region gives it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "rvm/types/address.hpp"
#include "rvm/types/error.hpp"

namespace rvm::hal::mpu {

enum class Architecture : std::uint8_t { v7, v8 };

/// A part of memory that an agent has: its program, or its data.
struct Range {
  std::uint32_t base = 0;
  std::uint32_t bytes = 0;
  Access access = Access::none;

  [[nodiscard]] constexpr bool contains(std::uint32_t at, std::uint32_t length) const {
    return at >= base && length <= bytes && at - base <= bytes - length;
  }
};

/// The two registers of a region: RBAR and RASR, or RBAR and RLAR.
struct Region {
  std::uint32_t base = 0;
  std::uint32_t attributes = 0;
  friend bool operator==(Region, Region) = default;
};
inline constexpr unsigned agent_regions =
    2;  ///< program and data; an eighth of what the smallest part has would be one
using Table = std::array<Region, agent_regions>;

/// Errors: unaligned (the hardware cannot draw this boundary), write_execute, bad_argument.
[[nodiscard]] constexpr Result<Region> encode(Architecture architecture, unsigned number, const Range& range) {
  if (range.bytes < 32 || range.access == Access::none || number > 7) return fail(Error::bad_argument);
  if (!write_xor_execute(range.access)) return fail(Error::write_execute);
  const bool writable = allows(range.access, Access::write);
  const bool executable = allows(range.access, Access::execute);
  if (architecture == Architecture::v7) {
    // A power of two, aligned to itself.
    if (!std::has_single_bit(range.bytes) || range.base % range.bytes != 0) return fail(Error::unaligned);
    constexpr std::uint32_t valid = 1u << 4, never_execute = 1u << 28, normal_memory = 1u << 17, enable = 1u;
    const std::uint32_t both = writable ? 3u : 6u;  // AP: read and write, or read only, for both privileges
    const auto size = static_cast<std::uint32_t>(std::countr_zero(range.bytes) - 1);
    return Region{range.base | valid | number,
                  both << 24 | normal_memory | size << 1 | enable | (executable ? 0 : never_execute)};
  }
  if (range.base % 32 != 0 || range.bytes % 32 != 0) return fail(Error::unaligned);
  constexpr std::uint32_t never_execute = 1u, unprivileged = 1u << 1, read_only = 1u << 2, enable = 1u;
  return Region{range.base | unprivileged | (writable ? 0 : read_only) | (executable ? 0 : never_execute),
                (range.base + range.bytes - 32) | enable};  // MAIR index 0
}

/// What the hardware would answer to an unprivileged access, by the manuals; for tests.
[[nodiscard]] constexpr bool permits(Architecture architecture, const Region& region, std::uint32_t at, Access access) {
  if ((region.attributes & 1) == 0) return false;
  std::uint32_t first = 0, last = 0;
  bool writable = false, executable = false;
  if (architecture == Architecture::v7) {
    const std::uint32_t size = region.attributes >> 1 & 31;
    first = region.base & ~31u;
    last = first + (2u << size) - 1;
    writable = (region.attributes >> 24 & 7) == 3;
    executable = (region.attributes >> 28 & 1) == 0;
  } else {
    first = region.base & ~31u;
    last = region.attributes | 31u;
    writable = (region.base >> 2 & 1) == 0;
    executable = (region.base & 1) == 0;
  }
  return at >= first && at <= last && (!allows(access, Access::write) || writable) &&
         (!allows(access, Access::execute) || executable);
}

}  // namespace rvm::hal::mpu
