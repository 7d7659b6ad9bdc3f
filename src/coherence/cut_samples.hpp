// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Graphs to cut, for tests and measurements; the same ones everywhere.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "rvm/coherence/minimum_cut.hpp"

namespace rvm::coherence::samples {

/// SplitMix64.
struct Random {
  std::uint64_t state;
  std::uint64_t operator()() {
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  std::uint32_t below(std::uint64_t limit) { return static_cast<std::uint32_t>((*this)() % limit); }
};

struct Edge {
  std::uint32_t a, b, weight;
};

/// A graph that owns its lists.
struct Graph {
  std::uint32_t nodes = 0;
  std::vector<Edge> edges;
  std::vector<std::uint32_t> first;
  std::vector<Arc> arcs;

  Graph() = default;
  Graph(std::uint32_t n, std::vector<Edge> list) : nodes(n), edges(std::move(list)), first(n + 1, 0) {
    for (const Edge& e : edges) ++first[e.a + 1], ++first[e.b + 1];
    for (std::uint32_t v = 0; v < n; ++v) first[v + 1] += first[v];
    arcs.resize(2 * edges.size());
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    for (const Edge& e : edges) {
      arcs[next[e.a]++] = {.to = e.b, .weight = e.weight};
      arcs[next[e.b]++] = {.to = e.a, .weight = e.weight};
    }
  }
  [[nodiscard]] CutGraph view() const { return {.nodes = nodes, .first = first, .arcs = arcs}; }
};

/// A node has neighbours chosen at random; `edges` of them in all, after a random tree where `connected`.
inline Graph random_graph(std::uint32_t n, std::size_t edges, std::uint64_t weights, std::uint64_t seed,
                          bool connected = true) {
  Random random{seed};
  std::vector<Edge> list;
  const auto weight = [&] { return 1 + random.below(weights); };
  if (connected) {
    for (std::uint32_t v = 1; v < n; ++v) list.push_back({random.below(v), v, weight()});
  }
  while (n > 1 && list.size() < edges) {
    const std::uint32_t a = random.below(n);
    const std::uint32_t b = random.below(n);
    if (a != b) list.push_back({a, b, weight()});
  }
  return {n, std::move(list)};
}

/// `groups` groups of random graphs with `degree` arcs a node, and `between` random edges among the groups. Nodes of a group
/// are spread over the numbers.
inline Graph clustered(std::uint32_t n, std::uint32_t groups, std::uint32_t degree, std::size_t between,
                       std::uint64_t weights, std::uint64_t seed) {
  Random random{seed};
  std::vector<Edge> list;
  const auto weight = [&] { return 1 + random.below(weights); };
  std::vector<std::vector<std::uint32_t>> members(groups);
  for (std::uint32_t v = 0; v < n; ++v) members[v % groups].push_back(v);
  for (const auto& group : members) {
    const auto size = static_cast<std::uint32_t>(group.size());
    for (std::uint32_t i = 1; i < size; ++i) list.push_back({group[random.below(i)], group[i], weight()});
    for (std::uint32_t i = 0; size > 1 && i < size * (degree / 2 - 1); ++i) {
      const std::uint32_t a = random.below(size);
      const std::uint32_t b = random.below(size);
      if (a != b) list.push_back({group[a], group[b], weight()});
    }
  }
  for (std::uint32_t g = 1; g < groups; ++g) {
    list.push_back({members[g - 1][0], members[g][0], static_cast<std::uint32_t>(1 + weights / 4)});
  }
  for (std::size_t i = 0; groups > 1 && i < between; ++i) {
    const std::uint32_t a = random.below(n);
    const std::uint32_t b = random.below(n);
    if (a % groups != b % groups) list.push_back({a, b, static_cast<std::uint32_t>(1 + random.below(weights / 4 + 1))});
  }
  return {n, std::move(list)};
}

inline Graph path(std::uint32_t n, std::uint64_t weights, std::uint64_t seed) {
  Random random{seed};
  std::vector<Edge> list;
  for (std::uint32_t v = 1; v < n; ++v) list.push_back({v - 1, v, 1 + random.below(weights)});
  return {n, std::move(list)};
}

inline Graph cycle(std::uint32_t n, std::uint64_t weights, std::uint64_t seed) {
  Graph g = path(n, weights, seed);
  std::vector<Edge> list = g.edges;
  list.push_back({n - 1, 0, 1 + Random{seed + 1}.below(weights)});
  return {n, std::move(list)};
}

inline Graph star(std::uint32_t n, std::uint64_t weights, std::uint64_t seed) {
  Random random{seed};
  std::vector<Edge> list;
  for (std::uint32_t v = 1; v < n; ++v) list.push_back({0, v, 1 + random.below(weights)});
  return {n, std::move(list)};
}

inline Graph clique(std::uint32_t n, std::uint64_t weights, std::uint64_t seed) {
  Random random{seed};
  std::vector<Edge> list;
  for (std::uint32_t a = 0; a < n; ++a) {
    for (std::uint32_t b = a + 1; b < n; ++b) list.push_back({a, b, 1 + random.below(weights)});
  }
  return {n, std::move(list)};
}

/// `torus`: the ends of rows and columns are joined.
inline Graph grid(std::uint32_t rows, std::uint32_t columns, std::uint64_t weights, std::uint64_t seed,
                  bool torus = false) {
  Random random{seed};
  std::vector<Edge> list;
  for (std::uint32_t r = 0; r < rows; ++r) {
    for (std::uint32_t c = 0; c < columns; ++c) {
      const std::uint32_t v = r * columns + c;
      if (c + 1 < columns || (torus && columns > 2))
        list.push_back({v, r * columns + (c + 1) % columns, 1 + random.below(weights)});
      if (r + 1 < rows || (torus && rows > 2))
        list.push_back({v, (r + 1) % rows * columns + c, 1 + random.below(weights)});
    }
  }
  return {rows * columns, std::move(list)};
}

/// Two cliques of n / 2 nodes and `bridges` edges between them.
inline Graph two_cliques(std::uint32_t n, std::uint32_t bridges, std::uint64_t weights, std::uint64_t seed) {
  Random random{seed};
  std::vector<Edge> list;
  const std::uint32_t half = n / 2;
  for (std::uint32_t a = 0; a < n; ++a) {
    for (std::uint32_t b = a + 1; b < n; ++b) {
      if ((a < half) == (b < half)) list.push_back({a, b, 1 + random.below(weights)});
    }
  }
  for (std::uint32_t i = 0; i < bridges; ++i) list.push_back({i % half, half + i % half, 1 + random.below(weights)});
  return {n, std::move(list)};
}

/// Every node is the hub of those twice its number and on, with an edge or two across: what agents that supervise others are.
inline Graph tree_with_chords(std::uint32_t n, std::uint32_t chords, std::uint64_t weights, std::uint64_t seed) {
  Random random{seed};
  std::vector<Edge> list;
  for (std::uint32_t v = 1; v < n; ++v) list.push_back({v / 4, v, 1 + random.below(weights)});
  for (std::uint32_t i = 0; i < chords; ++i) {
    const std::uint32_t a = random.below(n);
    const std::uint32_t b = random.below(n);
    if (a != b) list.push_back({a, b, 1 + random.below(weights)});
  }
  return {n, std::move(list)};
}

/// The structured graphs of about n nodes.
inline std::vector<std::pair<std::string, Graph>> structured(std::uint32_t n, std::uint64_t weights,
                                                             std::uint64_t seed) {
  std::vector<std::pair<std::string, Graph>> all;
  std::uint32_t rows = 1;
  while ((rows + 1) * (rows + 1) <= n) ++rows;
  all.emplace_back("path", path(n, weights, seed));
  all.emplace_back("cycle", cycle(n, weights, seed));
  all.emplace_back("star", star(n, weights, seed));
  all.emplace_back("grid", grid(rows, n / rows, weights, seed));
  all.emplace_back("tree", tree_with_chords(n, n, weights, seed));
  all.emplace_back("clusters", clustered(n, std::max(2U, n / 32), 10, n / 4, weights, seed));
  all.emplace_back("halves", clustered(n, 2, 12, n / 16, weights, seed));
  if (n <= 512) {
    all.emplace_back("torus", grid(rows, n / rows, weights, seed, true));
    all.emplace_back("clique", clique(n, weights, seed));
    all.emplace_back("cliques", two_cliques(n, n / 8 + 1, weights, seed));
  }
  return all;
}

}  // namespace rvm::coherence::samples
