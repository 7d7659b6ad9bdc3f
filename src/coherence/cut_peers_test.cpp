// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Minimum cuts against Boost.Graph's stoer_wagner_min_cut and igraph's igraph_mincut: the same value from all three, and ours is
// the weight of the sides that it names. igraph computes in double, so sums stay below 2^40.
//
// Usage: cut_peers_test [GRAPHS [SEED]]; the structured graphs of up to 4096 nodes follow in any case, Boost up to 512 of them
// unless GRAPHS is given.
#include <igraph/igraph.h>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/stoer_wagner_min_cut.hpp>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "cut_samples.hpp"

namespace {

using namespace rvm::coherence;
using samples::Graph;

using BoostGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS, boost::no_property,
                                         boost::property<boost::edge_weight_t, std::uint64_t>>;

std::uint64_t boost_value(const Graph& g) {
  BoostGraph graph(g.nodes);
  for (const auto& e : g.edges) boost::add_edge(e.a, e.b, e.weight, graph);
  return boost::stoer_wagner_min_cut(graph, boost::get(boost::edge_weight, graph));
}

std::uint64_t igraph_value(const Graph& g) {
  igraph_vector_int_t ends;
  igraph_vector_t weights;
  igraph_vector_int_init(&ends, static_cast<igraph_integer_t>(2 * g.edges.size()));
  igraph_vector_init(&weights, static_cast<igraph_integer_t>(g.edges.size()));
  for (std::size_t i = 0; i < g.edges.size(); ++i) {
    VECTOR(ends)[2 * i] = g.edges[i].a;
    VECTOR(ends)[2 * i + 1] = g.edges[i].b;
    VECTOR(weights)[i] = g.edges[i].weight;
  }
  igraph_t graph;
  igraph_create(&graph, &ends, static_cast<igraph_integer_t>(g.nodes), IGRAPH_UNDIRECTED);
  igraph_real_t value = 0;
  igraph_mincut_value(&graph, &value, &weights);
  igraph_destroy(&graph);
  igraph_vector_destroy(&weights);
  igraph_vector_int_destroy(&ends);
  return static_cast<std::uint64_t>(value);
}

struct Ours {
  std::vector<std::uint64_t> workspace;

  /// The value; ends the program where the side does not weigh that.
  std::uint64_t value(const Graph& g) {
    const std::size_t words = MinimumCut::workspace_bytes(g.nodes, g.arcs.size()) / 8;
    if (workspace.size() < words) workspace.resize(words);
    MinimumCut search;
    if (!search.start(g.view(), {}, std::as_writable_bytes(std::span(workspace)))) std::abort();
    Budget budget{.left = std::int64_t{1} << 60};
    (void)search.step(budget);
    const Cut cut = search.result();
    const auto one = [&](std::uint32_t v) { return (cut.side[v / 64] >> v % 64 & 1) != 0; };
    std::uint64_t sum = 0;
    bool both = false;
    for (std::uint32_t v = 0; v < g.nodes; ++v) both = both || one(v);
    for (const auto& e : g.edges) sum += one(e.a) != one(e.b) ? e.weight : 0;
    if (!cut.found || !cut.exact || !both || one(0) || sum != cut.value) {
      std::printf("sides of %" PRIu64 " for a cut of %" PRIu64 "\n", sum, cut.value);
      std::exit(1);
    }
    return cut.value;
  }
};

bool compare(Ours& ours, const Graph& g, bool boost_too, const char* name) {
  const std::uint64_t value = ours.value(g);
  const std::uint64_t by_igraph = igraph_value(g);
  const std::uint64_t by_boost = boost_too ? boost_value(g) : by_igraph;
  if (value == by_igraph && value == by_boost) return true;
  std::printf("%s, %u nodes: ours %" PRIu64 ", Boost %" PRIu64 ", igraph %" PRIu64 "\n", name, g.nodes, value, by_boost,
              by_igraph);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t graphs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  samples::Random random{argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1};
  Ours ours;
  unsigned wrong = 0;
  for (std::uint64_t i = 0; i < graphs; ++i) {
    const std::uint32_t n = 2 + random.below(i % 256 == 0 ? 255 : i % 16 == 0 ? 63 : 19);
    const std::uint64_t weights = std::uint64_t{1} << random.below(25);
    const std::uint64_t seed = random();
    // One in four is in groups: there the least cut is seldom around one node.
    const Graph g =
        i % 4 == 0 && n >= 8
            ? samples::clustered(n, 2 + random.below(3), 4 + 2 * random.below(4), random.below(n), weights, seed)
            : samples::random_graph(n, n * (1 + random.below(8)), weights, seed, random.below(16) != 0);
    wrong += compare(ours, g, true, "random") ? 0 : 1;
  }
  unsigned structured = 0;
  for (const std::uint32_t n : {64U, 256U, 1024U, 4096U}) {
    for (const std::uint64_t weights : {1U, 1000U}) {
      if (n == 4096 && weights == 1 && argc == 1) continue;
      for (const auto& [name, g] : samples::structured(n, weights, n)) {
        wrong += compare(ours, g, n <= 512 || argc > 1, name.c_str()) ? 0 : 1;
        ++structured;
      }
    }
  }
  std::printf("%" PRIu64 " random and %u structured graphs, %u differences\n", graphs, structured, wrong);
  return wrong == 0 ? 0 : 1;
}
