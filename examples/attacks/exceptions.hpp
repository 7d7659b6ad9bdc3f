// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Exceptions that an agent takes at its own level, EL1: what is UNDEFINED there never reaches the hypervisor. With these
// vectors an attack can try many instructions in a row; each that is refused is counted and skipped.
#pragma once

#include <cstdint>

namespace attacks {

struct ExceptionState {
  std::uint64_t syndrome;  ///< ESR_EL1
  std::uint64_t address;   ///< FAR_EL1
  std::uint64_t program_counter;
  std::uint64_t count;
};

extern "C" volatile ExceptionState attack_exceptions;

/// Points VBAR_EL1 at a table whose every entry counts, clears SPSR.IL and skips one instruction.
void install_vectors();

/// Exception class of the last exception (Arm ARM D17.2.37, ESR_ELx.EC).
[[nodiscard]] inline std::uint64_t exception_class() { return attack_exceptions.syndrome >> 26 & 0x3f; }

}  // namespace attacks
