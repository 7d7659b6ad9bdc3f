// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything the kernel lock protects.
#pragma once

#include <array>
#include <cstdint>

#include "config.hpp"
#include "lock.hpp"
#include "log.hpp"
#include "rvm/boot/package.hpp"
#include "rvm/cap/space.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/memory/page_allocator.hpp"
#include "rvm/memory/vmid.hpp"
#include "rvm/partition/agent.hpp"
#include "rvm/partition/edge.hpp"
#include "rvm/partition/partition.hpp"
#include "rvm/partition/pool.hpp"
#include "rvm/sched/run_queue.hpp"
#include "rvm/sched/sleep_queue.hpp"
#include "rvm/security/gate.hpp"

namespace rvm::kernel {

using partition::Agent;
using partition::AgentState;
using partition::Edge;
using partition::Partition;
using partition::PartitionState;
using partition::RegionObject;
using partition::Wait;

/// One CPU as the scheduler sees it.
struct Core {
  CoreIndex index;
  Agent* current = nullptr;        ///< executing; between entry and exit of the kernel also the one that trapped
  hal::Context* loaded = nullptr;  ///< whose system registers the hardware holds unsaved
  bool reschedule = false;         ///< somebody better may be ready, or current may not run on
  bool idle = false;
  bool parked = false;  ///< stopped for shutdown
  sched::RunQueue<>* ready = nullptr;
  sched::SleepQueue sleepers;
  Nanoseconds slice_end{0};
  Nanoseconds next_epoch{0};
  Nanoseconds timer = never;  ///< what the hardware timer is set to
  bool timer_stale = true;    ///< it may have to be set anew
  sched::Priority age_cursor{0};
  std::uint32_t epochs_to_ageing = ageing_epochs;
  std::uint64_t switches = 0;
  Nanoseconds busy{0};           ///< CPU time of agents
  Nanoseconds busy_surveyed{0};  ///< the same when the balance of the cores was last looked at
  Nanoseconds offer_at = never;  ///< who then still waits here may go to a core that sleeps

  // The worker's turn on this core.
  Nanoseconds turn_start = never;      ///< when the worker gets a part of this epoch: not where agents change turns
  bool grant_turn = false;             ///< the next decision gives it that
  const Agent* interrupted = nullptr;  ///< by the worker; its turn ends when it would have without
  Nanoseconds interrupted_end{0};
  sched::Priority turn_floor{0};  ///< of whom it took the core from: only somebody better takes it back
  Nanoseconds turn_end = never;   ///< never: it has the core for as long as nobody wants it
};

/// The kernel's own thread, which looks after the log (worker.hpp).
struct Worker {
  hal::Context* context = nullptr;
  Core* core = nullptr;        ///< executing there
  bool ready = false;          ///< has something to do
  const Core* last = nullptr;  ///< which busy core gave it a turn; the next is another one's to give
};

/// A device that agents may lease; its id is its place in State::devices, from 1.
struct Device {
  std::uint32_t port = 0;  ///< place in hal::Port::devices()
  std::uint32_t kind = 0;  ///< rvm_device_kind
  std::uint64_t dma_per_epoch = 0;
  cap::ObjectCapabilities holders;
  std::uint32_t interrupts_left = 0;  ///< in this epoch
  bool permission_due = false;        ///< its interrupt was acknowledged, but this epoch had enough of them
  bool broken = false;                ///< it does not stop: nobody gets it any more
  bool reported = false;              ///< the log says so

