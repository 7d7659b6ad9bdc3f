// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What happens by the clock. Under the kernel lock.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// Lets the longest-neglected lower priority have a turn now and then, level by level, so that strict priority starves
/// nobody. Reflex agents are above this.
void age(State& s, Core& core);

/// Boot core, once per epoch: traffic summaries, the scheduler's summary, requests to end the machine.
void end_epoch(State& s, Nanoseconds now);

/// The summary record of an edge's traffic, if there was any; also before the edge goes.
void summarise_edge(State& s, Edge& edge);

}  // namespace rvm::kernel
