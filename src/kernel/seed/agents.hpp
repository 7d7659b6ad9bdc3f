// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The agents of the manifest: started at boot, started again after a fault (F1), ended. Mutations take the gate's permit.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// Its variables as they were flashed, an empty stack, at its entry point. Its capabilities and edges stay.
void begin(State& s, Agent& agent);
/// F1: stops the agent that did something it may not do, witnesses it, and starts it again; after too many faults it stays down.
void contain(State& s, Core& core, Agent& agent, const hal::Fault& fault);
/// It ends by itself. False: the log has no room for the record; nothing was done.
[[nodiscard]] bool end(State& s, Core& core, Agent& agent, std::uint64_t exit_code);

}  // namespace rvm::kernel
