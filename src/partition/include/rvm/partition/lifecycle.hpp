// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The life of partitions and agents as tables of permitted transitions; everything that changes a state asks here.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace rvm::partition {

enum class PartitionState : std::uint8_t { created, running, suspended, hibernated, destroyed };
enum class AgentState : std::uint8_t {
  initializing,
  running,
  suspended,
  migrating,
  hibernated,
  reconstructing,
  terminated
};

template <typename State>
struct Transition {
  State from, to;
};

inline constexpr std::array partition_transitions{
    Transition{PartitionState::created, PartitionState::running},
    Transition{PartitionState::running, PartitionState::suspended},
    Transition{PartitionState::suspended, PartitionState::running},
    Transition{PartitionState::running, PartitionState::hibernated},
    Transition{PartitionState::suspended, PartitionState::hibernated},
    Transition{PartitionState::hibernated, PartitionState::created},
    Transition{PartitionState::created, PartitionState::destroyed},
    Transition{PartitionState::running, PartitionState::destroyed},
    Transition{PartitionState::suspended, PartitionState::destroyed},
    Transition{PartitionState::hibernated, PartitionState::destroyed},
};

inline constexpr std::array agent_transitions{
    Transition{AgentState::initializing, AgentState::running},
    Transition{AgentState::initializing, AgentState::suspended},
    Transition{AgentState::running, AgentState::suspended},
    Transition{AgentState::suspended, AgentState::running},
    Transition{AgentState::suspended, AgentState::migrating},
    Transition{AgentState::migrating, AgentState::running},
    Transition{AgentState::migrating, AgentState::suspended},
    Transition{AgentState::suspended, AgentState::hibernated},
    Transition{AgentState::hibernated, AgentState::reconstructing},
    Transition{AgentState::reconstructing, AgentState::running},
    Transition{AgentState::initializing, AgentState::terminated},
    Transition{AgentState::running, AgentState::terminated},
    Transition{AgentState::suspended, AgentState::terminated},
    Transition{AgentState::migrating, AgentState::terminated},
    Transition{AgentState::hibernated, AgentState::terminated},
    Transition{AgentState::reconstructing, AgentState::terminated},
};

[[nodiscard]] constexpr bool permitted(PartitionState from, PartitionState to) {
  for (const auto& t : partition_transitions) {
    if (t.from == from && t.to == to) return true;
  }
  return false;
}

[[nodiscard]] constexpr bool permitted(AgentState from, AgentState to) {
  for (const auto& t : agent_transitions) {
    if (t.from == from && t.to == to) return true;
  }
  return false;
}

}  // namespace rvm::partition
