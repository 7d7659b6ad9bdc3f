// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What follows from a survey and a cut. One proposal at most per visit, in this order: isolate a suspect, merge, migrate,
// split; so that whole groups move as groups, and nothing is split that agents are leaving anyway.
#include <algorithm>
#include <bit>

#include "rvm/coherence/planner.hpp"

namespace rvm::coherence {

namespace {
constexpr std::uint32_t members_per_piece = 16;
constexpr std::uint64_t units_per_member = 8;
static_assert(members_per_piece * units_per_member < budget_overrun_max);
}  // namespace

/// The least trusted member below the threshold that is not isolated yet; the first among equals.
std::uint32_t Planner::find_suspect() const {
  std::uint32_t found = none;
  BasisPoints least = config_.distrust;
  const auto members = survey_.members();
  if (members.size() < 2 || graph_.fixed(survey_.partition()) || !record().quiet() || health_.degraded()) return none;
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    const AgentRecord& agent = agents_[members[i].node.value];
    const BasisPoints trust = agent.trust.at(config_, now_);
    if (agent.isolated || agent.anchor.holds(now_) || graph_.pinned(members[i].node) || trust >= least) continue;
    found = i;
    least = trust;
  }
  return found;
}

/// Who leaves when the partition is split along the cut: the suspect's side, otherwise the smaller one, and of equals that
/// without the first member. Nobody (0) when pinned members are in the way. Members outside the cut stay. When most members are on
/// the suspect's side, the cut only sets somebody apart who has about as little to do with the others: the suspect leaves alone.
std::uint64_t Planner::leaving_side() const {
  std::uint64_t all = 0;
  std::uint64_t pinned = 0;
  for (std::uint32_t k = 0; k < chosen_count_; ++k) {
    const std::uint64_t bit = std::uint64_t{1} << chosen_[k];
    all |= bit;
    if (graph_.pinned(survey_.members()[chosen_[k]].node)) pinned |= bit;
  }
  const std::uint64_t one_side = judgement_.side;
  const std::uint64_t other = all & ~one_side;
  if (suspect_ != none) {
    std::uint64_t its = (one_side >> suspect_ & 1) != 0 ? one_side : other;
    if (2 * std::popcount(its) > std::popcount(all)) its = std::uint64_t{1} << suspect_;
    return (its & pinned) == 0 ? its : 0;
  }
  const bool one_first = std::popcount(one_side) < std::popcount(other) ||
                         (std::popcount(one_side) == std::popcount(other) && one_side > other);
  for (const std::uint64_t side : {one_first ? one_side : other, one_first ? other : one_side}) {
    if (side != 0 && (side & pinned) == 0) return side;
  }
  return 0;
}

/// Below which cohesion the surveyed partition is to be split; `lax`, below which it remains so.
BasisPoints Planner::split_threshold(bool lax) const {
  const PartitionRecord& r = record();
  const unsigned slack = r.split.active() ? config_.hysteresis.value : 0;
  const bool pressed = r.scores.pressure.value + slack > config_.split_pressure.value;
  const unsigned threshold = config_.split_cohesion.value * (pressed ? 2u : 1u);
  return BasisPoints{static_cast<std::uint16_t>(threshold == 0 ? 0 : threshold + (lax ? config_.hysteresis.value : 0))};
}

void Planner::observe_split() {
  PartitionRecord& r = record();
  if (!judged_ || suspect_ != none) return;
  // Nobody is split off alone. Of two or more nobody is drawn back, either: where a side of a minimum cut has another
  // member, each weighs at least as much to its own side as across, or moving it would make the cut less.
  const auto leaving = static_cast<unsigned>(std::popcount(leaving_side()));
  const bool possible = leaving >= 2 && chosen_count_ >= 2 + leaving;
  r.split.observe(now_, possible && r.scores.cohesion < split_threshold(false),
                  possible && r.scores.cohesion < split_threshold(true));
  if (r.split.active()) progress_ = true;
}

