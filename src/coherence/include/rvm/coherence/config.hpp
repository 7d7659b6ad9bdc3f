// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything about the coherence engine that can be set. The manifest's [coherence] table fills it; each member's range is
// checked by `check`. Fractions are basis points, times are epochs (1 ms by default), weights are bytes after decay.
#pragma once

#include <array>
#include <cstdint>

#include "rvm/types/error.hpp"
#include "rvm/types/time.hpp"

namespace rvm::coherence {

struct Config {
  /// Off: no proposals, pressure 0; the graph is kept, so that switching on needs no warming up.
  bool enabled = true;

  // --- Time.
  /// Work per epoch, in units of at most 25 instructions (Budget): 2000 units are at most 50 000 instructions, which is
  /// 50 us at 1 instruction per ns. 1..1 000 000.
  std::uint32_t budget = 2000;
  /// Epochs from one computation to the next at CPU load below 50 %, below 80 %, and from there on. 1..1000, ascending.
  std::array<std::uint16_t, 3> interval{1, 2, 4};

  // --- Graph and scores.
  BasisPoints decay{500};   ///< what every weight loses per epoch. 0..5000
  BasisPoints alpha{2000};  ///< how far a score moves to its newest sample. 1..10000
  /// A CoherenceRecomputed event is due when a score moved this far since the last one. 1..10000
  BasisPoints report{500};

  // --- When to act. What began above or below a threshold ends `hysteresis` beyond it on the other side.
  BasisPoints migrate_margin{2500};  ///< how much heavier elsewhere than at home an agent must be. 0..10000
  BasisPoints split_cohesion{1500};  ///< split below it. 0 (never)..5000
  /// Above this pressure a partition splits below twice the cohesion otherwise needed. 1..10000 (never)
  BasisPoints split_pressure{7500};
  BasisPoints merge_mutual{4000};      ///< merge above this mutual coherence. 1..10000 (never)
  BasisPoints distrust{5000};          ///< isolate an agent whose trust, 10000 at first, fell below it. 0 (never)..9000
  BasisPoints trust_recovery{2};       ///< trust that comes back per epoch; 10000 is all of it. 0..10000
  BasisPoints hysteresis{500};         ///< 0..2500
  std::uint16_t persistence = 4;       ///< epochs that a reason must last. 1..1000
  std::uint16_t maximum_members = 32;  ///< agents that migration and merging bring into one partition. 1..64
  std::uint16_t cut_refresh = 16;  ///< epochs after which the cut of a changing partition is computed anew. 1..10000

  // --- What is worth acting on.
  std::uint32_t minimum_weight = 256;  ///< bytes; what weighs less is noise. 1..2^30
  std::uint32_t move_cost = 4096;      ///< bytes of cross-partition traffic that moving an agent is worth. 0..2^30
  std::uint16_t payback = 256;         ///< epochs within which a move must have paid. 1..65535

  // --- How often to act.
  /// An agent that moved, or a partition that was split or merged, then stays as it is for this long; twice as long each
  /// time that it happens again, up to `cooldown` * 2^`cooldown_doublings`. 1..10000 and 0..16
  std::uint16_t cooldown = 8;
  std::uint16_t cooldown_doublings = 8;
  std::uint16_t recovery = 1024;         ///< quiet epochs that take one doubling back. 1..65535
  std::uint16_t window = 64;             ///< epochs in which `window_proposals` are made at most, on average. 1..10000
  std::uint16_t window_proposals = 128;  ///< 1..4096
  std::uint16_t answer_timeout = 256;    ///< epochs after which an unanswered proposal counts as refused. 1..65535

  // --- Degraded mode.
  std::uint16_t over_budget_limit = 64;  ///< consecutive epochs over budget that lead into it. 1..10000
  std::uint16_t within_budget = 8;       ///< consecutive epochs within budget that lead out of it. 1..10000

  /// bad_argument when a member is out of its range.
  [[nodiscard]] Status check() const;
};

}  // namespace rvm::coherence
