// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How agents come to wait and go on: what IPC and signals need of a scheduler, of which there is one for each target.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// Puts a runnable agent into a run queue and has its core reconsider. Precondition: agent.runnable(), not queued, not
/// executing.
void make_ready(State& s, Agent& agent);

/// Ends a wait: `error` becomes the result of the hypercall the agent waited in.
void wake(State& s, Agent& agent, Error error);
/// Ends a wait of a call that is repeated: the agent runs its hypercall again.
void wake_to_retry(State& s, Agent& agent);
/// The deadline of a timed wait has passed.
void end_timed_wait(State& s, Agent& agent, Nanoseconds now);

/// The current agent waits from now on (until `deadline`, where that is not `never`).
void block(State& s, Core& core, Wait wait, Nanoseconds deadline);

/// Direct switch in the middle of IPC: `core.current` was made to wait, `next` runs at once on what is left of its turn.
/// Preconditions: may_run_here(next), next.wait == none, next not queued.
void switch_directly(State& s, Core& core, Agent& next);

}  // namespace rvm::kernel
