// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who leaves a partition that is split by hand: the same kind of cut that the coherence engine makes, of the graph as it was read.
#pragma once

#include <cstdint>
#include <vector>

#include "host/control/connection.hpp"

namespace rvm::host {

struct Split {
  std::vector<std::uint32_t> members;  ///< ids of the living agents of the partition, in ascending order of their slots
  std::uint64_t leaving = 0;           ///< bit i: members[i] leaves; never nobody and never all
  std::uint64_t weight = 0;  ///< of the edges that will cross the new boundary: bytes, decayed if an engine measures
  bool exact = false;        ///< no other cut of this kind weighs less
};

/// Splits along the minimum cut that leaves two agents on either side (one, of fewer than four): the smaller side leaves, of equals
/// that without the first member. With `isolate`, along the minimum cut between this agent and the one that has most to do with the
/// others: its side leaves. Failures: usage, when the partition has fewer than two agents or `isolate` is not one of them.
[[nodiscard]] Outcome<Split> choose_split(const Snapshot& s, const rvm_partition_status& partition,
                                          const rvm_agent_status* isolate);

}  // namespace rvm::host
