// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a minimum cut costs on this computer, beside Boost.Graph's stoer_wagner_min_cut and igraph's igraph_mincut, each on the
// same graphs in its own representation, which is made outside the loop. All three deliver the value and the sides.
#include <benchmark/benchmark.h>
#include <igraph/igraph.h>

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/stoer_wagner_min_cut.hpp>
#include <boost/property_map/property_map.hpp>
#include <functional>
#include <memory>

#include "cut_samples.hpp"
#include "rvm/coherence/cut_incremental.hpp"

namespace {

using namespace rvm::coherence;
using samples::Graph;

Graph sample(const std::string& kind, std::uint32_t n) {
  if (kind == "random8") return samples::random_graph(n, n * 4, 1000, n);
  if (kind == "random16") return samples::random_graph(n, std::min<std::size_t>(n * 8, n * (n - 1)), 1000, n);
  if (kind == "clusters") return samples::clustered(n, std::max(2U, n / 32), 12, n / 2, 1000, n);
  if (kind == "halves") return samples::clustered(n, 2, 12, n / 16, 1000, n);
  if (kind == "grid") {
    std::uint32_t rows = 1;
    while (rows * rows < n) rows *= 2;
    return samples::grid(rows, n / rows, 1000, n);
  }
  return samples::tree_with_chords(n, 3 * n, 1000, n);
}

struct Search {
  std::vector<std::uint64_t> workspace;
  MinimumCut cut;
  explicit Search(const Graph& g) : workspace(MinimumCut::workspace_bytes(g.nodes, g.arcs.size()) / 8) {}
  Cut run(const Graph& g, const CutRequest& request, std::int64_t& units) {
    if (!cut.start(g.view(), request, std::as_writable_bytes(std::span(workspace)))) std::abort();
    Budget budget{.left = std::int64_t{1} << 60};
    (void)cut.step(budget);
    units = (std::int64_t{1} << 60) - budget.left;
    return cut.result();
  }
};

void ours(benchmark::State& state, const Graph& g, const CutRequest& request) {
  Search search(g);
  std::int64_t units = 0;
  Cut cut;
  for ([[maybe_unused]] auto _ : state) {
    cut = search.run(g, request, units);
    benchmark::DoNotOptimize(cut.value);
    benchmark::DoNotOptimize(cut.side.data());
    benchmark::ClobberMemory();
  }
  state.counters["value"] = static_cast<double>(cut.value);
  state.counters["arcs"] = static_cast<double>(g.arcs.size());
  state.counters["units"] = static_cast<double>(units);
}

/// The cut with its certificate.
void certified(benchmark::State& state, const Graph& g) {
  std::vector<std::uint64_t> workspace(IncrementalCut::workspace_bytes(g.nodes, g.arcs.size()) / 8);
  IncrementalCut cut;
  for ([[maybe_unused]] auto _ : state) {
    if (!cut.start(g.view(), std::as_writable_bytes(std::span(workspace)))) std::abort();
    Budget budget{.left = std::int64_t{1} << 60};
    (void)cut.step(budget);
    benchmark::DoNotOptimize(cut);
  }
  state.counters["kernel"] = cut.kernel();
}

/// One change of a weight by an eighth, up or down, of an edge at random; of those that leave the cut where it is.
void changes(benchmark::State& state, const Graph& g) {
  std::vector<std::uint64_t> workspace(IncrementalCut::workspace_bytes(g.nodes, g.arcs.size()) / 8);
  IncrementalCut cut;
  if (!cut.start(g.view(), std::as_writable_bytes(std::span(workspace)))) std::abort();
  Budget budget{.left = std::int64_t{1} << 60};
  (void)cut.step(budget);
  samples::Random random{1};
  std::vector<std::pair<samples::Edge, std::uint32_t>> list;
  unsigned tried = 0;
  for (; tried < 10'000 && list.size() < 1024; ++tried) {
    const samples::Edge e = g.edges[random.below(g.edges.size())];
    const std::uint32_t weight = tried % 2 == 0 ? e.weight + e.weight / 8 : e.weight - e.weight / 8;
    IncrementalCut copy = cut;
    if (copy.change(e.a, e.b, e.weight, weight) == Verdict::stands) list.emplace_back(e, weight);
  }
  std::size_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    IncrementalCut copy = cut;  // a change at a time, each of the same graph; the copy is measured too
    const auto& [e, weight] = list[at++ % list.size()];
    benchmark::DoNotOptimize(copy.change(e.a, e.b, e.weight, weight));
  }
  state.counters["stand"] = static_cast<double>(list.size()) / tried;
}

