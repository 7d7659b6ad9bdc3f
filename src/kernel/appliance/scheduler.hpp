// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who runs where. Strict priority with FIFO among equals per core, one epoch per turn, CPU budgets, timed waits, ageing,
// stealing by idle cores. All functions run under the kernel lock.
#pragma once

#include "waits.hpp"

namespace rvm::kernel {

/// Takes an agent out of run and sleep queues. An agent that executes elsewhere is asked to leave; returns false then.
[[nodiscard]] bool detach(State& s, Agent& agent);

/// Whether IPC may hand this core to `agent` without asking the scheduler.
[[nodiscard]] inline bool may_run_here(const State& s, const Core& core, const Agent& agent) {
  (void)s;
  return agent.state == AgentState::running && !agent.held && agent.budget.value == 0 &&
         (agent.affinity < 0 || static_cast<std::uint32_t>(agent.affinity) == core.index.value);
}

/// How long an agent waits for its home core while another one sleeps.
inline constexpr Nanoseconds patience_at_home{50'000};

/// A little less than an epoch, so that a turn which begins just after a tick is over at the next one.
[[nodiscard]] inline Nanoseconds whole_turn(const State& s) {
  return Nanoseconds{s.epoch_length.value - s.epoch_length.value / 8};
}

/// The priority that an agent has by itself: urgency + pressure (DC-4), or above all of that in a reflex partition.
[[nodiscard]] sched::Priority base_priority(const Agent& agent);
/// Its partition, or the pressure on that, is another now.
void feel_pressure(State& s, Agent& agent);

/// CPU time of the current agent up to now.
void charge(Core& core, Nanoseconds now);

/// Timer interrupt: timed waits, end of turn, budgets, epoch. Returns true when the log should be pumped.
bool on_timer(State& s, Core& core, Nanoseconds now);

/// What every kernel entry ends with: chooses who runs, waits while nobody can.
hal::Context& resume(Guard& guard, Core& core);

/// Asks all cores to stop; the boot core then ends the machine.
void begin_shutdown(State& s, ShutdownReason reason);

}  // namespace rvm::kernel
