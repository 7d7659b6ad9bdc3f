// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "rvm/coherence/minimum_cut.hpp"

namespace rvm::coherence {

/// What a change of weights did to the least cut.
enum class Verdict : std::uint8_t {
  stands,     ///< the same sides are still a least cut; its value is up to date
  moved,      ///< other sides are now a least cut; they and its value are up to date
  recompute,  ///< not known without a search: start again
};

/// A least cut (plain) that follows changes of single weights. Beside the cut it keeps a *certificate*: the graph contracted
/// to at most eight nodes such that every cut that separates what was contracted weighs at least `outside`, which is more than
/// the least cut. Changes of edges between those nodes are applied to the small graph, whose cuts are all known exactly; a
/// decrease of any edge lowers `outside` by as much. While the small graph's least cut is at most `outside` it is the least of
/// all, so every answer but `recompute` is exact.
class IncrementalCut {
 public:
  static constexpr std::uint32_t kernel_nodes = 8;

  [[nodiscard]] static constexpr std::size_t workspace_bytes(std::uint32_t nodes, std::size_t arcs) {
    return MinimumCut::workspace_bytes(nodes, arcs) + (std::size_t{nodes} * sizeof(std::uint32_t) + 7) / 8 * 8;
  }

  /// As MinimumCut::start, for the plain objective. The graph is read until `step` says done, not afterwards.
  [[nodiscard]] Status start(const CutGraph& graph, std::span<std::byte> workspace);
  /// The search, then the certificate: one to three more scans. Budget as for MinimumCut::step.
  Progress step(Budget& budget);
  /// After `step` said done or a verdict other than recompute: the cut. Not found below two nodes.
  [[nodiscard]] Cut cut() const;

  /// The weight of an edge between u and v went from `before` to `after` (0: there is none). O(1); 128 steps of a Gray code
  /// where the small graph's least cut may have changed, and n / 64 words where it moved. Once it said recompute it says so
  /// until the next start.
  [[nodiscard]] Verdict change(std::uint32_t u, std::uint32_t v, std::uint32_t before, std::uint32_t after);

  /// Every weight w became w * numerator / denominator, rounded down (numerator < denominator); `graph` has the same edges
  /// with these weights. One pass over the arcs: not cut into pieces.
  [[nodiscard]] Verdict decay(const CutGraph& graph, std::uint32_t numerator, std::uint32_t denominator);

  [[nodiscard]] std::uint32_t kernel() const { return nodes_; }

 private:
  void begin_certificate();
  void take_certificate();
  void take_sides();
  [[nodiscard]] Verdict judge();
  void enumerate();

  MinimumCut search_;
  CutGraph graph_{};
  std::uint32_t* node_of_ = nullptr;  ///< for each node that of the small graph
  std::uint64_t weight_[kernel_nodes][kernel_nodes] = {};
  std::uint64_t outside_ = 0;  ///< every cut that is none of the small graph's weighs at least this
  std::uint64_t others_ = 0;   ///< and every other cut of the small graph at least this
  std::uint64_t value_ = 0;
  std::uint64_t threshold_ = 0;
  std::uint32_t nodes_ = 0;
  std::uint32_t mask_ = 0;  ///< the small graph's nodes on side 1
  std::uint32_t attempt_ = 0;
  bool searching_ = false;
  bool found_ = false;
  bool lost_ = false;
};

}  // namespace rvm::coherence
