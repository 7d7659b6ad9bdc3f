// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// Takes every pending interrupt of this core. Returns true when the log should be pumped. Under the kernel lock.
bool take_interrupts(State& s, Core& core);

}  // namespace rvm::kernel
