// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the engine proposes and reports, and the rules by which it decides. The rules are pure functions of numbers; who
// gathers the numbers is planner.hpp.
#pragma once

#include <array>
#include <cstdint>

#include "rvm/coherence/capacity.hpp"
#include "rvm/coherence/config.hpp"

namespace rvm::coherence {

enum class Action : std::uint8_t { migrate = 1, split = 2, merge = 3 };

enum class Reason : std::uint8_t {
  weight = 1,    ///< migrate: the agent's weight is elsewhere
  cohesion = 2,  ///< split: the members fall into groups that hardly talk
  pressure = 3,  ///< split: most talk is with the outside, and the groups are loosely bound
  trust = 4,     ///< split: a suspect is isolated
  mutual = 5,    ///< merge: the two talk mostly to each other
};

/// A request of the engine, which passes the security gate as anybody's does. The kernel answers each with
/// Planner::accepted or Planner::refused.
struct Proposal {
  std::uint32_t serial = 0;  ///< names it in the answer; never 0
  Action action = Action::migrate;
  Reason reason = Reason::weight;
  NodeIndex agent{none};  ///< migrate: who moves. split for trust: the suspect
  /// migrate: where from. split: who is split. merge: who takes the other in
  PartitionIndex from{none};
  PartitionIndex to{none};       ///< migrate: where to. merge: who is taken in and ends
  std::uint32_t membership = 0;  ///< of `from` when it was made; see Planner::current
  /// split: who leaves, never nobody and never all. Bit i is the i-th member in ascending order of index.
  std::uint64_t members = 0;
  std::uint64_t weight = 0;  ///< bytes: migrate: gained. split: cut. merge: between the two
};

/// Why two partitions may not be merged: a distinct error for each of the seven preconditions.
enum class MergeCheck : std::uint8_t {
  ok = 0,
  no_shared_edge = 1,       ///< no traffic between them
  below_threshold = 2,      ///< mutual coherence not above Config::merge_mutual
  lease_conflict = 3,       ///< leases of both that exclude each other
  region_overlap = 4,       ///< mutable regions of both that overlap
  capability_conflict = 5,  ///< no valid intersection of what they may do
  not_mergeable_state = 6,  ///< one is neither Running nor Suspended
  proof = 7,                ///< the P2 proof does not hold
};

enum class DegradedReason : std::uint8_t { disabled = 1, paused = 2, over_budget = 3, check_failed = 4 };

enum class EventKind : std::uint8_t {
  coherence_recomputed = 1,  ///< subject: partition; a: coherence; b: pressure
  budget_exceeded = 2,       ///< MinCutBudgetExceeded. subject: partition; a: units spent on it so far
  merge_refused = 3,         ///< subject and a: the two; b: MergeCheck
  degraded_entered = 4,      ///< subject: DegradedReason
  degraded_exited = 5,       ///< subject: the last DegradedReason that ended
};

struct Event {
  EventKind kind = EventKind::coherence_recomputed;
  std::uint32_t subject = 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

/// What an epoch brought.
struct Report {
  static constexpr std::size_t proposals_maximum = 8;
  static constexpr std::size_t events_maximum = 24;

  std::array<Proposal, proposals_maximum> proposals;
  std::array<Event, events_maximum> events;
  std::uint32_t proposal_count = 0;
  std::uint32_t event_count = 0;
};

/// A cool-down that doubles. Whatever traffic does, in any T epochs it lets pass at most
///   1 + doublings + T / recovery      events
/// when cooldown * 2^doublings >= recovery: each event adds a doubling, a quiet `recovery` takes one back, and at the top
/// one event takes a whole cooldown * 2^doublings.
class Anchor {
 public:
  [[nodiscard]] bool holds(Epoch now) const { return now < until_; }
  /// It happened, or was refused.
  void engage(const Config& config, Epoch now);
  /// Takes the longer of two: for what came out of a split or a merge.
  void join(const Anchor& other);

 private:
  Epoch until_{0};
  std::uint16_t doublings_ = 0;
};

/// A reason that has to last. It starts when `begins` and ends when not even `continues`, the laxer condition.
class Persistence {
 public:
  void observe(Epoch now, bool begins, bool continues) {
    if (since_.value == 0 ? begins : continues) {
      if (since_.value == 0) since_ = Epoch{now.value + 1};
    } else {
      since_ = Epoch{0};
    }
  }
  void end() { since_ = Epoch{0}; }
  [[nodiscard]] bool active() const { return since_.value != 0; }
  [[nodiscard]] bool lasted(Epoch now, std::uint64_t epochs) const {
    return active() && now.value + 1 - since_.value >= epochs;
  }

 private:
  Epoch since_{0};  ///< one more than when it started; 0: it does not hold
};

/// At most `window_proposals` per `window` on average, and never more than that at once.
class RateLimit {
 public:
  void refill(const Config& config, Epoch now);
  [[nodiscard]] bool allows() const { return tokens_ != 0; }
  void take() { --tokens_; }

 private:
  Epoch last_{0};
  std::uint64_t fraction_ = 0;  ///< of a token, in 1 / window
  std::uint32_t tokens_ = 0;
  bool started_ = false;
};

/// How far an agent is trusted: falls with each fault or refusal, and comes back with time.
class Trust {
 public:
  [[nodiscard]] BasisPoints at(const Config& config, Epoch now) const;
  void lose(const Config& config, Epoch now, BasisPoints severity);
  void restore() { deficit_ = 0; }

 private:
  std::uint16_t deficit_ = 0;
  Epoch since_{0};
};

/// a > b * (1 + margin), without overflow.
[[nodiscard]] bool exceeds(std::uint64_t a, std::uint64_t b, BasisPoints margin);

/// value * fraction / 10000, rounded down, without overflow for fractions up to 10000.
[[nodiscard]] std::uint64_t part_of(std::uint64_t value, BasisPoints fraction);

}  // namespace rvm::coherence
