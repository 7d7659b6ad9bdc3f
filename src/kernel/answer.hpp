// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The end of a hypercall.
#pragma once

#include "ipc.hpp"

namespace rvm::kernel {

/// Of one that did not wait, whose x0 to x2 were `operation`, `first` and `second`: result register, refusal record, quota. No refusal
/// goes unrecorded: where the log has no room for it, the agent waits and makes its call again.
void answer_call(State& s, Core& core, Agent& caller, const Outcome& outcome, std::uint64_t operation,
                 std::uint64_t first, std::uint64_t second);

}  // namespace rvm::kernel
