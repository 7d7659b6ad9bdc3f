// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/graph.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

namespace rvm::coherence {

namespace {

using Wide = unsigned __int128;

struct Owned {
  explicit Owned(Capacity capacity) : memory(Graph::memory_bytes(capacity) / 8) {
    REQUIRE(graph.init(capacity, std::as_writable_bytes(std::span(memory))));
  }
  std::vector<std::uint64_t> memory;
  Graph graph;
};

/// The graph as plain maps. Weights are bytes with 32 binary places, and every one shrinks in every epoch.
struct Model {
  struct Edge {
    std::uint32_t from, to;
    Wide weight;
  };
  std::map<std::uint32_t, std::uint32_t> partition;
  std::map<std::uint32_t, Edge> edges;

  void epoch(unsigned rate) {
    for (auto& [index, edge] : edges) edge.weight = edge.weight * (10000 - rate) / 10000;
  }
  void remove_node(std::uint32_t node) {
    std::erase_if(edges, [&](const auto& e) { return e.second.from == node || e.second.to == node; });
    partition.erase(node);
  }
  std::pair<double, double> sums(std::uint32_t p) const {
    Wide internal = 0;
    Wide external = 0;
    for (const auto& [index, e] : edges) {
      const bool from = partition.at(e.from) == p;
      const bool to = partition.at(e.to) == p;
      if (from && to) internal += e.weight;
      if (from != to) external += e.weight;
    }
    return {static_cast<double>(internal) / 4294967296.0, static_cast<double>(external) / 4294967296.0};
  }
};

std::vector<std::uint32_t> members(const Graph& graph, std::uint32_t partition) {
  std::vector<std::uint32_t> found;
  for (NodeIndex n = graph.first_member(PartitionIndex{partition}); n.value != none; n = graph.next_member(n)) {
    found.push_back(n.value);
  }
  return found;
}

void check_near(std::uint64_t ours, double exact, const char* what) {
  CAPTURE(what);
  CAPTURE(ours);
  CAPTURE(exact);
  CHECK(static_cast<double>(ours) <= exact * 1.0001 + 4);
  CHECK(static_cast<double>(ours) >= exact * 0.9999 - 4);
}

void compare(const Graph& graph, const Model& model) {
  const Capacity c = graph.capacity();
  for (std::uint32_t n = 0; n < c.nodes; ++n) {
    REQUIRE(graph.exists(NodeIndex{n}) == model.partition.contains(n));
    if (!graph.exists(NodeIndex{n})) continue;
    REQUIRE(graph.partition_of(NodeIndex{n}).value == model.partition.at(n));
    std::set<std::uint32_t> out;
    std::set<std::uint32_t> in;
    for (EdgeIndex e = graph.first_out(NodeIndex{n}); e.value != none; e = graph.next_out(e)) out.insert(e.value);
    for (EdgeIndex e = graph.first_in(NodeIndex{n}); e.value != none; e = graph.next_in(e)) in.insert(e.value);
    for (const auto& [index, edge] : model.edges) {
      REQUIRE(out.contains(index) == (edge.from == n));
      REQUIRE(in.contains(index) == (edge.to == n));
    }
  }
  std::map<std::uint32_t, Graph::Sums> from_edges;
  for (const auto& [index, edge] : model.edges) {
    REQUIRE(graph.exists(EdgeIndex{index}));
    const std::uint64_t weight = graph.weight(EdgeIndex{index});
    check_near(graph.decay().bytes(weight), static_cast<double>(edge.weight) / 4294967296.0, "edge");
    const std::uint32_t a = model.partition.at(edge.from);
    const std::uint32_t b = model.partition.at(edge.to);
    if (a == b) {
      from_edges[a].internal += weight;
    } else {
      from_edges[a].external += weight;
      from_edges[b].external += weight;
    }
  }
  for (std::uint32_t p = 0; p < c.partitions; ++p) {
    std::vector<std::uint32_t> expected;
    for (const auto& [node, partition] : model.partition) {
      if (partition == p) expected.push_back(node);
    }
    REQUIRE(members(graph, p) == expected);
    REQUIRE(graph.members(PartitionIndex{p}) == expected.size());
    const Graph::Sums sums = graph.sums(PartitionIndex{p});
    const auto [internal, external] = model.sums(p);
    check_near(graph.decay().bytes(sums.internal), internal, "internal");
    check_near(graph.decay().bytes(sums.external), external, "external");
    // Never below what the edges say, and above by less than a unit for each edge that was there.
    CHECK(sums.internal >= from_edges[p].internal);
    CHECK(sums.external >= from_edges[p].external);
    CHECK(sums.internal - from_edges[p].internal <= c.edges);
    CHECK(sums.external - from_edges[p].external <= c.edges);
  }
}

}  // namespace

TEST_CASE("graph: memory and capacity are checked") {
  Graph graph;
  std::vector<std::uint64_t> memory(4096);
  const auto bytes = std::as_writable_bytes(std::span(memory));
  CHECK(graph.init({0, 1, 1}, bytes).error() == Error::bad_argument);
  CHECK(graph.init({1, 1, 4097}, bytes).error() == Error::bad_argument);
  CHECK(graph.init({4096, 4096, 64}, bytes).error() == Error::no_memory);
  CHECK(graph.init({4, 4, 4}, bytes.subspan(4)).error() == Error::unaligned);
  CHECK(graph.init({4, 4, 4}, bytes.first(Graph::memory_bytes({4, 4, 4}))).has_value());
  CHECK(graph.init({4, 4, 4}, bytes.first(Graph::memory_bytes({4, 4, 4}) - 8)).error() == Error::no_memory);
}

TEST_CASE("graph: a refused change says why and changes nothing") {
  Owned owned({80, 4, 3});
  Graph& g = owned.graph;
  CHECK(g.add_node(NodeIndex{80}, PartitionIndex{0}).error() == Error::bad_argument);
  CHECK(g.add_node(NodeIndex{0}, PartitionIndex{3}).error() == Error::bad_argument);
  for (std::uint32_t n = 0; n < 64; ++n) REQUIRE(g.add_node(NodeIndex{n}, PartitionIndex{0}));
  CHECK(g.add_node(NodeIndex{64}, PartitionIndex{0}).error() == Error::resource_limit);
  CHECK(g.add_node(NodeIndex{3}, PartitionIndex{1}).error() == Error::bad_state);
  REQUIRE(g.add_node(NodeIndex{64}, PartitionIndex{1}));
  CHECK(g.move_node(NodeIndex{64}, PartitionIndex{0}).error() == Error::resource_limit);
  CHECK(g.move_node(NodeIndex{65}, PartitionIndex{0}).error() == Error::bad_state);
  CHECK(g.move_node(NodeIndex{64}, PartitionIndex{9}).error() == Error::bad_argument);
  CHECK(g.add_edge(EdgeIndex{4}, NodeIndex{0}, NodeIndex{1}).error() == Error::bad_argument);
  CHECK(g.add_edge(EdgeIndex{0}, NodeIndex{0}, NodeIndex{79}).error() == Error::bad_state);
  REQUIRE(g.add_edge(EdgeIndex{0}, NodeIndex{0}, NodeIndex{64}));
  CHECK(g.add_edge(EdgeIndex{0}, NodeIndex{0}, NodeIndex{1}).error() == Error::bad_state);
  CHECK(g.deliver(EdgeIndex{1}, 5).error() == Error::bad_state);
  CHECK(g.deliver(EdgeIndex{9}, 5).error() == Error::bad_argument);
  CHECK(g.remove_edge(EdgeIndex{1}).error() == Error::bad_state);
  CHECK(g.remove_node(NodeIndex{79}).error() == Error::bad_state);
  CHECK(g.fix(PartitionIndex{3}, true).error() == Error::bad_argument);
  CHECK(g.pin(NodeIndex{79}, true).error() == Error::bad_state);
  CHECK(g.members(PartitionIndex{0}) == 64);
  CHECK(g.members(PartitionIndex{1}) == 1);
}

TEST_CASE("graph: what an agent sends to itself weighs nothing") {
  Owned owned({2, 2, 2});
  Graph& g = owned.graph;
  REQUIRE(g.add_node(NodeIndex{0}, PartitionIndex{0}));
  REQUIRE(g.add_edge(EdgeIndex{0}, NodeIndex{0}, NodeIndex{0}));
  REQUIRE(g.deliver(EdgeIndex{0}, 1000));
  CHECK(g.sums(PartitionIndex{0}).total() == 0);
  REQUIRE(g.move_node(NodeIndex{0}, PartitionIndex{1}));
  REQUIRE(g.remove_node(NodeIndex{0}));
  CHECK(!g.exists(EdgeIndex{0}));
}

TEST_CASE("graph: five per cent per epoch, whether epochs pass one by one or all at once") {
  for (const bool at_once : {false, true}) {
    Owned owned({2, 1, 2});
    Graph& g = owned.graph;
    g.decay().rate(BasisPoints{500});
    REQUIRE(g.add_node(NodeIndex{0}, PartitionIndex{0}));
    REQUIRE(g.add_node(NodeIndex{1}, PartitionIndex{1}));
    REQUIRE(g.add_edge(EdgeIndex{0}, NodeIndex{0}, NodeIndex{1}));
    REQUIRE(g.deliver(EdgeIndex{0}, 1'000'000));
    CHECK(g.decay().bytes(g.weight(EdgeIndex{0})) == 1'000'000);
    if (at_once) {
      g.decay().advance(20);
    } else {
      for (int i = 0; i < 20; ++i) g.decay().advance(1);
    }
    CHECK(g.decay().bytes(g.weight(EdgeIndex{0})) == 358'486);  // 0.95^20 = 0.3584859
    CHECK(g.decay().bytes(g.sums(PartitionIndex{1}).external) == 358'486);
    g.decay().rate(BasisPoints{5000});  // the rate may change while weights exist
    g.decay().advance(1);
    CHECK(g.decay().bytes(g.weight(EdgeIndex{0})) == 179'243);
    g.decay().advance(30);
    CHECK(g.decay().bytes(g.weight(EdgeIndex{0})) == 0);
    g.decay().advance(1'000'000'000'000);
    REQUIRE(g.deliver(EdgeIndex{0}, 77));
    CHECK(g.decay().bytes(g.weight(EdgeIndex{0})) == 77);
  }
}

TEST_CASE("graph: weights saturate, and sums of saturated weights fit") {
  Owned owned({3, 64, 2});
  Graph& g = owned.graph;
  for (std::uint32_t n = 0; n < 3; ++n) REQUIRE(g.add_node(NodeIndex{n}, PartitionIndex{n / 2}));
  for (std::uint32_t e = 0; e < 64; ++e) REQUIRE(g.add_edge(EdgeIndex{e}, NodeIndex{0}, NodeIndex{1 + e % 2}));
  for (int i = 0; i < 1000; ++i) {
    for (std::uint32_t e = 0; e < 64; ++e) REQUIRE(g.deliver(EdgeIndex{e}, UINT32_MAX));
    CHECK(g.weight(EdgeIndex{7}) <= Graph::weight_maximum);
  }
  CHECK(g.sums(PartitionIndex{0}).internal == 32 * Graph::weight_maximum);
  CHECK(g.sums(PartitionIndex{0}).external == 32 * Graph::weight_maximum);
  for (std::uint32_t e = 0; e < 64; ++e) REQUIRE(g.remove_edge(EdgeIndex{e}));
  CHECK(g.sums(PartitionIndex{0}).total() == 0);
  static_assert(Graph::weight_maximum <= UINT64_MAX / capacity_maximum.edges);
}

TEST_CASE("graph: partitions that changed wait in order, each once") {
  Owned owned({4, 4, 4});
  Graph& g = owned.graph;
  for (const std::uint32_t n : {2u, 0u, 3u}) REQUIRE(g.add_node(NodeIndex{n}, PartitionIndex{n}));
  REQUIRE(g.add_edge(EdgeIndex{0}, NodeIndex{3}, NodeIndex{0}));
  CHECK(g.marked() == 3);
  CHECK(g.take_marked().value == 2);
  REQUIRE(g.deliver(EdgeIndex{0}, 1));
  CHECK(g.take_marked().value == 0);
  CHECK(g.take_marked().value == 3);
  CHECK(g.take_marked().value == none);
  REQUIRE(g.deliver(EdgeIndex{0}, 1));
  CHECK(g.take_marked().value == 3);
  CHECK(g.take_marked().value == 0);
  CHECK(g.marked() == 0);
}

TEST_CASE("graph: random changes agree with a model that recomputes everything with 128 bits") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    std::mt19937_64 random(seed);
    const Capacity capacity{40, 120, 6};
    Owned owned(capacity);
    Graph& g = owned.graph;
    Model model;
    unsigned rate = 500;
    g.decay().rate(BasisPoints{500});
    const auto below = [&](std::uint64_t n) { return static_cast<std::uint32_t>(random() % n); };
    for (int step = 0; step < 6000; ++step) {
      const std::uint32_t node = below(capacity.nodes);
      const std::uint32_t other = below(capacity.nodes);
      const std::uint32_t edge = below(capacity.edges);
      const std::uint32_t partition = below(capacity.partitions);
      switch (below(12)) {
        case 0:
          if (g.add_node(NodeIndex{node}, PartitionIndex{partition})) model.partition[node] = partition;
          break;
        case 1:
          if (below(4) == 0 && g.remove_node(NodeIndex{node})) model.remove_node(node);
          break;
        case 2:
          if (g.move_node(NodeIndex{node}, PartitionIndex{partition})) model.partition[node] = partition;
          break;
        case 3:
        case 4:
          if (g.add_edge(EdgeIndex{edge}, NodeIndex{node}, NodeIndex{other})) model.edges[edge] = {node, other, 0};
          break;
        case 5:
          if (below(3) == 0 && g.remove_edge(EdgeIndex{edge})) model.edges.erase(edge);
          break;
        case 6:
          g.decay().advance(1);
          model.epoch(rate);
          if (below(200) == 0) {
            rate = below(5001);
            g.decay().rate(BasisPoints{static_cast<std::uint16_t>(rate)});
          }
          break;
        default: {
          const auto bytes = static_cast<std::uint32_t>(random() >> (42 + random() % 20));
          if (g.deliver(EdgeIndex{edge}, bytes)) {
            const auto found = model.edges.find(edge);
            REQUIRE(found != model.edges.end());
            if (found->second.from != found->second.to) found->second.weight += Wide{bytes} << 32;
          }
          break;
        }
      }
      if (step % 50 == 0) compare(g, model);
    }
    compare(g, model);
  }
}

}  // namespace rvm::coherence
