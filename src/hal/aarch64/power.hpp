// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Power State Coordination Interface (Arm DEN 0022), called by SMC.
#pragma once

#include <cstdint>

namespace rvm::hal::power {

/// 0 or a negative PSCI error. `entry` runs at EL2 with the MMU off and `argument` in x0.
[[nodiscard]] std::int64_t start_core(std::uint64_t affinity, std::uint64_t entry, std::uint64_t argument);
/// Returns only if the firmware refuses.
void system_off();

}  // namespace rvm::hal::power
