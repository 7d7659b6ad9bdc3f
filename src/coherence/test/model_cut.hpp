// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A minimum cut that is simple enough to be believed: all bipartitions of up to 14 nodes, beyond that the cuts that Stoer
// and Wagner's phases give ("A simple min-cut algorithm", JACM 1997) and a maximum flow for `isolate`. For the engine's
// tests, which are about what the engine makes of a cut.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "rvm/coherence/minimum_cut.hpp"

namespace rvm::coherence::test {

class ModelCut {
  using Weights = std::vector<std::vector<std::uint64_t>>;

 public:
  static constexpr std::size_t workspace_bytes(std::uint32_t, std::size_t) { return 64; }

  /// Each cut is charged this many units for every node to the power of 2, so that tests can make it slow.
  static inline std::uint64_t units_per_square = 1;

  Status start(const CutGraph& graph, const CutRequest& request, std::span<std::byte>) {
    nodes_ = graph.nodes;
    Weights w(nodes_, std::vector<std::uint64_t>(nodes_));
    for (std::uint32_t v = 0; v < nodes_; ++v) {
      for (std::uint32_t a = graph.first[v]; a < graph.first[v + 1]; ++a)
        w[v][graph.arcs[a].to] += graph.arcs[a].weight;
    }
    cut_ = {};
    if (nodes_ <= 14) {
      enumerate(w, request);
    } else if (request.objective == Objective::isolate) {
      isolate(w, request);
    } else {
      phases(w, request);
    }
    work_ = units_per_square * nodes_ * nodes_ + 1;
    return {};
  }

  Progress step(Budget& budget) {
    while (work_ > 0 && !budget.spent()) {
      const std::uint64_t piece = std::min<std::uint64_t>(work_, 64);
      budget.take(piece);
      work_ -= piece;
    }
    return work_ == 0 ? Progress::done : Progress::working;
  }

  Cut result() const {
    Cut cut = cut_;
    cut.side = {&side_, 1};
    return cut;
  }

 private:
  std::uint64_t value(const Weights& w, std::uint64_t side) const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < nodes_; ++i) {
      for (std::uint32_t j = 0; j < nodes_; ++j) {
        if ((side >> i & 1) != 0 && (side >> j & 1) == 0) sum += w[i][j];
      }
    }
    return sum;
  }

  void consider(const Weights& w, const CutRequest& request, std::uint64_t side) {
    const auto size = static_cast<std::uint32_t>(std::popcount(side));
    const std::uint32_t least = request.objective == Objective::balanced ? request.minimum_side : 1;
    if (size < least || nodes_ - size < least) return;
    if (request.objective == Objective::isolate) {
      if ((side >> request.suspect & 1) == 0) return;
      if (request.anchor != no_node && (side >> request.anchor & 1) != 0) return;
    }
    const std::uint64_t v = value(w, side);
    if (cut_.found && v >= cut_.value) return;
    cut_.found = cut_.exact = true;
    cut_.value = v;
    side_ = side;
  }

  void enumerate(const Weights& w, const CutRequest& request) {
    for (std::uint64_t side = 1; side + 1 < std::uint64_t{1} << nodes_; ++side) consider(w, request, side);
  }

  void phases(const Weights& original, const CutRequest& request) {
    Weights w = original;
    std::vector<std::uint64_t> merged(nodes_);
    std::vector<std::uint32_t> live(nodes_);
    for (std::uint32_t v = 0; v < nodes_; ++v) {
      merged[v] = std::uint64_t{1} << v;
      live[v] = v;
    }
    while (live.size() > 1) {
      std::vector<std::uint32_t> rest(live.begin() + 1, live.end());
      std::uint32_t last = live[0];
      std::uint32_t before = live[0];
      std::vector<std::uint64_t> attached(nodes_);
      for (const std::uint32_t v : rest) attached[v] = w[live[0]][v];
      while (!rest.empty()) {
        const auto next =
            std::max_element(rest.begin(), rest.end(), [&](auto a, auto b) { return attached[a] < attached[b]; });
        before = last;
        last = *next;
        rest.erase(next);
        for (const std::uint32_t v : rest) attached[v] += w[last][v];
      }
      consider(original, request, merged[last]);
      for (const std::uint32_t v : live) {
        w[before][v] += w[last][v];
        w[v][before] += w[v][last];
      }
      w[before][before] = 0;
      merged[before] |= merged[last];
      std::erase(live, last);
    }
  }

  void isolate(const Weights& original, const CutRequest& request) {
    Weights residual = original;
    for (;;) {
      std::vector<std::uint32_t> from(nodes_, no_node);
      std::vector<std::uint32_t> queue{request.suspect};
      from[request.suspect] = request.suspect;
      for (std::size_t i = 0; i < queue.size(); ++i) {
        for (std::uint32_t v = 0; v < nodes_; ++v) {
          if (from[v] == no_node && residual[queue[i]][v] > 0) {
            from[v] = queue[i];
            queue.push_back(v);
          }
        }
      }
      if (from[request.anchor] == no_node) {
        std::uint64_t side = 0;
        for (const std::uint32_t v : queue) side |= std::uint64_t{1} << v;
        consider(original, request, side);
        return;
      }
      std::uint64_t least = UINT64_MAX;
      for (std::uint32_t v = request.anchor; v != request.suspect; v = from[v])
        least = std::min(least, residual[from[v]][v]);
      for (std::uint32_t v = request.anchor; v != request.suspect; v = from[v]) {
        residual[from[v]][v] -= least;
        residual[v][from[v]] += least;
      }
    }
  }

  std::uint32_t nodes_ = 0;
  std::uint64_t work_ = 0;
  std::uint64_t side_ = 0;
  Cut cut_;
};

}  // namespace rvm::coherence::test
