// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/planner.hpp"

#include <algorithm>

namespace rvm::coherence {

namespace {
constexpr std::uint64_t scrub_interval = 16;     // epochs
constexpr std::uint32_t rechecks_per_epoch = 8;  // partitions
}  // namespace

Status Planner::init(Capacity capacity, const Config& config, std::span<std::byte> memory) {
  if (const Status ok = config.check(); !ok) return ok;
  if (memory.size() < memory_bytes(capacity)) return fail(Error::no_memory);
  if (const Status ok = graph_.init(capacity, memory); !ok) return ok;
  Carver carver(memory.subspan(Graph::memory_bytes(capacity)));
  agents_ = carver.take<AgentRecord>(capacity.nodes);
  wanted_ = carver.take<std::uint32_t>(capacity.nodes);
  std::ranges::fill(wanted_, none);
  partitions_ = carver.take<PartitionRecord>(capacity.partitions);
  arcs_ = carver.take<Arc>(Survey::arcs_maximum);
  survey_.init(capacity, carver.rest());
  return configure(config);
}

Status Planner::configure(const Config& config) {
  if (const Status ok = config.check(); !ok) return ok;
  config_ = config;
  graph_.decay().rate(config.decay);
  health_.set(DegradedReason::disabled, !config.enabled);
  return {};
}

Status Planner::add_node(NodeIndex node, PartitionIndex partition) {
  if (const Status ok = graph_.add_node(node, partition); !ok) return ok;
  agents_[node.value] = {};
  wanted_[node.value] = none;
  return {};
}

Status Planner::move_node(NodeIndex node, PartitionIndex partition) {
  if (const Status ok = graph_.move_node(node, partition); !ok) return ok;
  AgentRecord& agent = agents_[node.value];
  agent.anchor.engage(config_, now_);
  agent.wants.end();
  wanted_[node.value] = none;
  return {};
}

Status Planner::distrust(NodeIndex node, BasisPoints severity) {
  if (!graph_.exists(node) || severity > one) return fail(Error::bad_argument);
  agents_[node.value].trust.lose(config_, now_, severity);
  partitions_[graph_.partition_of(node).value].next_survey = Epoch{0};
  graph_.mark(graph_.partition_of(node));
  return {};
}

Status Planner::trust(NodeIndex node) {
  if (!graph_.exists(node)) return fail(Error::bad_argument);
  agents_[node.value].trust.restore();
  partitions_[graph_.partition_of(node).value].next_survey = Epoch{0};
  graph_.mark(graph_.partition_of(node));
  return {};
}

/// Forgets what was known about a partition of other members. What is out stays out until it is answered.
void Planner::reset(PartitionIndex partition) {
  PartitionRecord& r = partitions_[partition.value];
  if (r.recheck) --rechecks_;
  PartitionRecord fresh;
  fresh.leaving = r.leaving;
  fresh.arriving = r.arriving;
  fresh.locked = r.locked;
  r = fresh;
}

Planner::Outstanding* Planner::find(const Proposal& proposal) {
  if (proposal.serial == 0) return nullptr;
  const auto found =
      std::ranges::find_if(outstanding_, [&](const Outstanding& o) { return o.proposal.serial == proposal.serial; });
  return found == outstanding_.end() ? nullptr : &*found;
}

bool Planner::current(const Proposal& proposal) const {
  return std::ranges::any_of(outstanding_, [&](const Outstanding& o) {
    return proposal.serial != 0 && o.proposal.serial == proposal.serial &&
           graph_.membership(o.proposal.from) == o.proposal.membership;
  });
}

/// Takes back what kept others from moving where a proposal was out.
void Planner::release(Outstanding& outstanding) {
  const Proposal& p = outstanding.proposal;
  if (p.action == Action::migrate) {
    --partitions_[p.from.value].leaving;
    --partitions_[p.to.value].arriving;
  } else {
    partitions_[p.from.value].locked = false;
    if (p.action == Action::merge) partitions_[p.to.value].locked = false;
  }
  outstanding.proposal.serial = 0;
}

Status Planner::accepted(const Proposal& proposal, PartitionIndex created) {
  Outstanding* const outstanding = find(proposal);
  if (outstanding == nullptr) return fail(Error::bad_argument);
  const Proposal p = outstanding->proposal;
  if (p.action == Action::split && !graph_.valid(created)) return fail(Error::bad_argument);
  release(*outstanding);
  PartitionRecord& from = partitions_[p.from.value];
  if (p.action == Action::migrate) return {};
  from.anchor.engage(config_, now_);
  from.split.end();
  from.merge.end();
  from.cut_due = true;
  if (p.action == Action::split) {
    PartitionRecord& made = partitions_[created.value];
    reset(created);
    made.anchor.join(from.anchor);
    if (p.reason == Reason::trust) {
      agents_[p.agent.value].isolated = true;
      made.quarantined = true;
    }
  } else {
    from.anchor.join(partitions_[p.to.value].anchor);
  }
  return {};
}

void Planner::turn_down(Outstanding& outstanding, Error why) {
  const Proposal p = outstanding.proposal;
  release(outstanding);
  const bool cool_down = why != Error::would_block;
  PartitionRecord& from = partitions_[p.from.value];
  if (p.action == Action::migrate) {
    if (cool_down) agents_[p.agent.value].anchor.engage(config_, now_);
    agents_[p.agent.value].wants.end();
  } else {
    if (cool_down) from.anchor.engage(config_, now_);
    from.split.end();
    from.merge.end();
  }
  graph_.mark(p.from);
}

Status Planner::refused(const Proposal& proposal, Error why) {
  Outstanding* const outstanding = find(proposal);
  if (outstanding == nullptr) return fail(Error::bad_argument);
  turn_down(*outstanding, why);
  return {};
}

MergeCheck Planner::check_merge(PartitionIndex a, PartitionIndex b) const {
  std::uint64_t between = 0;
  for (NodeIndex n = graph_.first_member(a); n.value != none; n = graph_.next_member(n)) {
    for (EdgeIndex e = graph_.first_out(n); e.value != none; e = graph_.next_out(e)) {
      if (graph_.partition_of(graph_.ends(e).to) == b) between += graph_.weight(e);
    }
    for (EdgeIndex e = graph_.first_in(n); e.value != none; e = graph_.next_in(e)) {
      if (graph_.partition_of(graph_.ends(e).from) == b) between += graph_.weight(e);
    }
  }
  if (a == b || between == 0) return MergeCheck::no_shared_edge;
  return mutual_coherence(between, graph_.sums(a), graph_.sums(b)) > config_.merge_mutual ? MergeCheck::ok
                                                                                          : MergeCheck::below_threshold;
}

/// Now and then looks at a partition without cause: what fell silent is forgotten, and memory that went bad is found.
void Planner::scrub() {
  if (now_.value % scrub_interval == 0) {
    scrub_ = (scrub_ + 1) % graph_.capacity().partitions;
    const PartitionIndex p{scrub_};
    if (graph_.members(p) != 0) graph_.mark(p);
  }
  // After a failed check, all of them, a few in each epoch.
  for (std::uint32_t i = 0; i < rechecks_per_epoch && recheck_next_ < graph_.capacity().partitions; ++i) {
    const PartitionIndex p{recheck_next_++};
    PartitionRecord& r = partitions_[p.value];
    if (graph_.members(p) == 0 || r.recheck) continue;
    r.recheck = true;
    ++rechecks_;
    graph_.mark(p);
  }
  if (recheck_next_ != none && recheck_next_ >= graph_.capacity().partitions && rechecks_ == 0) {
    recheck_next_ = none;
    health_.set(DegradedReason::check_failed, false);
  }
}

Budget Planner::begin_epoch(const Input& input) {
  report_.proposal_count = report_.event_count = 0;
  if (!started_) {
    started_ = true;
    computed_ = now_ = input.epoch;
  } else if (input.epoch > now_) {
    graph_.decay().advance(input.epoch.value - now_.value);
    now_ = input.epoch;
  }
  rate_.refill(config_, now_);
  for (Outstanding& o : outstanding_) {
    if (o.proposal.serial != 0 && now_.value - o.made.value > config_.answer_timeout) turn_down(o, Error::timed_out);
  }
  health_.announce(report_);
  const std::size_t busy = input.load.value < 5000 ? 0 : input.load.value < 8000 ? 1 : 2;
  visits_ended_ = 0;
  if (now_.value - computed_.value < config_.interval[busy] && now_ != computed_) return {};
  computed_ = now_;
  scrub();
  visit_left_ = std::min(input.budget, config_.budget);
  to_sample_ = to_visit_ = graph_.marked();
  return {visit_left_};
}

void Planner::end_epoch(const Budget& budget) {
  if (computed_ == now_) {
    visit_units_ += static_cast<std::uint64_t>(visit_left_ - budget.left);
    const bool waiting = phase_ != Phase::idle || graph_.marked() != 0;
    const bool over = budget.spent() && waiting && visits_ended_ == 0;
    if (phase_ != Phase::idle && over) {
      over_budget_ = true;
      // Once per episode: it ends with a visit that stayed within budget.
      if (!record().scores.over_budget) {
        record().scores.over_budget =
            emit({EventKind::budget_exceeded, survey_.partition().value, static_cast<std::uint32_t>(visit_units_)});
      }
    }
    if (health_.observe(config_, over) && phase_ != Phase::idle) {
      // What did not fit is left alone for a while, longer each time.
      record().cut_anchor.engage(config_, now_);
      graph_.mark(survey_.partition());
      phase_ = Phase::idle;
    }
  }
  health_.announce(report_);
}

}  // namespace rvm::coherence
