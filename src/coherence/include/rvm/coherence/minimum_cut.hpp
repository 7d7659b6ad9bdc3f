// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/coherence/cut_graph.hpp"
#include "rvm/types/error.hpp"

namespace rvm::coherence {

enum class Objective : std::uint8_t {
  plain,        ///< the least weight between two sides that are not empty
  balanced,     ///< the same among cuts that leave at least `minimum_side` nodes on both sides
  conductance,  ///< the least ratio of the cut's weight to the smaller side's volume (the sum of its nodes' degrees)
  isolate,      ///< with an anchor, the least weight that separates `suspect` from it; without one, as plain
};

struct CutRequest {
  Objective objective = Objective::plain;
  std::uint32_t minimum_side = 2;   ///< balanced: at least 1
  std::uint32_t suspect = no_node;  ///< isolate: a node
  std::uint32_t anchor = no_node;   ///< isolate: another node, or none
};

/// What was found. Bit v of `side` (word v / 64) is the side of node v. Node 0 is on side 0; for isolate, the suspect is on
/// side 1. The same graph, arcs in the same order, gives the same cut on every machine.
struct Cut {
  bool found = false;       ///< false: no cut meets the request (fewer nodes than two, or than both sides need)
  bool exact = false;       ///< proven to be the least; false: the best of those that were looked at
  std::uint64_t value = 0;  ///< the weight of the edges between the sides
  /// Conductance: value and the smaller side's volume; otherwise value and 1. A side without volume has ratio 0 / 1.
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;
  std::span<const std::uint64_t> side;  ///< in the workspace; (nodes + 63) / 64 words
};

struct CutState;

/// A minimum cut, found in pieces of bounded work and in memory that the caller lends. Exact for plain and isolate; for balanced up to 16
/// nodes, and beyond that where the reductions and a bounded search suffice; for conductance up to 16 nodes. docs/coherence.md
/// says how. Nothing is allocated; one thread at a time.
class MinimumCut {
 public:
  /// What a graph of that size needs, in bytes; the workspace is aligned to 8.
  [[nodiscard]] static constexpr std::size_t workspace_bytes(std::uint32_t nodes, std::size_t arcs);

  /// Begins; the graph and the workspace stay untouched by others until the result is no longer needed. bad_argument: a
  /// request that no graph of that size can mean, or a workspace too small or unaligned. O(1).
  [[nodiscard]] Status start(const CutGraph& graph, const CutRequest& request, std::span<std::byte> workspace);

  /// Goes on until it is done or the budget is spent; beyond that by less than budget_overrun_max units. May be called
  /// again with another budget, any number of times; the result does not depend on how the work was cut up.
  Progress step(Budget& budget);

  /// After `step` said done, the cut. Before that, the best one so far that is already written down, not exact.
  [[nodiscard]] Cut result() const;

 private:
  friend class IncrementalCut;
  CutState* state_ = nullptr;  ///< in the workspace
};

/// Where things lie in the workspace: one table from which its size and its parts follow.
struct CutLayout {
  static constexpr std::size_t state_bytes = 512;
  static constexpr std::uint32_t matrix_nodes = 16;
  std::size_t arcs[2], mate, attached, attached_one, degree, nodes32[11], best_of_block, matrix, side, bytes;

  static constexpr CutLayout of(std::uint32_t nodes, std::size_t arc_count) {
    CutLayout l{};
    std::size_t at = state_bytes;
    const auto take = [&](std::size_t bytes) {
      const std::size_t here = at;
      at += (bytes + 7) / 8 * 8;
      return here;
    };
    const std::size_t n = nodes;
    for (std::size_t& part : l.arcs) part = take(8 * arc_count);
    l.mate = take(4 * arc_count);
    l.attached = take(8 * n);
    l.attached_one = take(8 * n);
    l.degree = take(8 * n);
    for (std::size_t& part : l.nodes32) part = take(4 * (n + 2));
    l.best_of_block = take(8 * (n / 16 + 2));
    l.matrix = take(8 * matrix_nodes * matrix_nodes);
    l.side = take((n + 63) / 64 * 8);
    l.bytes = at;
    return l;
  }
};

constexpr std::size_t MinimumCut::workspace_bytes(std::uint32_t nodes, std::size_t arcs) {
  return CutLayout::of(nodes, arcs).bytes;
}

}  // namespace rvm::coherence
