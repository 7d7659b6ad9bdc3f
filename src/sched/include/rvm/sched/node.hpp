// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>

#include "rvm/types/time.hpp"

namespace rvm::sched {

/// Index of an agent in its pool; the queues link agents by index, not by pointer, so that they fit a microcontroller.
using NodeIndex = std::uint16_t;
inline constexpr NodeIndex no_node = UINT16_MAX;
inline constexpr std::uint16_t not_in_heap = UINT16_MAX;

/// Strict priority = deadline_urgency + cut_pressure_boost, both 0..10000 (design constraint DC-4), so 0..20000.
/// Agents of Reflex partitions lie above all of them.
using Priority = Strong<struct PriorityTag, std::uint16_t>;
inline constexpr std::uint16_t urgency_maximum = 10000;
inline constexpr Priority flow_maximum{20000};
inline constexpr Priority reflex_base{20001};
inline constexpr std::uint32_t priority_levels = 30002;

/// The scheduling links of one agent; a member of the agent.
struct Node {
  NodeIndex next = no_node;  ///< in the circular list of its level; no_node when in no run queue
  NodeIndex previous = no_node;
  Priority level;  ///< under which it is queued
  std::uint16_t heap_position = not_in_heap;
  Nanoseconds wake_at = never;

  [[nodiscard]] bool queued() const { return next != no_node; }
  [[nodiscard]] bool timed() const { return heap_position != not_in_heap; }
};

/// Finds the node of an agent by index.
template <typename N>
concept Nodes = requires(N nodes, NodeIndex i) {
  { nodes.node(i) } -> std::same_as<Node&>;
};

}  // namespace rvm::sched
