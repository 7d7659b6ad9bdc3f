// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The engine without its minimum cut, which engine.hpp adds: takes the kernel's reports, visits the partitions that
// changed, one after the other, and decides. A visit is a sequence of pieces of bounded work, so it can stop anywhere and
// go on in a later epoch:
//
//   take from queue -> survey -> lay out the subgraph -> minimum cut -> judge the cut -> decide
//                  \-> only the scores, while surveys of this partition rest
//
// Everything is called under the kernel lock.
#pragma once

#include "rvm/coherence/health.hpp"
#include "rvm/coherence/minimum_cut.hpp"
#include "rvm/coherence/records.hpp"
#include "rvm/coherence/survey.hpp"

namespace rvm::coherence {

struct Input {
  Epoch epoch;                       ///< never less than the last one
  BasisPoints load{0};               ///< of the CPUs
  std::uint32_t budget = 1'000'000;  ///< units; Config::budget holds as well
};

class Planner {
 public:
  /// Proposals that may be out at a time.
  static constexpr std::uint32_t in_flight_maximum = 8;

  [[nodiscard]] static constexpr std::size_t memory_bytes(Capacity capacity);

  /// Errors: as Graph::init, and bad_argument for a configuration out of range.
  [[nodiscard]] Status init(Capacity capacity, const Config& config, std::span<std::byte> memory);
  /// At any time. bad_argument: a member out of range, and nothing changed.
  [[nodiscard]] Status configure(const Config& config);

  // --- What the kernel reports. Errors and costs as in Graph.

  [[nodiscard]] Status add_node(NodeIndex node, PartitionIndex partition);
  [[nodiscard]] Status remove_node(NodeIndex node) { return graph_.remove_node(node); }
  /// Whoever asked for the move: the agent is anchored where it is now.
  [[nodiscard]] Status move_node(NodeIndex node, PartitionIndex partition);
  [[nodiscard]] Status add_edge(EdgeIndex edge, NodeIndex from, NodeIndex to) {
    return graph_.add_edge(edge, from, to);
  }
  [[nodiscard]] Status remove_edge(EdgeIndex edge) { return graph_.remove_edge(edge); }
  [[nodiscard]] Status deliver(EdgeIndex edge, std::uint32_t bytes) { return graph_.deliver(edge, bytes); }
  [[nodiscard]] Status pin(NodeIndex node, bool pinned) { return graph_.pin(node, pinned); }
  [[nodiscard]] Status fix(PartitionIndex partition, bool fixed) { return graph_.fix(partition, fixed); }
  /// A fault or a refusal took `severity` of an agent's trust; 10000 is a verdict. Below Config::distrust it is isolated.
  [[nodiscard]] Status distrust(NodeIndex node, BasisPoints severity);
  /// All of it is back, by an operator's or attestation's word.
  [[nodiscard]] Status trust(NodeIndex node);
  /// The operator's switch into degraded mode, and out of it.
  void pause(bool paused) { health_.set(DegradedReason::paused, paused); }
  [[nodiscard]] bool paused() const { return health_.has(DegradedReason::paused); }

  // --- Answers to proposals.

  /// Whether a proposal still means what it meant: it is out, and nobody joined or left the partition that it is about.
  [[nodiscard]] bool current(const Proposal& proposal) const;
  /// It was carried out: after move_node for everybody who moved. `created`: where those who left a split are.
  /// bad_argument: no such proposal is out.
  [[nodiscard]] Status accepted(const Proposal& proposal, PartitionIndex created = PartitionIndex{none});
  /// It was not. would_block (not now, say because a turn runs) may be proposed again as soon as its reason has lasted
  /// anew; anything else begins a cool-down. bad_argument: no such proposal is out.
  [[nodiscard]] Status refused(const Proposal& proposal, Error why);

  // --- Reading. O(1).

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] bool degraded() const { return health_.degraded(); }
  [[nodiscard]] const Scores& scores(PartitionIndex partition) const { return partitions_[partition.value].scores; }
  /// What the scheduler adds to the urgency of a partition's agents, on the same scale 0..10000; 0 in degraded mode.
  [[nodiscard]] BasisPoints pressure_of(PartitionIndex partition) const {
    return degraded() ? BasisPoints{0} : scores(partition).pressure;
  }
  [[nodiscard]] BasisPoints trust_of(NodeIndex node) const { return agents_[node.value].trust.at(config_, now_); }
  /// The first two preconditions of a merge, from the sums as they are. O(edges of a); for requests by hand.
  [[nodiscard]] MergeCheck check_merge(PartitionIndex a, PartitionIndex b) const;

 protected:
  enum class Need : std::uint8_t {
    nothing,    ///< all of this epoch's work is done
    budget,     ///< there is more, in another epoch
    start_cut,  ///< of cut_graph() by cut_request(), then cut_started()
    step_cut,   ///< and when it is done, cut_done(result)
    merge,      ///< the kernel's word on merging merge_a() and merge_b(), to merge_checked()
  };

  /// Opens the epoch: decay, timeouts, limits. The budget is 0 in epochs without computation.
  [[nodiscard]] Budget begin_epoch(const Input& input);
  /// Goes on until something is needed. Overruns the budget by less than budget_overrun_max.
  [[nodiscard]] Need advance(Budget& budget);
  void end_epoch(const Budget& budget);

