// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "rvm/types/strong.hpp"

namespace rvm {

inline constexpr std::size_t page_bytes = 4096;
inline constexpr unsigned page_shift = 12;

/// A machine ("host") physical address.
using PhysicalAddress = Strong<struct PhysicalAddressTag, std::uint64_t>;
/// A guest-physical (intermediate physical, IPA) address of some partition.
using GuestAddress = Strong<struct GuestAddressTag, std::uint64_t>;

template <typename Address>
concept AnyAddress = requires(Address a) { a.value; };

[[nodiscard]] constexpr bool page_aligned(AnyAddress auto a) { return (a.value & (page_bytes - 1)) == 0; }
template <AnyAddress Address>
[[nodiscard]] constexpr Address offset(Address a, std::uint64_t bytes) {
  return Address{a.value + bytes};
}
template <AnyAddress Address>
[[nodiscard]] constexpr Address page_of(Address a) {
  return Address{a.value & ~std::uint64_t{page_bytes - 1}};
}
[[nodiscard]] constexpr std::uint64_t pages_for(std::uint64_t bytes) { return (bytes + page_bytes - 1) >> page_shift; }

/// Permissions of a mapping; the values are those of RVM_MAP_*.
enum class Access : std::uint8_t { none = 0, read = 1, write = 2, execute = 4, read_write = 3, read_execute = 5 };

[[nodiscard]] constexpr Access operator|(Access a, Access b) {
  return static_cast<Access>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// True when `have` grants everything in `need`.
[[nodiscard]] constexpr bool allows(Access have, Access need) {
  return (static_cast<unsigned>(have) & static_cast<unsigned>(need)) == static_cast<unsigned>(need);
}
/// Write and execute together are never granted.
[[nodiscard]] constexpr bool write_xor_execute(Access a) { return !allows(a, Access::write | Access::execute); }

}  // namespace rvm