/// Whether an agent would gain by moving, and where.
void Planner::observe_member(const Survey::Member& m) {
  AgentRecord& agent = agents_[m.node.value];
  std::uint32_t& wanted = wanted_[m.node.value];
  const Decay& decay = graph_.decay();
  const BasisPoints lax{static_cast<std::uint16_t>(config_.migrate_margin.value -
                                                   std::min(config_.hysteresis, config_.migrate_margin).value)};
  const auto worth = [&](std::uint64_t there, BasisPoints margin) {
    if (there < decay.units(config_.minimum_weight) || !exceeds(there, m.home, margin)) return false;
    // What is gained in each epoch, times the epochs in which the move has to pay.
    const std::uint64_t gain = part_of(there - m.home, std::max(config_.decay, BasisPoints{1}));
    return gain >= decay.units(config_.move_cost) / config_.payback;
  };
  const bool movable = !graph_.pinned(m.node) && !agent.isolated;
  // It keeps wanting what it wanted unless another is clearly better: among equals the choice must not flicker.
  const bool keeps = wanted != none && graph_.members(PartitionIndex{wanted}) < config_.maximum_members &&
                     worth(m.wanted, lax) && !exceeds(m.away, m.wanted, config_.migrate_margin);
  agent.wants.observe(now_, movable && worth(m.away, config_.migrate_margin), movable && (keeps || worth(m.away, lax)));
  if (!agent.wants.active()) {
    wanted = none;
  } else if (!keeps) {
    wanted = m.best.value;
  }
  if (agent.wants.active() && !agent.wants.lasted(now_, 2u * config_.persistence)) progress_ = true;
}

void Planner::observe_members(Budget& budget) {
  const auto members = survey_.members();
  const auto end = std::min<std::uint32_t>(row_ + members_per_piece, static_cast<std::uint32_t>(members.size()));
  budget.take((end - row_) * units_per_member);
  // Thresholds are in units of now.
  const bool in_scale = survey_.generation() == graph_.decay().generation();
  for (; row_ < end; ++row_) {
    if (in_scale) observe_member(members[row_]);
  }
  if (row_ == members.size()) phase_ = Phase::deciding;
}

void Planner::observe_merge() {
  PartitionRecord& r = record();
  const PartitionIndex with = survey_.neighbour();
  if (r.merge_with != with) r.merge.end();
  r.merge_with = with;
  if (with.value == none || survey_.between() < graph_.decay().units(config_.minimum_weight)) {
    r.merge.end();
    return;
  }
  mutual_ = mutual_coherence(survey_.between(), survey_.sums(), graph_.sums(with));
  const bool fits = survey_.members().size() + graph_.members(with) <= config_.maximum_members;
  r.merge.observe(now_, fits && mutual_ > config_.merge_mutual,
                  fits && mutual_.value + config_.hysteresis.value > config_.merge_mutual.value);
  if (r.merge.active() && !r.merge.lasted(now_, 2u * config_.persistence)) progress_ = true;
}

bool Planner::may_propose() const {
  return !health_.degraded() && rate_.allows() && report_.proposal_count < Report::proposals_maximum &&
         std::ranges::any_of(outstanding_, [](const Outstanding& o) { return o.proposal.serial == 0; });
}

bool Planner::may_move(NodeIndex node, PartitionIndex to) const {
  const PartitionRecord& here = record();
  const PartitionRecord& there = partitions_[to.value];
  // Nobody leaves while others come, or two that want each other would pass each other by.
  return !agents_[node.value].anchor.holds(now_) && here.quiet() && there.leaving == 0 && !there.locked &&
         !there.quarantined && !graph_.fixed(to) && graph_.members(to) + there.arriving < config_.maximum_members;
}

void Planner::decide() {
  const bool in_scale = survey_.generation() == graph_.decay().generation();
  if (!in_scale || graph_.fixed(survey_.partition())) {
    progress_ = progress_ || !in_scale;
    return finish();
  }
  observe_split();
  observe_merge();
  if (!may_propose()) return finish();
  const PartitionRecord& r = record();
  if (suspect_ != none) {
    if (propose_split()) return finish();
  } else if (r.quiet() && !r.anchor.holds(now_)) {
    const bool ripe = r.merge.lasted(now_, config_.persistence) && mutual_ > config_.merge_mutual;
    if (ripe && partitions_[r.merge_with.value].quiet() && !partitions_[r.merge_with.value].anchor.holds(now_) &&
        !graph_.fixed(r.merge_with)) {
      phase_ = Phase::asking;
      return;
    }
  }
  if (!propose_migration() && r.quiet() && !r.anchor.holds(now_) && r.split.lasted(now_, config_.persistence)) {
    propose_split();
  }
  finish();
}