/// The floor: one look at each arc, as the sum of a node's weights needs it.
void one_pass(benchmark::State& state, const Graph& g) {
  for ([[maybe_unused]] auto _ : state) {
    std::uint64_t least = ~std::uint64_t{0};
    for (std::uint32_t v = 0; v < g.nodes; ++v) {
      std::uint64_t sum = 0;
      for (std::uint32_t e = g.first[v]; e < g.first[v + 1]; ++e) sum += g.arcs[e].weight;
      least = std::min(least, sum);
    }
    benchmark::DoNotOptimize(least);
  }
}

using BoostGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS, boost::no_property,
                                         boost::property<boost::edge_weight_t, std::uint64_t>>;

void with_boost(benchmark::State& state, const Graph& g) {
  BoostGraph graph(g.nodes);
  for (const auto& e : g.edges) boost::add_edge(e.a, e.b, e.weight, graph);
  std::vector<char> side(g.nodes);
  std::uint64_t value = 0;
  for ([[maybe_unused]] auto _ : state) {
    value = boost::stoer_wagner_min_cut(
        graph, boost::get(boost::edge_weight, graph),
        boost::parity_map(boost::make_iterator_property_map(side.begin(), boost::get(boost::vertex_index, graph))));
    benchmark::DoNotOptimize(value);
    benchmark::DoNotOptimize(side.data());
  }
  state.counters["value"] = static_cast<double>(value);
}

void with_igraph(benchmark::State& state, const Graph& g) {
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
  igraph_vector_int_t side;
  igraph_vector_int_init(&side, 0);
  igraph_real_t value = 0;
  for ([[maybe_unused]] auto _ : state) {
    igraph_mincut(&graph, &value, &side, nullptr, nullptr, &weights);
    benchmark::DoNotOptimize(value);
  }
  state.counters["value"] = value;
  igraph_vector_int_destroy(&side);
  igraph_destroy(&graph);
  igraph_vector_destroy(&weights);
  igraph_vector_int_destroy(&ends);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::unique_ptr<Graph>> graphs;
  for (const char* const kind : {"random8", "random16", "clusters", "halves", "grid", "tree"}) {
    for (const std::uint32_t n : {16U, 32U, 64U, 256U, 1024U, 4096U}) {
      graphs.push_back(std::make_unique<Graph>(sample(kind, n)));
      const Graph& g = *graphs.back();
      const auto add = [&](const char* who, [[maybe_unused]] const std::function<void(benchmark::State&)>& run,
                           [[maybe_unused]] bool peer = false) {
        [[maybe_unused]] const std::string name = std::string(kind) + "/" + std::to_string(n) + "/" + who;
#ifndef __clang_analyzer__  // which takes the library's list of benchmarks for a leak
        auto* const added = benchmark::RegisterBenchmark(name.c_str(), run);
        // With repetitions, on a computer that others use as well, the least is what the code costs.
        added->ComputeStatistics("least",
                                 [](const std::vector<double>& all) { return *std::ranges::min_element(all); });
        if (n >= 1024 && peer) added->Iterations(1);
#endif
      };
      add("ours", [&](benchmark::State& s) { ours(s, g, {}); });
      add("certified", [&](benchmark::State& s) { certified(s, g); });
      add("change", [&](benchmark::State& s) { changes(s, g); });
      add("pass", [&](benchmark::State& s) { one_pass(s, g); });
      add("balanced", [&](benchmark::State& s) { ours(s, g, {.objective = Objective::balanced}); });
      add("isolate", [&](benchmark::State& s) {
        ours(s, g, {.objective = Objective::isolate, .suspect = 1, .anchor = g.nodes / 2});
      });
      add("boost", [&](benchmark::State& s) { with_boost(s, g); }, true);
      add("igraph", [&](benchmark::State& s) { with_igraph(s, g); }, true);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
