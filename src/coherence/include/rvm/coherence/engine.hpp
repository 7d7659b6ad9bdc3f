// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The coherence engine: the planner with a minimum cut. One call per epoch, within a budget; proposals come out, and the
// kernel answers them.
#pragma once

#include <concepts>

#include "rvm/coherence/planner.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::coherence {

/// Finds minimum cuts in pieces (MinimumCut).
template <typename S>
concept CutSolver = requires(S solver, const CutGraph& graph, const CutRequest& request, std::span<std::byte> workspace,
                             Budget& budget) {
  { S::workspace_bytes(std::uint32_t{}, std::size_t{}) } -> std::convertible_to<std::size_t>;
  { solver.start(graph, request, workspace) } -> std::same_as<Status>;
  { solver.step(budget) } -> std::same_as<Progress>;
  { solver.result() } -> std::convertible_to<Cut>;
};

/// Says whether two partitions may be merged, as far as the kernel knows: the last five of the seven preconditions.
template <typename F>
concept MergeJudge = requires(F judge, PartitionIndex a, PartitionIndex b) {
  { judge(a, b) } -> std::same_as<MergeCheck>;
};

template <CutSolver Solver>
class Engine : public Planner {
 public:
  [[nodiscard]] static constexpr std::size_t memory_bytes(Capacity capacity) {
    return Planner::memory_bytes(capacity) + workspace_bytes;
  }

  /// `memory`: aligned to 8, at least memory_bytes(capacity), and no one else's for as long as the engine is used.
  /// Errors: as Planner::init.
  [[nodiscard]] Status init(Capacity capacity, const Config& config, std::span<std::byte> memory) {
    if (memory.size() < memory_bytes(capacity)) return fail(Error::no_memory);
    workspace_ = memory.subspan(Planner::memory_bytes(capacity), workspace_bytes);
    return Planner::init(capacity, config, memory);
  }

  /// Once per epoch, with a number that never falls; epochs that were left out are caught up on. Spends at most
  /// min(input.budget, config.budget) units and less than budget_overrun_max beyond. The report holds until the next call.
  [[nodiscard]] const Report& epoch(const Input& input, MergeJudge auto&& may_merge) {
    open(input);
    (void)slice(budget_.left, may_merge);
    return close();
  }

  /// The same in slices, between which the kernel lets others in and reports what they do: open, slice until it is done, close.
  void open(const Input& input) { budget_ = begin_epoch(input); }
  /// Spends about `units` of the epoch's budget, less than budget_overrun_max more.
  [[nodiscard]] Progress slice(std::int64_t units, MergeJudge auto&& may_merge) {
    budget_.floor = budget_.left > units ? budget_.left - units : 0;
    const bool more = run(budget_, may_merge) && budget_.floor != 0;
    budget_.floor = 0;
    return more && !budget_.spent() ? Progress::working : Progress::done;
  }
  [[nodiscard]] const Report& close() {
    end_epoch(budget_);
    return report();
  }

  /// What was left of the last epoch's budget, below 0 if it was overrun.
  [[nodiscard]] std::int64_t budget_left() const { return budget_.left; }

 private:
  static constexpr std::size_t workspace_bytes = Solver::workspace_bytes(members_maximum, Survey::arcs_maximum);

  /// False: nothing is left to do.
  bool run(Budget& budget, MergeJudge auto&& may_merge) {
    for (;;) {
      switch (advance(budget)) {
        case Need::nothing:
          return false;
        case Need::budget:
          return true;
        case Need::start_cut:
          // Its only errors are requests that the planner does not make.
          ensure(solver_.start(cut_graph(), cut_request(), workspace_).has_value());
          cut_started();
          break;
        case Need::step_cut:
          if (solver_.step(budget) == Progress::done) cut_done(solver_.result(), budget);
          break;
        case Need::merge:
          merge_checked(may_merge(merge_a(), merge_b()));
          break;
      }
    }
  }

  Solver solver_;
  std::span<std::byte> workspace_;
  Budget budget_;  ///< of the epoch that is open
};

}  // namespace rvm::coherence
