// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who runs: strict priority with FIFO among equals, CPU budgets, timed waits. When nobody can, or the log is in a hurry and no
// agent with a deadline wants the core, the worker does.
#pragma once

#include "waits.hpp"

namespace rvm::kernel {

/// Whether IPC may hand the core to `agent` without asking the scheduler.
[[nodiscard]] inline bool may_run_here(const State&, const Core&, const Agent& agent) {
  return agent.state == AgentState::running && agent.budget.value == 0;
}

[[nodiscard]] inline Nanoseconds whole_turn(const State&) { return seed::turn; }

/// Timed waits, turns, budgets, epoch.
void on_timer(State& s, Core& core, Nanoseconds now);
/// Who runs from `now` on: its context is loaded, and the timer is set.
hal::Context& decide(State& s, Core& core, Nanoseconds now);
/// What a hypercall ends with.
[[nodiscard]] inline hal::Context& resume(State& s, Core& core) {
  if (!core.reschedule && core.current != nullptr) [[likely]]
    return *core.current->context;
  return decide(s, core, hal::Port::now());
}
/// The current agent has ended.
void leave(Core& core);

}  // namespace rvm::kernel
