// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the engine remembers about each agent and each partition beyond the graph.
#pragma once

#include "rvm/coherence/decisions.hpp"
#include "rvm/coherence/scores.hpp"

namespace rvm::coherence {

/// The published scores of a partition.
struct Scores {
  BasisPoints coherence = one;  ///< smoothed; coherence + pressure = 10000
  BasisPoints pressure{0};
  BasisPoints cohesion = one;     ///< from the last known cut
  std::uint64_t cut = 0;          ///< bytes between the sides of the last known cut
  std::uint64_t cut_members = 0;  ///< one side; bit i is the i-th member at the time
  bool cut_exact = false;         ///< proven to be the minimum
  bool over_budget = false;       ///< the last cut did not fit one epoch's budget, or is still being made
};

struct AgentRecord {
  Persistence wants;  ///< to leave for Planner's wanted_[agent]
  Anchor anchor;
  Trust trust;
  bool isolated = false;
};

struct PartitionRecord {
  static constexpr std::uint16_t rest_maximum = 8;

  Scores scores;
  Epoch next_survey{0};
  Epoch cut_epoch{0};
  Persistence split;
  Persistence merge;
  Anchor anchor;      ///< against splitting and merging
  Anchor cut_anchor;  ///< against trying cuts that do not fit the budget
  PartitionIndex merge_with{none};
  BasisPoints reported{0};     ///< pressure in the last event
  BasisPoints at_survey{0};    ///< unsmoothed pressure at the last survey
  std::uint16_t rest = 1;      ///< epochs from one survey to the next while nothing is found
  std::uint16_t cut_rest = 1;  ///< times Config::cut_refresh from one cut to the next
  std::uint8_t leaving = 0;    ///< proposals out to migrate an agent from here
  std::uint8_t arriving = 0;   ///< or to here
  bool locked = false;         ///< a proposal is out to split or merge it
  bool quarantined = false;    ///< a suspect was isolated in it
  bool sampled = false;        ///< scores are known
  bool cut_due = true;         ///< members or edges changed since the last cut
  bool recheck = false;        ///< its sums are to be checked before degraded mode may end

  [[nodiscard]] bool quiet() const { return leaving == 0 && arriving == 0 && !locked && !quarantined; }
};

}  // namespace rvm::coherence
