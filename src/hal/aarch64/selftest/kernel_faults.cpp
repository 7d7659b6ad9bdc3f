// SPDX-License-Identifier: MIT OR Apache-2.0
#include "kernel_faults.hpp"

#include <array>
#include <cstdint>

namespace {

constinit std::array<std::uint32_t, 2> return_instruction{0xd65f03c0, 0xd65f03c0};
const std::uint64_t constant = 42;

/// Uses stack until there is none.
[[gnu::noinline]] std::uint64_t descend(std::uint64_t depth) {
  std::array<std::uint64_t, 64> room{};
  asm volatile("" : : "r"(room.data()) : "memory");  // the array must exist
  return depth == 0 ? room[0] : descend(depth - 1) + room[depth % 64];
}

/// A store that the compiler cannot see to be wrong.
void store(const void* to) {
  auto address = reinterpret_cast<std::uint64_t>(to);
  asm volatile("str xzr, [%0]" : : "r"(address) : "memory");
}

}  // namespace

void break_kernel(std::string_view how) {
  if (how == "overflow") static_cast<void>(descend(1'000));
  if (how == "store-text") store(reinterpret_cast<const void*>(&break_kernel));
  if (how == "store-constant") store(&constant);
  if (how == "null") store(nullptr);
  if (how == "run-data") asm volatile("blr %0" : : "r"(return_instruction.data()) : "x30", "memory");
}
