// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The engine behind the interface that the kernel knows. One engine, in memory that the kernel gives it.
#include "rvm/advice/advisor.hpp"

#include <algorithm>
#include <memory>

#include "rvm/coherence/engine.hpp"
#include "solver.hpp"

namespace rvm::advice {
namespace {

using namespace coherence;

struct Advisor {
  Engine<Solver> engine;
  bool started = false;
  bool frozen = false;   ///< it measures, and moves nothing
  bool working = false;  ///< an epoch is open
  Report report;         ///< of the last epoch that was finished
  std::uint32_t next_event = 0;
  /// Proposals that nobody has taken yet, the oldest first. A move may take longer than an epoch, so they outlast theirs; the
  /// engine has no more out at a time.
  std::array<Proposal, Planner::in_flight_maximum> waiting{};
  std::uint32_t waiting_count = 0;
  Proposal asked;  ///< serial 0: nothing waits for an answer
};
constinit Advisor advisor;

NodeIndex node(Slot slot) { return NodeIndex{slot}; }
PartitionIndex partition(Slot slot) { return PartitionIndex{slot}; }
EdgeIndex edge(Slot slot) { return EdgeIndex{slot}; }

/// The graph refuses what it does not know or has no room for. What it does not watch stays where it is.
void ignore(const Status&) {}

Config config_of(const rvm_package_coherence& settings) {
  Config config;
#define RVM_X(type, name, ...) config.name = decltype(config.name){settings.name};
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
  config.enabled = true;
  config.budget = settings.budget;
  std::copy_n(settings.interval, RVM_COHERENCE_INTERVALS, config.interval.begin());
  return config;
}

MergeCheck check_of(Error error) {
  switch (error) {
    case Error::ok:
      return MergeCheck::ok;
    case Error::lease_conflict:
      return MergeCheck::lease_conflict;
    case Error::region_overlap:
      return MergeCheck::region_overlap;
    case Error::capability_conflict:
      return MergeCheck::capability_conflict;
    case Error::proof:
      return MergeCheck::proof;
    default:
      return MergeCheck::not_mergeable_state;
  }
}

std::uint16_t reason_of(Reason reason) {
  switch (reason) {
    case Reason::cohesion:
      return RVM_MOVE_COHESION;
    case Reason::pressure:
      return RVM_MOVE_PRESSURE;
    case Reason::trust:
      return RVM_MOVE_TRUST;
    default:
      return RVM_MOVE_TRAFFIC;
  }
}

Move move_of(const Proposal& p) {
  Move move{.reason = reason_of(p.reason),
            .agent = p.agent.value,
            .from = p.from.value,
            .to = p.to.value,
            .members = p.members};
  move.kind = p.action == Action::migrate ? Move::Kind::migrate
              : p.action == Action::split ? Move::Kind::split
                                          : Move::Kind::merge;
  return move;
}

/// What the epoch proposed gets in line, behind what still means the same.
void queue_proposals() {
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < advisor.waiting_count; ++i) {
    if (advisor.engine.current(advisor.waiting[i]))
      advisor.waiting[kept++] = advisor.waiting[i];
    else
      ignore(advisor.engine.refused(advisor.waiting[i], Error::would_block));
  }
  for (std::uint32_t i = 0; i < advisor.report.proposal_count && kept < advisor.waiting.size(); ++i)
    advisor.waiting[kept++] = advisor.report.proposals[i];
  advisor.waiting_count = kept;
}

/// False: the kernel need not know.
bool event_of(const coherence::Event& from, Event& to) {
  switch (from.kind) {
    case EventKind::coherence_recomputed:
      to = {Event::Kind::recomputed, from.subject, from.a, from.b};
      return true;
    case EventKind::budget_exceeded:
      to = {Event::Kind::budget_exceeded, from.subject, from.a, 0};
      return true;
    case EventKind::degraded_entered:
      to = {Event::Kind::degraded_entered, 0, from.subject, 0};
      return true;
    case EventKind::degraded_exited:
      to = {Event::Kind::degraded_exited, 0, from.subject, 0};
      return true;
    default:
      return false;
  }
}

}  // namespace

bool present() { return advisor.started; }

std::size_t memory_bytes(Capacity c) {
  return Engine<Solver>::memory_bytes({.nodes = c.agents, .edges = c.edges, .partitions = c.partitions});
}

Status start(Capacity c, const rvm_package_coherence& settings, std::span<std::byte> memory) {
  std::construct_at(&advisor);  // afresh: it knows nothing of an earlier machine
  const coherence::Capacity capacity{.nodes = c.agents, .edges = c.edges, .partitions = c.partitions};
  if (auto ready = advisor.engine.init(capacity, config_of(settings), memory); !ready) return ready;
  advisor.frozen = (settings.flags & RVM_COHERENCE_FROZEN) != 0;
  advisor.started = true;
  return {};
}

