// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The signals: fractions of weight, in basis points, by integer arithmetic only. Pure functions of what the graph holds.
#pragma once

#include <cstdint>

#include "rvm/coherence/graph.hpp"
#include "rvm/types/time.hpp"

namespace rvm::coherence {

inline constexpr BasisPoints one{10000};

/// part / whole, rounded down and at most 10000; `of_nothing` when whole is 0.
[[nodiscard]] BasisPoints fraction(std::uint64_t part, std::uint64_t whole, BasisPoints of_nothing);

/// The pressure that a partition's members are under from outside: external / total. 0 for one that talks to nobody.
/// Its coherence, internal / total, is what remains to 10000, so that the two always add up.
[[nodiscard]] BasisPoints pressure(Graph::Sums sums);

/// What weight runs between two partitions, of all the weight that touches either; every edge counts once, so two that
/// talk only to each other reach 10000. 0 when neither talks.
[[nodiscard]] BasisPoints mutual_coherence(std::uint64_t between, Graph::Sums a, Graph::Sums b);

/// How firmly a partition holds together: its minimum cut, as a fraction of the mean weight of its `members` on edges to
/// each other (2 * internal / members). The minimum cut is never more than the least such weight and so never more than the mean:
/// 10000 is a group in which nobody is easier to cut off than anybody, as a clique or a ring; a chain of n has n / 2 (n - 1),
/// about 5000; groups with a thin bridge between them have next to nothing, whatever their size.
/// 10000 for fewer than two members, or no weight.
[[nodiscard]] BasisPoints cohesion(std::uint64_t cut, std::uint64_t internal, std::uint32_t members);

/// Exponential moving average: `alpha` of the way from `smoothed` to `sample`, at least one basis point, never beyond.
[[nodiscard]] BasisPoints smooth(BasisPoints smoothed, BasisPoints sample, BasisPoints alpha);

}  // namespace rvm::coherence
