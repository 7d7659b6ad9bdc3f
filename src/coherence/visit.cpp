// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The visit of one partition, piece by piece. Every piece costs less than budget_overrun_max units.
#include <algorithm>
#include <bit>

#include "rvm/coherence/planner.hpp"

namespace rvm::coherence {

namespace {
constexpr std::uint64_t units_per_visit = 20;  // taking it from the queue, its scores
constexpr std::uint64_t units_per_member = 3;  // trust, attachment
// A partition whose pressure moved this far since its last survey is surveyed at once.
constexpr int unrest = 200;  // basis points
}  // namespace

Planner::Need Planner::advance(Budget& budget) {
  if (over_budget_ && phase_ != Phase::idle) sample_others(budget);
  while (!budget.spent()) {
    // What was gathered says nothing any more when members or edges came or went: back to the end of the queue.
    if (phase_ != Phase::idle && graph_.restructured(survey_.partition())) {
      graph_.mark(survey_.partition());
      phase_ = Phase::idle;
    }
    switch (phase_) {
      case Phase::idle:
        if (to_visit_ == 0 || graph_.marked() == 0) return Need::nothing;
        take(budget);
        break;
      case Phase::surveying:
        if (!survey_.current(graph_)) {
          begin_survey(survey_.partition(), budget);
        } else if (survey_.step(graph_, wanted_, budget) == Progress::done) {
          surveyed(budget);
        }
        break;
      case Phase::laying_out:
        lay_out(budget);
        break;
      case Phase::starting_cut:
        budget.take(4);
        return Need::start_cut;
      case Phase::cutting:
        return Need::step_cut;
      case Phase::judging:
        judge(budget);
        break;
      case Phase::observing:
        observe_members(budget);
        break;
      case Phase::deciding:
        budget.take(units_per_visit + survey_.members().size());
        decide();
        if (phase_ == Phase::asking) return Need::merge;
        break;
      case Phase::asking:
        return Need::merge;
    }
  }
  return Need::budget;
}

/// While one visit takes more than an epoch, the scores of the others go on, with up to half of each epoch's budget.
void Planner::sample_others(Budget& budget) {
  for (; to_sample_ != 0 && budget.left > visit_left_ / 2; --to_sample_) {
    const PartitionIndex partition = graph_.take_marked();
    if (partition.value == none) break;
    budget.take(units_per_visit);
    if (graph_.members(partition) != 0) sample(partition, graph_.sums(partition));
    graph_.mark(partition);  // its visit is still due
  }
}

void Planner::take(Budget& budget) {
  const PartitionIndex partition = graph_.take_marked();
  --to_visit_;
  visit_units_ = 0;
  visit_left_ = budget.left;
  over_budget_ = false;
  budget.take(units_per_visit);
  PartitionRecord& r = partitions_[partition.value];
  if (graph_.members(partition) == 0) {
    reset(partition);
    graph_.correct(partition, {});
    graph_.clear_restructured(partition);
    graph_.clear_rewired(partition);
    ++visits_ended_;
    return;
  }
  const Graph::Sums sums = graph_.sums(partition);
  const int moved = int{pressure(sums).value} - int{r.at_survey.value};
  const bool changed = graph_.restructured(partition) || graph_.rewired(partition);
  if (!changed && !r.recheck && r.sampled && now_ < r.next_survey && moved < unrest && moved > -unrest) {
    sample(partition, sums);
    ++visits_ended_;
    return;
  }
  if (graph_.restructured(partition)) r.cut_due = true;
  begin_survey(partition, budget);
}

void Planner::begin_survey(PartitionIndex partition, Budget& budget) {
  graph_.clear_restructured(partition);
  graph_.clear_rewired(partition);
  graph_.clear_disturbed(partition);
  survey_.begin(graph_, partition, config_.maximum_members, budget);
  phase_ = Phase::surveying;
}

/// Folds a sample into the scores, and reports what moved.
void Planner::sample(PartitionIndex partition, Graph::Sums sums) {
  PartitionRecord& r = partitions_[partition.value];
  const BasisPoints now = coherence::pressure(sums);
  r.scores.pressure = r.sampled ? smooth(r.scores.pressure, now, config_.alpha) : now;
  r.scores.coherence = BasisPoints{static_cast<std::uint16_t>(one.value - r.scores.pressure.value)};
  const int moved = int{r.scores.pressure.value} - int{r.reported.value};
  if (!r.sampled || moved >= config_.report.value || -moved >= config_.report.value) {
    if (emit({EventKind::coherence_recomputed, partition.value, r.scores.coherence.value, r.scores.pressure.value})) {
      r.reported = r.scores.pressure;
      r.sampled = true;
    }
  }
  if (r.scores.pressure != now) graph_.mark(partition);  // not there yet, even if nothing more happens
}

/// The partition's running sums against what its edges say, while nothing was delivered since the walk began. They may be
/// above by a unit for each edge, which is rounding, and are never below.
bool Planner::consistent() {
  const PartitionIndex partition = survey_.partition();
  if (graph_.disturbed(partition)) return true;
  const Graph::Sums kept = graph_.sums(partition);
  const Graph::Sums found = survey_.sums();
  graph_.correct(partition, found);
  PartitionRecord& r = record();
  if (r.recheck) {
    r.recheck = false;
    --rechecks_;
  }
  const auto near = [&](std::uint64_t above, std::uint64_t below) {
    return above >= below && above - below <= graph_.capacity().edges;
  };
  return near(kept.internal, found.internal) && near(kept.external, found.external);
}

/// What was found wrong was corrected or dropped; the rest may be wrong as well.
void Planner::check_failed() {
  health_.set(DegradedReason::check_failed, true);
  recheck_next_ = 0;
}

void Planner::surveyed(Budget& budget) {
  budget.take(units_per_visit / 2 + units_per_member * survey_.members().size());
  const PartitionIndex partition = survey_.partition();
  if (!consistent()) check_failed();
  PartitionRecord& r = record();
  sample(partition, survey_.sums());
  r.at_survey = coherence::pressure(survey_.sums());
  r.quarantined = std::ranges::any_of(survey_.members(), [&](const Survey::Member& m) {
    AgentRecord& agent = agents_[m.node.value];
    // Isolation ends well above the trust at which it began.
    if (agent.isolated && agent.trust.at(config_, now_).value >= 9000) agent.isolated = false;
    return agent.isolated;
  });
  judged_ = progress_ = false;
  choose_cut();
}

/// Whether this visit computes a cut, and which.
void Planner::choose_cut() {
  PartitionRecord& r = record();
  phase_ = Phase::observing;
  row_ = 0;
  suspect_ = find_suspect();
  if (health_.has(DegradedReason::over_budget) || r.cut_anchor.holds(now_)) return;
  const auto members = static_cast<std::uint32_t>(survey_.members().size());
  if (suspect_ != none) {
    chosen_count_ = members;
    for (std::uint32_t i = 0; i < members; ++i) chosen_[i] = static_cast<std::uint8_t>(i);
    // Who has the most to do with the others surely stays.
    std::uint32_t anchor = none;
    std::uint64_t most = 0;
    for (std::uint32_t i = 0; i < members; ++i) {
      if (i == suspect_) continue;
      const std::uint64_t others = survey_.members()[i].home - survey_.pair(i, suspect_);
      if (anchor == none || others > most) {
        anchor = i;
        most = others;
      }
    }
    request_ = {.objective = Objective::isolate, .suspect = suspect_, .anchor = anchor};
    phase_ = Phase::laying_out;
    return;
  }
  const std::uint64_t internal = survey_.sums().internal;
  if (internal < graph_.decay().units(config_.minimum_weight)) {  // nothing worth cutting
    r.scores.cohesion = one;
    r.scores.cut = r.scores.cut_members = 0;
    r.scores.over_budget = over_budget_;
    r.split.end();
    return;
  }
  const std::uint64_t age = now_.value - r.cut_epoch.value;
  const bool confirms = r.split.active() && age >= config_.persistence;
  if (!r.cut_due && !confirms && age < std::uint64_t{config_.cut_refresh} * r.cut_rest) {
    if (r.split.active()) progress_ = true;
    return;
  }
  attach_members();
  if (chosen_count_ < 2) return;
  request_ = {.objective = Objective::plain};
  phase_ = Phase::laying_out;
}

/// Members that hardly talk at home belong to no group and would each be a minimum cut of their own: they stay where they
/// are, and leave by migration if at all. To cut off any of the others alone costs more than a split may, so a minimum cut
/// that is below the threshold has two of them on either side, with no search for balanced cuts.
void Planner::attach_members() {
  const auto members = survey_.members();
  const std::uint64_t mean = 2 * (survey_.sums().internal / members.size());
  const std::uint64_t least = std::max<std::uint64_t>(part_of(mean, split_threshold(true)), 1);
  chosen_count_ = 0;
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    if (members[i].home >= least) chosen_[chosen_count_++] = static_cast<std::uint8_t>(i);
  }
}

