// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which core a partition calls home. Agents of one partition share it, since what keeps agents in a partition is that they talk
// (layer 2 sees to that), and who is woken where its peer runs needs no interrupt. Idle cores steal from busy ones whatever the
// homes are; this only keeps them from having to, at no more than one partition a pass.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// The home of a partition until there is experience with it.
[[nodiscard]] inline std::uint8_t first_home(const State& s, const Partition& p) {
  return static_cast<std::uint8_t>(index_of(p).value % s.core_count);
}

/// Once an epoch, under the kernel lock. Looks at 64 partitions; a pass over all of them takes at least 16 epochs and ends with one
/// partition of the busiest core going to the least busy, if that takes the one nearer to the other. Cost: some 10 instructions for
/// each place in the table of partitions that it looks at.
void balance_cores(State& s);

}  // namespace rvm::kernel
