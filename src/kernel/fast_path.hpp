// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Call and reply-wait between two agents when nothing stands in the way: straight-line code for what ipc.cpp does in general.
// Each function changes nothing unless every precondition holds; then it completes the hypercall and returns the context to
// resume. Otherwise nullptr, and the general path does the same thing or refuses (kernel_test.cpp holds both to the same
// result). Under the kernel lock.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

[[nodiscard]] hal::Context* fast_call(State& s, Core& core, hal::Context& registers);
[[nodiscard]] hal::Context* fast_reply_wait(State& s, Core& core, hal::Context& registers);

}  // namespace rvm::kernel