  [[nodiscard]] CutGraph cut_graph() const;
  [[nodiscard]] const CutRequest& cut_request() const { return request_; }
  void cut_started() { phase_ = Phase::cutting; }
  void cut_done(const Cut& cut, Budget& budget);
  [[nodiscard]] PartitionIndex merge_a() const { return survey_.partition(); }
  [[nodiscard]] PartitionIndex merge_b() const { return record().merge_with; }
  void merge_checked(MergeCheck check);
  [[nodiscard]] const Report& report() const { return report_; }

 private:
  friend struct PlannerTest;

  enum class Phase : std::uint8_t {
    idle,
    surveying,
    laying_out,
    starting_cut,
    cutting,
    judging,
    observing,
    deciding,
    asking
  };

  struct Outstanding {
    Proposal proposal;  ///< serial 0: none
    Epoch made;
  };
  /// Both sides of a cut, as sets of the survey's members, and what they weigh.
  struct Judgement {
    std::uint64_t side = 0;      ///< those on side 1
    std::uint64_t cut = 0;       ///< units, twice
    std::uint64_t internal = 0;  ///< units, twice
    std::uint64_t claimed = 0;   ///< what the solver says it cuts, of the arcs that it was given
    std::uint64_t crossing = 0;  ///< what it cuts of them, twice
    bool exact = false;
  };

  // planner.cpp
  void reset(PartitionIndex partition);
  Outstanding* find(const Proposal& proposal);
  void release(Outstanding& outstanding);
  void turn_down(Outstanding& outstanding, Error why);
  void scrub();
  // visit.cpp
  void sample_others(Budget& budget);
  void take(Budget& budget);
  void begin_survey(PartitionIndex partition, Budget& budget);
  void sample(PartitionIndex partition, Graph::Sums sums);
  void surveyed(Budget& budget);
  bool consistent();
  [[nodiscard]] bool cut_holds() const;
  void check_failed();
  void choose_cut();
  void attach_members();
  void lay_out(Budget& budget);
  void judge(Budget& budget);
  void judged();
  void finish();
  [[nodiscard]] PartitionRecord& record() { return partitions_[survey_.partition().value]; }
  [[nodiscard]] const PartitionRecord& record() const { return partitions_[survey_.partition().value]; }
  // decide.cpp
  [[nodiscard]] std::uint32_t find_suspect() const;
  [[nodiscard]] std::uint64_t leaving_side() const;
  [[nodiscard]] BasisPoints split_threshold(bool lax) const;
  void observe_split();
  void observe_members(Budget& budget);
  void observe_member(const Survey::Member& member);
  void observe_merge();
  [[nodiscard]] bool may_move(NodeIndex node, PartitionIndex to) const;
  [[nodiscard]] bool may_propose() const;
  void decide();
  bool propose_split();
  bool propose_migration();
  void propose(Proposal proposal);
  bool emit(const Event& event);

  Graph graph_;
  Config config_;
  Survey survey_;
  Health health_;
  RateLimit rate_;
  Report report_;
  std::span<AgentRecord> agents_;
  std::span<std::uint32_t> wanted_;  ///< per agent, the partition that it wants
  std::span<PartitionRecord> partitions_;
  std::array<Outstanding, in_flight_maximum> outstanding_{};
  std::uint32_t last_serial_ = 0;
  Epoch now_{0};
  Epoch computed_{0};
  bool started_ = false;

  // The visit in progress.
  Phase phase_ = Phase::idle;
  std::uint64_t visit_units_ = 0;  ///< spent on it in epochs before this one
  std::int64_t visit_left_ = 0;    ///< of this epoch's budget when it began, or went on
  bool over_budget_ = false;       ///< reported for this visit
  /// Partitions that waited when this epoch began: what is marked anew is visited in the next one.
  std::uint32_t to_visit_ = 0;
  std::uint32_t to_sample_ = 0;
  std::uint32_t visits_ended_ = 0;  ///< in this epoch
  std::uint32_t row_ = 0;
  std::uint32_t chosen_count_ = 0;
  std::uint32_t suspect_ = none;  ///< among the survey's members
  CutRequest request_;
  Judgement judgement_;
  bool judged_ = false;
  BasisPoints mutual_{0};                               ///< with the partition that it talks to most
  bool progress_ = false;                               ///< something is under way that the next survey may find ripe
  std::array<std::uint8_t, members_maximum> chosen_{};  ///< the cut's nodes, as positions in the survey
  std::array<std::uint32_t, members_maximum + 1> first_{};
  std::span<Arc> arcs_;
  std::uint32_t arc_count_ = 0;
  unsigned arc_shift_ = 0;
  std::uint32_t scrub_ = 0;            ///< next partition to look at without cause
  std::uint32_t recheck_next_ = none;  ///< next partition to recheck
  std::uint32_t rechecks_ = 0;         ///< outstanding
};

constexpr std::size_t Planner::memory_bytes(Capacity capacity) {
  return Graph::memory_bytes(capacity) + Survey::memory_bytes(capacity) + Carver::bytes<AgentRecord>(capacity.nodes) +
         Carver::bytes<std::uint32_t>(capacity.nodes) + Carver::bytes<PartitionRecord>(capacity.partitions) +
         Carver::bytes<Arc>(Survey::arcs_maximum);
}

}  // namespace rvm::coherence