void Planner::merge_checked(MergeCheck check) {
  PartitionRecord& r = record();
  if (check == MergeCheck::ok) {
    // The larger takes in the smaller, of equals the first the second.
    PartitionIndex into = survey_.partition();
    PartitionIndex ends = r.merge_with;
    const std::uint32_t a = graph_.members(into);
    const std::uint32_t b = graph_.members(ends);
    if (a < b || (a == b && ends < into)) std::swap(into, ends);
    propose({.action = Action::merge,
             .reason = Reason::mutual,
             .from = into,
             .to = ends,
             .weight = graph_.decay().bytes(survey_.between())});
  } else {
    emit({EventKind::merge_refused, survey_.partition().value, r.merge_with.value, static_cast<std::uint32_t>(check)});
    r.anchor.engage(config_, now_);
    r.merge.end();
  }
  finish();
}

bool Planner::propose_split() {
  if (!judged_) return false;
  const std::uint64_t leaving = leaving_side();
  if (leaving == 0) return false;
  Reason reason = Reason::trust;
  if (suspect_ == none) {
    // Hysteresis keeps a reason alive; to act on it the threshold itself has to be passed.
    const Scores& scores = record().scores;
    if (scores.cohesion < config_.split_cohesion) {
      reason = Reason::cohesion;
    } else if (scores.cohesion.value < 2u * config_.split_cohesion.value && scores.pressure > config_.split_pressure) {
      reason = Reason::pressure;
    } else {
      return false;
    }
  }
  propose({.action = Action::split,
           .reason = reason,
           .agent = suspect_ == none ? NodeIndex{none} : survey_.members()[suspect_].node,
           .from = survey_.partition(),
           .members = leaving,
           .weight = graph_.decay().bytes(judgement_.cut / 2)});
  return true;
}

/// Of the members whose wish has lasted the one that gains most, the first among equals.
bool Planner::propose_migration() {
  const Survey::Member* best = nullptr;
  std::uint64_t most = 0;
  for (const Survey::Member& m : survey_.members()) {
    const PartitionIndex wanted{wanted_[m.node.value]};
    if (!agents_[m.node.value].wants.lasted(now_, config_.persistence) || !may_move(m.node, wanted)) continue;
    const std::uint64_t there = wanted == m.best ? m.away : m.wanted;
    const std::uint64_t gain = there - std::min(there, m.home);
    if (gain <= most) continue;
    best = &m;
    most = gain;
  }
  if (best == nullptr) return false;
  propose({.action = Action::migrate,
           .reason = Reason::weight,
           .agent = best->node,
           .from = survey_.partition(),
           .to = PartitionIndex{wanted_[best->node.value]},
           .weight = graph_.decay().bytes(most)});
  return true;
}

/// Precondition: may_propose().
void Planner::propose(Proposal proposal) {
  if (++last_serial_ == 0) last_serial_ = 1;
  proposal.serial = last_serial_;
  proposal.membership = graph_.membership(proposal.from);
  if (proposal.action == Action::migrate) {
    ++partitions_[proposal.from.value].leaving;
    ++partitions_[proposal.to.value].arriving;
  } else {
    partitions_[proposal.from.value].locked = true;
    if (proposal.action == Action::merge) partitions_[proposal.to.value].locked = true;
  }
  *std::ranges::find_if(outstanding_, [](const Outstanding& o) { return o.proposal.serial == 0; }) = {proposal, now_};
  report_.proposals[report_.proposal_count++] = proposal;
  rate_.take();
  progress_ = true;
}

/// False when the report is full; degraded mode's events always find room.
bool Planner::emit(const Event& event) {
  if (report_.event_count + Health::events_maximum >= Report::events_maximum) return false;
  report_.events[report_.event_count++] = event;
  return true;
}

}  // namespace rvm::coherence
