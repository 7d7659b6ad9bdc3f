// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "rvm/hal/port.hpp"

extern "C" void rvm_save_vectors(rvm::hal::VectorRegisters* into);
extern "C" void rvm_load_vectors(const rvm::hal::VectorRegisters* from);

namespace rvm::hal {

[[nodiscard]] constexpr bool has(Extended set, Extended member) { return (set & member) != Extended::none; }
[[nodiscard]] constexpr Extended without(Extended set, Extended member) {
  return static_cast<Extended>(static_cast<std::uint64_t>(set) & ~static_cast<std::uint64_t>(member));
}

/// Gives the running `context` vector registers, all zero, for its first use of one.
void begin_vectors(Context& context);
/// The running `context` wrote a stage-1 register: from now on it has its own.
void begin_stage_one(Context& context);
/// The running `context` turned its stage 1 on.
void activate_stage_one(Context& context);

/// VTTBR_EL2 for a root (Arm ARM D19.2.161).
[[nodiscard]] constexpr std::uint64_t root_register(StageTwoRoot root) {
  return root.table.value | std::uint64_t{root.vmid} << 48;
}

}  // namespace rvm::hal
