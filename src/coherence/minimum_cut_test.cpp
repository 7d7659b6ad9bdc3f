// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Minimum cuts against every cut of small graphs, against a plain Stoer and Wagner for larger ones, and against themselves in
// pieces.
#include "rvm/coherence/minimum_cut.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <numeric>
#include <optional>

#include "cut_samples.hpp"

using namespace rvm;
using namespace rvm::coherence;
using samples::Graph;
using samples::Random;

namespace {

struct Answer {
  Cut cut;
  std::vector<std::uint64_t> side;
  std::int64_t overrun = 0;
  std::int64_t units = 0;
  [[nodiscard]] bool on_one(std::uint32_t v) const { return (side[v / 64] >> v % 64 & 1) != 0; }
};

Answer solve(const Graph& graph, const CutRequest& request = {}, std::int64_t units_a_step = 0) {
  const std::size_t words = MinimumCut::workspace_bytes(graph.nodes, graph.arcs.size()) / 8;
  // Old contents and a guard behind: what is not written is not read, and nothing beyond is written.
  std::vector<std::uint64_t> workspace(words + 1, 0xa5a5'a5a5'a5a5'a5a5);
  MinimumCut search;
  REQUIRE(search.start(graph.view(), request, std::as_writable_bytes(std::span(workspace).first(words))));
  Answer a;
  while (true) {
    Budget budget{.left = units_a_step > 0 ? units_a_step : std::int64_t{1} << 60};
    const std::int64_t given = budget.left;
    const Progress progress = search.step(budget);
    a.overrun = std::max(a.overrun, -budget.left);
    a.units += given - budget.left;
    if (progress == Progress::done) break;
    if (!budget.spent()) FAIL("stopped with budget left");
  }
  a.cut = search.result();
  a.side.assign(a.cut.side.begin(), a.cut.side.end());
  REQUIRE(workspace.back() == 0xa5a5'a5a5'a5a5'a5a5);
  return a;
}

std::uint64_t weight_of(const Graph& graph, auto on_one) {
  std::uint64_t sum = 0;
  for (const auto& e : graph.edges) sum += on_one(e.a) != on_one(e.b) ? e.weight : 0;
  return sum;
}

std::uint64_t smaller_volume(const Graph& graph, auto on_one) {
  std::uint64_t volume[2] = {0, 0};
  for (const auto& e : graph.edges) volume[on_one(e.a) ? 1 : 0] += e.weight, volume[on_one(e.b) ? 1 : 0] += e.weight;
  return std::min(volume[0], volume[1]);
}

bool less(std::uint64_t a, std::uint64_t b, std::uint64_t c,
          std::uint64_t d) {  // a / b < c / d, 0 where the weight is 0
  if (c == 0) return false;
  if (a == 0) return true;
  return static_cast<unsigned __int128>(a) * d < static_cast<unsigned __int128>(c) * b;
}

bool allowed(const Graph& g, const CutRequest& request, std::uint64_t mask) {
  const auto ones = static_cast<std::uint32_t>(std::popcount(mask));
  if (ones == 0 || ones == g.nodes) return false;
  if (request.objective == Objective::balanced) return std::min(ones, g.nodes - ones) >= request.minimum_side;
  if (request.objective == Objective::isolate && request.anchor != no_node) {
    return (mask >> request.suspect & 1) != (mask >> request.anchor & 1);
  }
  return true;
}

struct Best {
  std::uint64_t value, numerator, denominator;
};

/// All cuts.
std::optional<Best> brute(const Graph& g, const CutRequest& request) {
  std::optional<Best> best;
  for (std::uint64_t mask = 0; g.nodes > 0 && mask < std::uint64_t{1} << (g.nodes - 1); ++mask) {
    if (!allowed(g, request, mask)) continue;
    const auto one = [&](std::uint32_t v) { return (mask >> v & 1) != 0; };
    Best b{.value = weight_of(g, one), .numerator = 0, .denominator = 1};
    b.numerator = b.value;
    if (request.objective == Objective::conductance) b.denominator = smaller_volume(g, one);
    if (!best || less(b.numerator, b.denominator, best->numerator, best->denominator)) best = b;
  }
  return best;
}

/// Stoer and Wagner, with a matrix and nothing clever.
std::uint64_t stoer_wagner(const Graph& g) {
  const std::uint32_t n = g.nodes;
  std::vector<std::vector<std::uint64_t>> w(n, std::vector<std::uint64_t>(n, 0));
  for (const auto& e : g.edges) w[e.a][e.b] += e.weight, w[e.b][e.a] += e.weight;
  std::vector<std::uint32_t> left(n);
  std::iota(left.begin(), left.end(), 0U);
  std::uint64_t best = ~std::uint64_t{0};
  while (left.size() > 1) {
    std::vector<std::uint64_t> attached(n, 0);
    std::vector<std::uint32_t> rest = left;
    std::uint32_t last = 0;
    std::uint32_t before = 0;
    while (!rest.empty()) {
      const auto most =
          std::max_element(rest.begin(), rest.end(), [&](auto a, auto b) { return attached[a] < attached[b]; });
      before = last;
      last = *most;
      rest.erase(most);
      for (const std::uint32_t v : rest) attached[v] += w[last][v];
    }
    best = std::min(best, attached[last]);
    for (const std::uint32_t v : left) w[before][v] += w[last][v], w[v][before] += w[v][last];
    w[before][before] = 0;
    left.erase(std::find(left.begin(), left.end(), last));
  }
  return best;
}

/// The side is one that the request allows, and weighs what it says; bit 0 and the bits behind the last are as promised.
void check_side(const Graph& g, const CutRequest& request, const Answer& a) {
  REQUIRE(a.cut.found);
  REQUIRE(a.side.size() == (g.nodes + 63) / 64);
  const auto one = [&](std::uint32_t v) { return a.on_one(v); };
  std::uint32_t ones = 0;
  for (std::uint32_t v = 0; v < g.nodes; ++v) ones += one(v) ? 1 : 0;
  std::uint32_t all = 0;
  for (const std::uint64_t word : a.side) all += static_cast<std::uint32_t>(std::popcount(word));
  CHECK(all == ones);
  CHECK(ones > 0);
  CHECK(ones < g.nodes);
  CHECK(weight_of(g, one) == a.cut.value);
  CHECK(a.cut.numerator == a.cut.value);
  if (request.objective == Objective::conductance) {
    CHECK(a.cut.denominator == std::max<std::uint64_t>(1, smaller_volume(g, one)));
  } else {
    CHECK(a.cut.denominator == 1);
  }
  if (request.objective == Objective::balanced) CHECK(std::min(ones, g.nodes - ones) >= request.minimum_side);
  if (request.objective == Objective::isolate) {
    CHECK(one(request.suspect));
    if (request.anchor != no_node) CHECK(!one(request.anchor));
  } else {
    CHECK(!one(0));
  }
}

void check_small(const Graph& g, const CutRequest& request) {
  CAPTURE(g.nodes);
  CAPTURE(static_cast<int>(request.objective));
  CAPTURE(request.minimum_side);
  const Answer a = solve(g, request);
  const auto expected = brute(g, request);
  REQUIRE(a.cut.found == expected.has_value());
  CHECK(a.cut.exact);
  if (!expected) return;
  check_side(g, request, a);
  CHECK(!less(a.cut.numerator, a.cut.denominator, expected->numerator, expected->denominator));
  CHECK(!less(expected->numerator, expected->denominator, a.cut.numerator, a.cut.denominator));
}

std::vector<CutRequest> all_requests(std::uint32_t n, Random& random) {
  std::vector<CutRequest> all{{}, {.objective = Objective::conductance}};
  for (std::uint32_t k = 1; k <= n / 2 + 1; ++k) all.push_back({.objective = Objective::balanced, .minimum_side = k});
  if (n >= 2) {
    const std::uint32_t suspect = random.below(n);
    all.push_back({.objective = Objective::isolate, .suspect = suspect});
    all.push_back(
        {.objective = Objective::isolate, .suspect = suspect, .anchor = (suspect + 1 + random.below(n - 1)) % n});
  }
  return all;
}

}  // namespace

TEST_CASE("all objectives are exact on small graphs") {
  Random random{1};
  for (unsigned round = 0; round < 3000; ++round) {
    const std::uint32_t n = random.below(10);
    static constexpr std::uint64_t weights[] = {1, 2, 5, 100, 1U << 20, ~std::uint32_t{0}};
    const std::uint64_t w = weights[random.below(6)];
    const std::size_t edges = n == 0 ? 0 : random.below(4 * n);
    const Graph g = samples::random_graph(n, edges, w, random(), random.below(3) != 0);
    for (const CutRequest& request : all_requests(n, random)) check_small(g, request);
  }
}

TEST_CASE("all objectives are exact up to 16 nodes") {
  Random random{2};
  for (unsigned round = 0; round < 12; ++round) {
    const std::uint32_t n = 11 + random.below(6);
    for (const auto& [name, g] : samples::structured(n, round % 2 == 0 ? 1 : 1000, random())) {
      CAPTURE(name);
      auto requests = all_requests(g.nodes, random);
      for (const CutRequest& request : requests) {
        if (request.objective != Objective::balanced || request.minimum_side <= 3) check_small(g, request);
      }
    }
  }
}

TEST_CASE("balanced cuts are exact beyond what is promised") {
  Random random{12};
  for (unsigned round = 0; round < 12; ++round) {
    const std::uint32_t n = 15 + random.below(4);
    const Graph g = samples::random_graph(n, n * (2 + random.below(6)), round % 3 == 0 ? 2 : 1000, random());
    check_small(g, {.objective = Objective::balanced});
    check_small(g, {.objective = Objective::balanced, .minimum_side = 3 + round % 5});
  }
}

TEST_CASE("weights of 0 are no edges") {
  const Graph g(4, {{0, 1, 5}, {1, 2, 0}, {2, 3, 7}, {3, 0, 0}});
  const Answer a = solve(g);
  CHECK(a.cut.value == 0);
  CHECK(a.side[0] == 0b1100);
}

TEST_CASE("saturated weights do not overflow") {
  const std::uint32_t most = ~std::uint32_t{0};
  std::vector<samples::Edge> edges;
  for (unsigned i = 0; i < 65'536 / 4; ++i) {
    edges.push_back({0, 1, most});
    edges.push_back({1, 2, most});
    edges.push_back({2, 0, most});
    edges.push_back({2 + i % 2, 3, most});
  }
  std::erase_if(edges, [](const auto& e) { return e.a == e.b; });
  const Graph g(4, edges);
  const std::uint64_t expected = brute(g, {})->value;
  CHECK(expected > std::uint64_t{1} << 40);
  for (const CutRequest& request : {CutRequest{}, CutRequest{.objective = Objective::balanced},
                                    CutRequest{.objective = Objective::isolate, .suspect = 2, .anchor = 0},
                                    CutRequest{.objective = Objective::conductance}}) {
    check_small(g, request);
  }
  Random random{77};
  for (unsigned round = 0; round < 200; ++round) {
    const Graph parallel = samples::random_graph(3 + random.below(7), 100, most, random());
    for (const CutRequest& request : all_requests(parallel.nodes, random)) check_small(parallel, request);
  }
}

TEST_CASE("plain cuts of larger graphs are those of Stoer and Wagner") {
  Random random{3};
  for (unsigned round = 0; round < 400; ++round) {
    const std::uint32_t n = 2 + random.below(round % 10 == 0 ? 120 : 40);
    const std::uint64_t w = std::uint64_t{1} << random.below(33);
    const Graph g = samples::random_graph(n, n * (1 + random.below(8)), w, random(), random.below(8) != 0);
    const Answer a = solve(g);
    check_side(g, {}, a);
    CHECK(a.cut.exact);
    CHECK(a.cut.value == stoer_wagner(g));
  }
  for (const std::uint32_t n : {20U, 64U, 100U}) {
    for (const std::uint64_t w : {1U, 3U, 1000U}) {
      for (const auto& [name, g] : samples::structured(n, w, n)) {
        CAPTURE(name);
        const Answer a = solve(g);
        check_side(g, {}, a);
        CHECK(a.cut.value == stoer_wagner(g));
      }
    }
  }
}

TEST_CASE("a thousand nodes and more, where the cut is known") {
  const Graph joined = samples::clustered(4096, 2, 12, 0, 100, 5);
  const Answer a = solve(joined);
  check_side(joined, {}, a);
  const Graph long_path = samples::path(4096, 1, 1);
  CHECK(solve(long_path).cut.value == 1);
  const Graph ring = samples::cycle(4096, 1, 1);
  CHECK(solve(ring).cut.value == 2);
  const Graph square = samples::grid(64, 64, 1, 1);
  CHECK(solve(square).cut.value == 2);
  CHECK(solve(square, {.objective = Objective::balanced}).cut.value == 3);
  const Graph full = samples::two_cliques(512, 100, 1, 1);
  const Answer halves = solve(full);
  CHECK(halves.cut.value == 100);
  CHECK(halves.side == std::vector<std::uint64_t>{0, 0, 0, 0, ~0ULL, ~0ULL, ~0ULL, ~0ULL});
  const Graph apart = samples::clustered(4096, 1, 12, 0, 100, 5);
  std::vector<samples::Edge> edges = apart.edges;
  const Graph lonely(4097, edges);
  CHECK(solve(lonely).cut.value == 0);
}

TEST_CASE("a cut between suspect and anchor is a maximum flow") {
  Random random{9};
  for (unsigned round = 0; round < 300; ++round) {
    const std::uint32_t n = 17 + random.below(60);
    const Graph g = samples::random_graph(n, n * (1 + random.below(6)), 1 + random.below(50), random());
    const std::uint32_t suspect = random.below(n);
    const std::uint32_t anchor = (suspect + 1 + random.below(n - 1)) % n;
    const CutRequest request{.objective = Objective::isolate, .suspect = suspect, .anchor = anchor};
    const Answer a = solve(g, request);
    check_side(g, request, a);
    CHECK(a.cut.exact);
    // Ford and Fulkerson by depth first search.
    std::vector<std::vector<std::int64_t>> left(n, std::vector<std::int64_t>(n, 0));
    for (const auto& e : g.edges) left[e.a][e.b] += e.weight, left[e.b][e.a] += e.weight;
    std::uint64_t flow = 0;
    while (true) {
      std::vector<std::uint32_t> from(n, no_node);
      std::vector<std::uint32_t> stack{suspect};
      from[suspect] = suspect;
      while (!stack.empty()) {
        const std::uint32_t u = stack.back();
        stack.pop_back();
        for (std::uint32_t v = 0; v < n; ++v) {
          if (left[u][v] > 0 && from[v] == no_node) from[v] = u, stack.push_back(v);
        }
      }
      if (from[anchor] == no_node) break;
      std::int64_t least = INT64_MAX;
      for (std::uint32_t v = anchor; v != suspect; v = from[v]) least = std::min(least, left[from[v]][v]);
      for (std::uint32_t v = anchor; v != suspect; v = from[v]) left[from[v]][v] -= least, left[v][from[v]] += least;
      flow += static_cast<std::uint64_t>(least);
    }
    CHECK(a.cut.value == flow);
  }
}

TEST_CASE("pieces of work add up to the same cut and overrun the budget by little") {
  Random random{4};
  std::vector<Graph> graphs;
  for (unsigned round = 0; round < 40; ++round) {
    const std::uint32_t n = 2 + random.below(60);
    graphs.push_back(
        samples::random_graph(n, n * (1 + random.below(10)), 1 + random.below(30), random(), round % 4 != 0));
  }
  for (auto& [name, g] : samples::structured(100, 7, 3)) graphs.push_back(std::move(g));
  graphs.push_back(samples::star(2000, 5, 1));
  graphs.push_back(samples::clustered(1500, 3, 10, 40, 20, 1));
  std::int64_t overrun = 0;
  for (const Graph& g : graphs) {
    for (const CutRequest& request : all_requests(g.nodes, random)) {
      if (request.objective == Objective::balanced && request.minimum_side > 3) continue;
      if (request.objective == Objective::conductance && g.nodes > 10 && g.nodes <= 16) continue;
      const Answer whole = solve(g, request);
      for (const std::int64_t units : {std::int64_t{1}, std::int64_t{1} + random.below(300)}) {
        const Answer pieces = solve(g, request, units);
        CHECK(pieces.cut.found == whole.cut.found);
        CHECK(pieces.cut.exact == whole.cut.exact);
        CHECK(pieces.cut.value == whole.cut.value);
        CHECK(pieces.cut.denominator == whole.cut.denominator);
        CHECK(pieces.side == whole.side);
        CHECK(pieces.units == whole.units);
        overrun = std::max(overrun, pieces.overrun);
      }
    }
  }
  MESSAGE("largest overrun: ", overrun, " units");
  CHECK(overrun < budget_overrun_max);
}

TEST_CASE("balanced cuts with two nodes a side are proven up to 200 nodes, conductance above 16 nodes never") {
  Random random{6};
  unsigned proven = 0;
  for (unsigned round = 0; round < 200; ++round) {
    const std::uint32_t n = 17 + random.below(200);
    const Graph g = samples::random_graph(n, n * (4 + random.below(5)), 1000, random());
    const CutRequest request{.objective = Objective::balanced};
    const Answer a = solve(g, request);
    check_side(g, request, a);
    proven += a.cut.exact ? 1 : 0;
    CHECK(a.cut.value >= solve(g).cut.value);
  }
  MESSAGE("proven: ", proven, " of 200");
  CHECK(proven >= 195);
  const Graph g = samples::clustered(64, 2, 8, 5, 10, 1);
  const CutRequest request{.objective = Objective::conductance};
  const Answer a = solve(g, request);
  check_side(g, request, a);
  CHECK(!a.cut.exact);
}

TEST_CASE("requests that mean nothing are refused") {
  const Graph g = samples::path(5, 3, 1);
  std::vector<std::uint64_t> workspace(MinimumCut::workspace_bytes(5, 8) / 8);
  const auto bytes = std::as_writable_bytes(std::span(workspace));
  MinimumCut search;
  CHECK(search.start(g.view(), {}, bytes));
  CHECK(!search.start(g.view(), {}, bytes.first(bytes.size() - 8)));
  CHECK(!search.start(g.view(), {.objective = Objective::balanced, .minimum_side = 0}, bytes));
  CHECK(!search.start(g.view(), {.objective = Objective::isolate}, bytes));
  CHECK(!search.start(g.view(), {.objective = Objective::isolate, .suspect = 5}, bytes));
  CHECK(!search.start(g.view(), {.objective = Objective::isolate, .suspect = 2, .anchor = 2}, bytes));
  CHECK(!search.start(g.view(), {.objective = Objective::isolate, .suspect = 2, .anchor = 5}, bytes));
  CHECK(!search.start({.nodes = 6, .first = g.first, .arcs = g.arcs}, {}, bytes));
}
