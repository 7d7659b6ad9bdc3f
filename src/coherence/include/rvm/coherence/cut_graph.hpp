// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace rvm::coherence {

/// One direction of an undirected edge.
struct Arc {
  std::uint32_t to;
  std::uint32_t weight;
};

/// An undirected weighted graph as adjacency lists one after the other: the arcs of node v are those from `first[v]` up to
/// `first[v + 1]`. Every edge is there twice, once from each end with the same weight; there are no loops. Parallel edges
/// count as one of their summed weight, and an edge of weight 0 as none.
struct CutGraph {
  std::uint32_t nodes;
  std::span<const std::uint32_t> first;  ///< nodes + 1 of them, ascending, from 0
  std::span<const Arc> arcs;             ///< at least first[nodes] of them; fewer than 2^31
};

/// A node that is not there.
inline constexpr std::uint32_t no_node = ~std::uint32_t{0};

/// Work that may still be done, in units. A unit is one arc or one node looked at, or four entries of a table compared:
/// at most 25 instructions on AArch64. What is bounded by it checks before each piece of work and not within, so `left`
/// ends at 0 or up to one piece below.
struct Budget {
  std::int64_t left = 0;
  std::int64_t floor = 0;  ///< where to stop for now: the rest is spent later

  [[nodiscard]] constexpr bool spent() const { return left <= floor; }
  constexpr void take(std::uint64_t units) { left -= static_cast<std::int64_t>(units); }
};

/// The largest piece of work between two looks at the budget, in units.
inline constexpr std::int64_t budget_overrun_max = 192;

enum class Progress : std::uint8_t { working, done };

}  // namespace rvm::coherence