/// Rows of the members' matrix become the cut's adjacency lists, scaled to 32 bits.
void Planner::lay_out(Budget& budget) {
  if (row_ == 0) {
    arc_count_ = 0;
    const auto bits = static_cast<unsigned>(std::bit_width(survey_.sums().internal));
    arc_shift_ = bits > 31 ? bits - 31 : 0;
  }
  first_[row_] = arc_count_;
  const std::uint32_t i = chosen_[row_];
  for (std::uint32_t k = 0; k < chosen_count_; ++k) {
    const std::uint64_t weight = k == row_ ? 0 : survey_.pair(i, chosen_[k]) >> arc_shift_;
    if (weight != 0) arcs_[arc_count_++] = {k, static_cast<std::uint32_t>(weight)};
  }
  budget.take(4 + chosen_count_ / 2);
  if (++row_ < chosen_count_) return;
  first_[row_] = arc_count_;
  phase_ = Phase::starting_cut;
}

CutGraph Planner::cut_graph() const { return {chosen_count_, std::span(first_).first(chosen_count_ + 1), arcs_}; }

void Planner::cut_done(const Cut& cut, Budget& budget) {
  judgement_ = {};
  judgement_.exact = cut.exact;
  judgement_.claimed = cut.value;
  for (std::uint32_t k = 0; cut.found && k < chosen_count_; ++k) {
    if ((cut.side[0] >> k & 1) != 0) judgement_.side |= std::uint64_t{1} << chosen_[k];
  }
  budget.take(chosen_count_ / 2);
  row_ = 0;
  phase_ = cut.found ? Phase::judging : Phase::observing;
}

