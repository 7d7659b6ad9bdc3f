// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "rvm/abi.h"
#include "rvm/cap/table.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/partition/edge.hpp"
#include "rvm/partition/lifecycle.hpp"
#include "rvm/partition/list.hpp"
#include "rvm/sched/histogram.hpp"
#include "rvm/sched/node.hpp"
#include "rvm/types/capacities.hpp"

namespace rvm::proof {
class NonceWindow;
}

namespace rvm::partition {

struct Partition;

/// What an agent that is not runnable waits for.
enum class Wait : std::uint8_t {
  none,       ///< runnable: running or in a run queue
  call,       ///< reply_wait: for somebody to call it
  accept,     ///< call: queued at a callee that is busy
  reply,      ///< call: the callee has its message
  receive,    ///< receive: for a message on `wait_edge` or on any
  space,      ///< send: for room in `wait_edge`
  signal,     ///< wait: for a bit of `wait_mask`
  sleep,      ///< sleep_until
  throttled,  ///< its partition emitted more records or console text than its quota
  budget,     ///< its CPU budget for this period is used up
};

/// What became of a relocation that an agent asked for; it makes its call again until there is one.
struct RelocationVerdict {
  std::uint8_t kind = 0;  ///< Relocation::Kind plus one; 0: there is none
  Error error = Error::ok;
  std::uint32_t first = 0, second = 0;  ///< ids that it named
  std::uint64_t members = 0;
  std::uint32_t made = 0;  ///< id of the partition that a split made

  [[nodiscard]] bool answers(const RelocationVerdict& asked) const {
    return kind == asked.kind && first == asked.first && second == asked.second && members == asked.members;
  }
};

/// A schedulable execution context: saved registers, an arena at a fixed guest-physical slot, and its place in the
/// scheduler and in IPC, and what it may do. Lives in one partition at a time. The kernel lock protects every member.
struct Agent {
  AgentId id;
  std::uint16_t reuse = 0;
  std::uint16_t next_free = 0;
  cap::ObjectCapabilities holders;

  AgentState state = AgentState::initializing;
  Wait wait = Wait::none;
  bool service = false;       ///< does not keep the machine running
  bool executing = false;     ///< is the current agent of `core`
  bool held = false;          ///< suspended, itself or with its partition: runnable but not to be run
  bool yielded = false;       ///< gave up the rest of its turn
  bool doomed = false;        ///< to be ended by the core that executes it, as soon as that enters the kernel
  bool moving = false;        ///< to another partition, in the operation under way
  bool timed_job = false;     ///< in a job that was released at `job_release`
  bool job_starting = false;  ///< released, has not run since
  Partition* partition = nullptr;
  cap::CapabilityTable* capabilities = nullptr;  ///< its own; goes with it wherever it goes
  std::uint32_t core = 0;                        ///< where it last ran or is queued
  std::int32_t affinity = -1;

  hal::Context* context = nullptr;       ///< in the agent's kernel page
  proof::NonceWindow* nonces = nullptr;  ///< of its proofs; in the same page
  sched::Node node;
  std::uint16_t urgency = 0;  ///< 0..10000, from the manifest or the spawner
  sched::Priority base;       ///< urgency with its partition's pressure, or within the reflex range
  sched::Priority effective;  ///< base, or inherited from a caller if that is higher

  // CPU time and the budget of the current period (as in mixed-criticality scheduling contexts).
  Nanoseconds cpu{0};
  Nanoseconds resumed_at{0};
  Nanoseconds queued_at{0};
  Nanoseconds turn_left{0};  ///< of the turn in which somebody better took the core; 0: a whole one
  Nanoseconds period{0};
  Nanoseconds budget{0};  ///< 0: no limit
  Nanoseconds budget_left{0};
  Nanoseconds replenish_at{0};
  Nanoseconds deadline{0};  ///< relative, 0: none
  Nanoseconds job_release{0};
  sched::Histogram* latency = nullptr;  ///< wake-up latencies of an agent with a deadline

  // Synchronous IPC. `caller` is whom the agent owes a reply; `callee` whom it waits for as a caller.
  Agent* caller = nullptr;
  Agent* callee = nullptr;
  std::uint64_t call_badge = 0;
  std::uint32_t call_edge = 0;  ///< id of the edge of the call in flight
  Link<Agent> caller_link;
  List<Agent, &Agent::caller_link> callers;  ///< in Wait::accept, first come first served

  // Asynchronous IPC.
  List<Edge, &Edge::outbound_link> outbound;
  List<Edge, &Edge::inbound_link> inbound;
  List<Edge, &Edge::pending_link> pending;  ///< inbound edges with unread messages
  Edge* wait_edge = nullptr;
  capacity::Dynamic<RelocationVerdict> verdict;
  std::uint32_t lost_edge = 0;  ///< id of an inbound edge that ended; the next receive that finds nothing reports it
  std::uint64_t notification = 0;
  std::uint64_t wait_mask = 0;

  // Memory.
  std::uint32_t image = 0;  ///< index in the boot package
  GuestAddress slot;
  GuestAddress map_base;
  GuestAddress fault_address;             ///< where it last touched what it could not
  std::uint32_t fault_repeats = 0;        ///< how often in a row there
  rvm_agent_info* information = nullptr;  ///< the kernel's view of its first page

  Link<Agent> partition_link;
  Link<Agent> ended_link;
  std::uint64_t pages_released = 0;  ///< of its arena, after its end

  // Counters.
  std::uint64_t messages = 0;
  std::uint64_t refused = 0;
  std::uint32_t faults = 0;
  std::uint32_t deadlines_met = 0;
  std::uint32_t deadlines_missed = 0;
  std::uint64_t exit_code = 0;  ///< or fault address
  std::uint8_t ending = 0;
  AgentId previous_id;  ///< of the slot's last occupant, for AGENT_INFO after its end
  std::array<char, capacity::name_bytes> name{};

  [[nodiscard]] bool runnable() const { return state == AgentState::running && wait == Wait::none; }
};

}  // namespace rvm::partition
