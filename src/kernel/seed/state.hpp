// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kernel's state on a microcontroller: what its appliance counterpart (../appliance/state.hpp) has, without what one core with a
// static manifest has no use for. Exceptions do not nest, so nothing is locked; the worker touches only the log.
#pragma once

#include <array>
#include <cstdint>

#include "config.hpp"
#include "log.hpp"
#include "rvm/cap/space.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/partition/agent.hpp"
#include "rvm/partition/edge.hpp"
#include "rvm/partition/partition.hpp"
#include "rvm/partition/pool.hpp"
#include "rvm/sched/ordered_queue.hpp"
#include "rvm/sched/sleep_queue.hpp"
#include "rvm/security/gate.hpp"

namespace rvm::kernel {

using partition::Agent;
using partition::AgentState;
using partition::Edge;
using partition::Partition;
using partition::PartitionState;
using partition::Wait;

namespace seed {
inline constexpr std::size_t partitions = 4, agents = 4, edges = 6;
inline constexpr std::uint32_t edge_queue = 4;     ///< messages
inline constexpr std::size_t queued_messages = 8;  ///< of all edges together
inline constexpr Nanoseconds turn{1'000'000};      ///< among agents of one priority
inline constexpr std::uint32_t overruns_max = 3;  ///< budgets used up in a row without a wait; then it loops, and is F1
}  // namespace seed

/// Reached as through the appliance's pointer to its core's queue.
struct ReadyQueue : sched::OrderedQueue<seed::agents> {
  ReadyQueue* operator->() { return this; }
};

struct Core {
  Agent* current = nullptr;  ///< nullptr: the worker has the core
  Agent* next = nullptr;     ///< became ready just now and was then the best: the decision to come need not queue it
  bool reschedule = false;   ///< somebody better may be ready, current may not run on, or its turn has to be timed
  bool timer_changed = false;
  std::uint32_t switches = 0;
  ReadyQueue ready;
  sched::SleepQueue sleepers;
  Nanoseconds slice_end{0};  ///< of current's turn; 0: it gave up the rest
  Nanoseconds next_epoch{0};
  Nanoseconds timer = never;  ///< when the hardware's is to interrupt
};

struct State {
  partition::Pool<Partition> partitions;
  partition::Pool<Agent> agents;
  partition::Pool<Edge> edges;
  cap::ObjectCapabilities permanent;  ///< to objects that never end: the console, the log
  std::array<Core, 1> cores{};
  hal::Context worker;
  Nanoseconds epoch_length{1'000'000};
  static constexpr bool witness_each_message = false;
  partition::List<Edge, &Edge::epoch_link> epoch_edges;  ///< with traffic since their last summary
  std::uint64_t epoch = 0;
  std::uint32_t switches_at_epoch = 0;
  std::uint32_t working_agents = 0;  ///< alive and not services
  bool stopping = false;
  std::uint64_t messages = 0, refused = 0, faults = 0, throttled = 0;
  Nanoseconds first_witness = never;
  cap::CapabilityTree capabilities;

  [[nodiscard]] sched::Node& node(sched::NodeIndex i) { return agents.at(i).node; }
  [[nodiscard]] static Partition& partition_of(const Agent& agent) { return *agent.partition; }
};

extern constinit State the_state;
extern constinit Log the_log;
[[nodiscard]] inline Log& log() { return the_log; }

[[nodiscard]] inline sched::NodeIndex index_of(const Agent& agent) {
  return partition::Pool<Agent>::index_of(agent.id);
}
[[nodiscard]] inline partition::PartitionIndex index_of(const Partition& p) {
  return partition::PartitionIndex{partition::Pool<Partition>::index_of(p.id)};
}
[[nodiscard]] inline cap::AgentIndex table_of(const Agent& agent) { return cap::AgentIndex{index_of(agent)}; }

}  // namespace rvm::kernel
