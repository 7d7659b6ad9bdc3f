// SPDX-License-Identifier: MIT OR Apache-2.0
//
// After every change of a weight, what the certificate says against a search from the beginning.
#include "rvm/coherence/cut_incremental.hpp"

#include <doctest/doctest.h>

#include "cut_samples.hpp"

using namespace rvm;
using namespace rvm::coherence;
using samples::Graph;
using samples::Random;

namespace {

std::uint64_t fresh_value(const Graph& g) {
  std::vector<std::uint64_t> workspace(MinimumCut::workspace_bytes(g.nodes, g.arcs.size()) / 8);
  MinimumCut search;
  REQUIRE(search.start(g.view(), {}, std::as_writable_bytes(std::span(workspace))));
  Budget budget{.left = std::int64_t{1} << 60};
  REQUIRE(search.step(budget) == Progress::done);
  return search.result().value;
}

struct Follower {
  Graph graph;
  std::vector<std::uint64_t> workspace;
  IncrementalCut cut;

  explicit Follower(Graph g) : graph(std::move(g)) { restart(); }
  void restart(std::int64_t units = std::int64_t{1} << 60) {
    workspace.assign(IncrementalCut::workspace_bytes(graph.nodes, graph.arcs.size()) / 8, 0xa5a5'a5a5'a5a5'a5a5);
    REQUIRE(cut.start(graph.view(), std::as_writable_bytes(std::span(workspace))));
    Budget budget;
    do {
      budget.left = units;
    } while (cut.step(budget) == Progress::working);
  }
  Verdict set(std::size_t edge, std::uint32_t weight) {
    const samples::Edge old = graph.edges[edge];
    auto edges = graph.edges;
    edges[edge].weight = weight;
    graph = Graph(graph.nodes, std::move(edges));
    return cut.change(old.a, old.b, old.weight, weight);
  }
  [[nodiscard]] bool one(std::uint32_t v) const { return (cut.cut().side[v / 64] >> v % 64 & 1) != 0; }
  /// The kept cut is one of the least.
  void check() const {
    const Cut c = cut.cut();
    std::uint64_t sum = 0;
    for (const auto& e : graph.edges) sum += one(e.a) != one(e.b) ? e.weight : 0;
    CHECK(c.exact);
    CHECK(sum == c.value);
    CHECK(c.value == fresh_value(graph));
    CHECK(!one(0));
  }
};

}  // namespace

TEST_CASE("every verdict but recompute is exact") {
  Random random{1};
  unsigned verdicts[3] = {0, 0, 0};
  for (unsigned round = 0; round < 300; ++round) {
    const std::uint32_t n = 2 + random.below(60);
    const std::uint64_t w = 1 + random.below(1000);
    Follower f(round % 2 == 0 ? samples::random_graph(n, n * (1 + random.below(6)), w, random(), round % 8 != 0)
                              : samples::clustered(n + 8, 2 + random.below(2), 8, random.below(5), w, random()));
    if (round % 5 == 0) f.restart(1);
    f.check();
    for (unsigned i = 0; i < 30; ++i) {
      const std::size_t edge = random.below(f.graph.edges.size());
      const std::uint32_t old = f.graph.edges[edge].weight;
      const std::uint32_t weight = i % 3 == 0 ? random.below(2 * w) : old + random.below(old / 4 + 2) - old / 8;
      const Verdict verdict = f.set(edge, weight);
      ++verdicts[static_cast<unsigned>(verdict)];
      if (verdict == Verdict::recompute) {
        CHECK(f.cut.change(0, 1, 0, 0) == Verdict::recompute);
        f.restart();
      }
      f.check();
    }
  }
  MESSAGE("stands ", verdicts[0], ", moved ", verdicts[1], ", recompute ", verdicts[2]);
  CHECK(verdicts[0] > 5000);
  CHECK(verdicts[1] > 0);
  CHECK(verdicts[2] > 0);
}

TEST_CASE("what cannot hurt always stands") {
  Random random{2};
  for (unsigned round = 0; round < 100; ++round) {
    const std::uint32_t n = 2 + random.below(40);
    Follower f(samples::random_graph(n, n * 3, 100, random()));
    for (unsigned i = 0; i < 50; ++i) {
      const std::size_t edge = random.below(f.graph.edges.size());
      const samples::Edge e = f.graph.edges[edge];
      const std::uint32_t by = random.below(e.weight + 1);
      const bool crossing = f.one(e.a) != f.one(e.b);
      CHECK(f.set(edge, crossing ? e.weight - by : e.weight + by) == Verdict::stands);
    }
    f.check();
  }
}

TEST_CASE("decay keeps the cut") {
  Random random{3};
  unsigned kept = 0;
  for (unsigned round = 0; round < 200; ++round) {
    const std::uint32_t n = 4 + random.below(60);
    Follower f(samples::clustered(n + 8, 2, 10, random.below(4), 1'000'000, random()));
    for (unsigned epoch = 0; epoch < 10; ++epoch) {
      auto edges = f.graph.edges;
      for (auto& e : edges) e.weight = static_cast<std::uint32_t>(std::uint64_t{e.weight} * 95 / 100);
      f.graph = Graph(f.graph.nodes, edges);
      const Verdict verdict = f.cut.decay(f.graph.view(), 95, 100);
      if (verdict == Verdict::recompute) {
        f.restart();
      } else {
        ++kept;
      }
      f.check();
    }
  }
  MESSAGE("kept ", kept, " of 2000");
  CHECK(kept > 1500);
}
