// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// A hypercall in general: policy, P1, handler, refusal, scheduler. fast_path.cpp comes here when it declines.
[[nodiscard]] hal::Context& general_path(Guard& guard, Core& core, hal::Context& context);

}  // namespace rvm::kernel
