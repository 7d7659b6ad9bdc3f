// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The worker: the kernel's one thread. It seals records and writes them to the log volume, and verifies evidence: work that is
// too long to be done with interrupts masked. An idle core runs it for as long as nobody wants the core; on a busy machine it gets a part of each
// epoch (log_turns_per_epoch), which whoever outranks the agent that it interrupted takes back at once. It takes no kernel lock and holds no
// lock that kernel code waits for. Where the port has no worker, the same work is done in place, in small batches.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

void start_worker(State& s);

/// There may be something to do: an epoch ended, the disk answered, evidence was filed. True when there is no worker, and the
/// caller is to do it, without the kernel lock.
[[nodiscard]] bool wake_worker(State& s, Core& core);
/// A part of what the worker does where there is none: a few records and a verification. False: there was nothing.
bool work_a_little();

/// Gives this core to the worker until it is out of work or time, or somebody better than `floor` wants the core. No agent is
/// current. turn_end `never`: for as long as nobody at all wants it.
void enter_worker(State& s, Core& core, sched::Priority floor, Nanoseconds turn_end);
/// After an interrupt in the worker: whether it goes on. If not, it has left the core.
[[nodiscard]] bool worker_stays(State& s, Core& core, Nanoseconds now);
void leave_worker(State& s, Core& core);

/// It has stopped between two pieces of work, so that everything it uses is in order.
[[nodiscard]] bool worker_at_rest();
/// From now on it begins no more work.
void retire_worker();

}  // namespace rvm::kernel