  // The lease.
  Agent* holder = nullptr;  ///< nullptr: nobody has it
  cap::CapabilityRef by;    ///< through which it was leased
  Nanoseconds expiry{0};
  std::uint64_t dma_left = 0;  ///< in this epoch
  GuestAddress mapped_at;      ///< of its registers in the holder's slot; 0: not mapped
  PhysicalAddress queues;      ///< page of its queues, the holder's partition pays for it; 0: none
  std::uint8_t notify = 64;    ///< bit of the holder's notification word; 64: none
};

/// Agents on their way from one partition to another (relocation.hpp).
struct Relocation {
  // NOLINTBEGIN(readability-redundant-member-init): they may be left out
  enum class Kind : std::uint8_t { migrate, split, merge };
  enum class Phase : std::uint8_t {
    none,
    stopping,  ///< somebody who is to move still executes
    finished   ///< the verdict waits for whoever asked
  };
  Kind kind = Kind::migrate;
  Phase phase = Phase::none;
  std::uint16_t reason = RVM_MOVE_REQUEST;
  AgentId requester{};  ///< 0: the coherence engine
  security::Authority by = security::Authority::hypervisor();
  PartitionId from{};
  PartitionId to{};           ///< of a split: the one that it made
  std::uint64_t members = 0;  ///< of a split by request: who leaves, as it was asked for
  std::uint32_t count = 0;
  std::array<AgentId, maximum_agents_per_partition> agents{};  ///< in ascending order of their index
  std::uint64_t held = 0;                                      ///< bit i: agents[i] was stopped for this
  Nanoseconds begun{0};
  Status verdict{};
  // NOLINTEND(readability-redundant-member-init)
};

/// What became of boundaries since boot (boundaries.hpp).
struct Boundaries {
  std::uint64_t splits = 0, merges = 0, migrations = 0;
  std::uint64_t aborted = 0;  ///< that the adviser asked for
  std::uint64_t cross_bytes = 0, total_bytes = 0;
  std::uint64_t epochs = 0, degraded_epochs = 0, budget_exceeded = 0;
  std::uint64_t engine_ns = 0;
  std::uint64_t epoch_ns = 0,
                longest_ns = 0;  ///< that the adviser computed, in this epoch and in the one where it did so longest
  std::uint32_t load = 0;        ///< of the cores, basis points
};

/// How the homes of partitions are spread over the cores (balance.hpp).
struct Balance {
  std::uint32_t cursor = 0;  ///< the next place in the table of partitions
  std::uint8_t from = 0;     ///< the busiest core
  std::uint8_t to = 0;       ///< the least busy one
  std::uint64_t begun = 0;   ///< epoch
  std::uint64_t gap = 0;     ///< between their loads, ns; 0: too small to act
  PartitionId candidate;     ///< to go from the one to the other
  std::uint64_t candidate_cpu = 0;
};

enum class ShutdownReason : std::uint8_t { none, done, requested, time };

struct State {
  Capacity capacity{};
  memory::PageAllocator<hal::Port> pages;
  partition::Pool<Partition> partitions;
  partition::Pool<Agent> agents;
  partition::Pool<Edge> edges;
  partition::Pool<RegionObject> regions;
  std::array<Device, RVM_PACKAGE_DEVICES_MAX> devices{};
  std::uint32_t device_count = 0;
  cap::ObjectCapabilities permanent;  ///< to objects that never end: the hypervisor, the console, the log
  std::array<Core, maximum_cores> cores{};
  std::uint32_t core_count = 1;
  Worker worker;
  Balance balance;

  boot::Package package;  ///< from boot phase SchedulerInit on
  Nanoseconds epoch_length{1'000'000};
  Nanoseconds run_until = never;
  bool witness_each_message = false;
  bool accept_shutdown_byte = false;
  bool dump_at_shutdown = false;

  partition::List<Agent, &Agent::ended_link> ended;  ///< agents whose arenas are still to be scrubbed and freed
  partition::List<RegionObject, &RegionObject::orphan_link> orphans;  ///< regions that nothing leads to any more
  partition::List<Edge, &Edge::epoch_link> epoch_edges;               ///< with traffic since their last summary
  Relocation relocation;
  Boundaries boundaries;
  std::uint32_t census = 0;  ///< number of the last (belongings.hpp)
  std::uint64_t epoch = 0;
  std::uint64_t messages_at_epoch = 0;
  std::uint64_t switches_at_epoch = 0;

  ShutdownReason stopping = ShutdownReason::none;
  std::uint32_t working_agents = 0;  ///< alive and not services
  std::uint32_t agents_ever = 0;
  std::uint32_t partitions_ever = 0;

  std::uint64_t messages = 0;
  std::uint64_t refused = 0;
  std::uint64_t faults = 0;
  std::uint64_t vmid_reclaims = 0;
  std::uint64_t throttled = 0;
  Nanoseconds first_witness = never;

  // Large members last, so that the others are within reach of a load's immediate offset.
  memory::VmidAllocator vmids;
  cap::CapabilityTree capabilities;

  [[nodiscard]] sched::Node& node(sched::NodeIndex i) { return agents.at(i).node; }
  [[nodiscard]] static Partition& partition_of(const Agent& agent) { return *agent.partition; }
  [[nodiscard]] Core& core(CoreIndex i) { return cores[i.value]; }
};

[[nodiscard]] inline std::uint32_t id_of(const State& s, const Device& device) {
  return static_cast<std::uint32_t>(&device - s.devices.data()) + 1;
}

/// The one state and the one lock ("For a Microkernel, a Big Lock Is Fine", Peters et al., APSys 2015; docs/adr).
extern constinit Locked<State> the_state;
using Guard = Locked<State>::Guard;

/// The log has locks of its own.
extern constinit Log the_log;
[[nodiscard]] inline Log& log() { return the_log; }

[[nodiscard]] inline sched::NodeIndex index_of(const Agent& agent) {
  return partition::Pool<Agent>::index_of(agent.id);
}
/// Under which the agent's capabilities lie. It keeps them wherever it goes.
[[nodiscard]] inline cap::AgentIndex table_of(const Agent& agent) { return cap::AgentIndex{index_of(agent)}; }
[[nodiscard]] inline partition::PartitionIndex index_of(const Partition& p) {
  return partition::PartitionIndex{partition::Pool<Partition>::index_of(p.id)};
}
/// Owners of pages, as the page allocator names them: partitions by their index, and behind them agents, for what goes with an
/// agent wherever it goes.
[[nodiscard]] inline PartitionId page_owner(const Partition& p) { return PartitionId{index_of(p).value}; }
[[nodiscard]] inline PartitionId page_owner(const Agent& agent) {
  return PartitionId{maximum_partitions + index_of(agent)};
}
static_assert(maximum_partitions + maximum_agents <= memory::PageWord::owner_max);

}  // namespace rvm::kernel