void stop() { advisor.started = false; }

void pause(bool paused) { advisor.engine.pause(paused); }
bool paused() { return advisor.engine.paused(); }

void partition_began(Slot p, bool live) {
  if (advisor.started) ignore(advisor.engine.fix(partition(p), !live));
}
void agent_began(Slot a, Slot p) {
  if (advisor.started) ignore(advisor.engine.add_node(node(a), partition(p)));
}
void agent_ended(Slot a) {
  if (advisor.started) ignore(advisor.engine.remove_node(node(a)));
}
void agent_moved(Slot a, Slot p) {
  if (advisor.started) ignore(advisor.engine.move_node(node(a), partition(p)));
}
void edge_began(Slot e, Slot sender, Slot receiver) {
  if (advisor.started) ignore(advisor.engine.add_edge(edge(e), node(sender), node(receiver)));
}
void edge_ended(Slot e) {
  if (advisor.started) ignore(advisor.engine.remove_edge(edge(e)));
}
void delivered(Slot e, std::uint64_t bytes) {
  if (advisor.started)
    ignore(advisor.engine.deliver(edge(e), static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, UINT32_MAX))));
}
void distrust(Slot a, BasisPoints severity) {
  if (advisor.started) ignore(advisor.engine.distrust(node(a), severity));
}

void begin_epoch(std::uint64_t epoch, BasisPoints load) {
  if (!advisor.started || advisor.working) return;
  advisor.engine.open({.epoch = Epoch{epoch}, .load = load});
  advisor.working = true;
}

bool has_work() { return advisor.started && advisor.working; }

bool work(std::uint32_t units, Error (*judge)(Slot, Slot)) {
  if (!has_work()) return true;
  const auto may = [&](PartitionIndex into, PartitionIndex absorbed) {
    return check_of(judge(into.value, absorbed.value));
  };
  if (advisor.engine.slice(units, may) == Progress::working) return false;
  advisor.working = false;
  advisor.report = advisor.engine.close();
  advisor.next_event = 0;
  queue_proposals();
  return true;
}

bool next_move(Move& move) {
  if (!advisor.started || advisor.asked.serial != 0) return false;
  while (advisor.waiting_count != 0) {
    const Proposal proposal = advisor.waiting[0];
    std::copy(advisor.waiting.begin() + 1, advisor.waiting.begin() + advisor.waiting_count, advisor.waiting.begin());
    --advisor.waiting_count;
    if (advisor.frozen || advisor.engine.degraded() || !advisor.engine.current(proposal)) {
      // It may be proposed again soon: others of its partition came or went meanwhile, or nothing is to move now.
      ignore(advisor.engine.refused(proposal, advisor.frozen ? Error::bad_state : Error::would_block));
      continue;
    }
    advisor.asked = proposal;
    move = move_of(proposal);
    return true;
  }
  return false;
}

void answer(Error error, Slot created) {
  if (advisor.asked.serial == 0) return;
  if (error == Error::ok) {
    ignore(advisor.engine.accepted(advisor.asked,
                                   advisor.asked.action == Action::split ? partition(created) : PartitionIndex{none}));
  } else {
    ignore(advisor.engine.refused(advisor.asked, error));
  }
  advisor.asked = {};
}

bool next_event(Event& event) {
  if (!advisor.started) return false;
  while (advisor.next_event < advisor.report.event_count) {
    if (event_of(advisor.report.events[advisor.next_event++], event)) return true;
  }
  return false;
}

bool degraded() { return !advisor.started || advisor.engine.degraded(); }

Signals signals(Slot p) {
  if (!advisor.started) return {};
  const Scores& scores = advisor.engine.scores(partition(p));
  return {scores.coherence, advisor.engine.pressure_of(partition(p)), scores.cohesion};
}

std::uint64_t weight(Slot e) {
  const Graph& graph = advisor.engine.graph();
  return advisor.started && graph.exists(edge(e)) ? graph.decay().bytes(graph.weight(edge(e))) : 0;
}

Status may_merge(Slot into, Slot absorbed) {
  if (!advisor.started) return {};
  switch (advisor.engine.check_merge(partition(into), partition(absorbed))) {
    case MergeCheck::no_shared_edge:
      return fail(Error::no_shared_edge);
    case MergeCheck::below_threshold:
      return fail(Error::not_coherent);
    default:
      return {};
  }
}

}  // namespace rvm::advice