/// What one member weighs on either side of the cut.
void Planner::judge(Budget& budget) {
  const std::uint32_t i = chosen_[row_];
  const bool side = (judgement_.side >> i & 1) != 0;
  std::uint64_t same = 0;
  std::uint64_t across = 0;
  for (std::uint32_t k = 0; k < chosen_count_; ++k) {
    const std::uint32_t j = chosen_[k];
    const std::uint64_t weight = survey_.pair(i, j);
    const bool crosses = ((judgement_.side >> j & 1) != 0) != side;
    (crosses ? across : same) += weight;
    if (crosses) judgement_.crossing += weight >> arc_shift_;
  }
  judgement_.cut += across;
  judgement_.internal += same + across;
  budget.take(4 + chosen_count_ / 2);
  if (++row_ == chosen_count_) judged();
}

/// The solver may be any, and is not believed: a side without members, or another weight than it says, is no cut.
bool Planner::cut_holds() const {
  const auto aside = static_cast<std::uint32_t>(std::popcount(judgement_.side));
  return aside != 0 && aside != chosen_count_ && judgement_.crossing == 2 * judgement_.claimed;
}

void Planner::judged() {
  PartitionRecord& r = record();
  row_ = 0;
  phase_ = Phase::observing;
  if (!cut_holds()) return check_failed();
  judged_ = true;
  if (suspect_ == none) {
    r.scores.cohesion = cohesion(judgement_.cut / 2, judgement_.internal / 2, chosen_count_);
    r.scores.cut = graph_.decay().bytes(graph_.decay().aged(judgement_.cut / 2, survey_.generation()));
    r.scores.cut_members = judgement_.side;
    r.scores.cut_exact = judgement_.exact;
    r.scores.over_budget = over_budget_;
    r.cut_epoch = now_;
    // What is far from splitting is not looked at as often.
    const bool firm = r.scores.cohesion.value >= 2 * split_threshold(true).value;
    r.cut_rest = firm ? std::min<std::uint16_t>(r.cut_rest * 2, PartitionRecord::rest_maximum) : std::uint16_t{1};
    r.cut_due = false;
  }
}

/// The visit is over. Surveys of a partition where nothing is under way rest for longer and longer.
void Planner::finish() {
  PartitionRecord& r = record();
  r.rest = progress_ ? std::uint16_t{1} : std::min<std::uint16_t>(r.rest * 2, PartitionRecord::rest_maximum);
  r.next_survey = Epoch{now_.value + r.rest};
  if (progress_ || r.recheck) graph_.mark(survey_.partition());
  phase_ = Phase::idle;
  ++visits_ended_;
}

}  // namespace rvm::coherence
