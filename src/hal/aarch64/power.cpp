// SPDX-License-Identifier: MIT OR Apache-2.0
#include "power.hpp"

namespace rvm::hal::power {
namespace {

constexpr std::uint64_t function_system_off = 0x8400'0008, function_cpu_on = 0xc400'0003;

/// SMC Calling Convention (Arm DEN 0028) 1.0: the callee may change x0-x17.
std::int64_t call(std::uint64_t function, std::uint64_t a1, std::uint64_t a2, std::uint64_t a3) {
  register std::uint64_t x0 asm("x0") = function;
  register std::uint64_t x1 asm("x1") = a1;
  register std::uint64_t x2 asm("x2") = a2;
  register std::uint64_t x3 asm("x3") = a3;
  asm volatile("smc #0"
               : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
               :
               : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");
  return static_cast<std::int64_t>(x0);
}

}  // namespace

std::int64_t start_core(std::uint64_t affinity, std::uint64_t entry, std::uint64_t argument) {
  return call(function_cpu_on, affinity, entry, argument);
}

void system_off() { call(function_system_off, 0, 0, 0); }

}  // namespace rvm::hal::power
