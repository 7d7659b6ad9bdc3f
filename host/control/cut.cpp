// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/cut.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "host/common/units.hpp"
#include "host/control/describe.hpp"
#include "host/control/graph.hpp"
#include "rvm/coherence/minimum_cut.hpp"
#include "rvm/control/members.hpp"

namespace rvm::host {

namespace {

using coherence::Arc;
using coherence::Objective;

/// What each two members say to each other, both directions together.
class Matrix {
 public:
  Matrix(const Snapshot& s, const std::vector<std::uint32_t>& members)
      : nodes_(static_cast<std::uint32_t>(members.size())), weights_(std::size_t{nodes_} * nodes_) {
    const auto rank = [&](std::uint32_t agent) {
      return static_cast<std::size_t>(std::ranges::find(members, agent) - members.begin());
    };
    for (const rvm_edge_status& e : s.edges) {
      const std::size_t a = rank(e.sender);
      const std::size_t b = rank(e.receiver);
      if (a == b || a >= nodes_ || b >= nodes_) {
        continue;
      }
      weights_[a * nodes_ + b] += heaviness(s, e);
      weights_[b * nodes_ + a] += heaviness(s, e);
    }
  }
  [[nodiscard]] std::uint32_t nodes() const { return nodes_; }
  [[nodiscard]] std::uint64_t between(std::size_t a, std::size_t b) const { return weights_[a * nodes_ + b]; }
  [[nodiscard]] std::uint64_t heaviest() const { return std::ranges::max(weights_); }
  [[nodiscard]] std::uint64_t across(std::uint64_t side) const {
    std::uint64_t sum = 0;
    for (std::size_t a = 0; a < nodes_; ++a) {
      for (std::size_t b = a + 1; b < nodes_; ++b) {
        sum += ((side >> a ^ side >> b) & 1) != 0 ? between(a, b) : 0;
      }
    }
    return sum;
  }

 private:
  std::uint32_t nodes_;
  std::vector<std::uint64_t> weights_;
};

struct Side {
  std::uint64_t nodes = 0;
  bool exact = false;
};

/// The cut as the engine's library finds it. Weights of more than 32 bits lose their lowest bits, all of them the same number.
Side cut(const Matrix& m, const coherence::CutRequest& request) {
  const auto bits = static_cast<unsigned>(std::bit_width(m.heaviest()));
  const unsigned shift = bits > 32 ? bits - 32 : 0;
  std::vector<std::uint32_t> first{0};
  std::vector<Arc> arcs;
  for (std::uint32_t a = 0; a < m.nodes(); ++a) {
    for (std::uint32_t b = 0; b < m.nodes(); ++b) {
      const auto weight = static_cast<std::uint32_t>(m.between(a, b) >> shift);
      if (weight != 0) {
        arcs.push_back({.to = b, .weight = weight});
      }
    }
    first.push_back(static_cast<std::uint32_t>(arcs.size()));
  }
  std::vector<std::uint64_t> workspace(coherence::MinimumCut::workspace_bytes(m.nodes(), arcs.size()) / 8 + 1);
  coherence::MinimumCut search;
  coherence::Budget budget{.left = std::numeric_limits<std::int64_t>::max()};
  if (!search.start({m.nodes(), first, arcs}, request, std::as_writable_bytes(std::span(workspace)))) {
    return {};
  }
  while (search.step(budget) != coherence::Progress::done) {
  }
  const coherence::Cut found = search.result();
  return found.found ? Side{found.side[0], found.exact && shift == 0} : Side{};
}

/// Who has most to do with the others surely stays.
std::uint32_t anchor_beside(const Matrix& m, std::uint32_t suspect) {
  std::uint32_t best = coherence::no_node;
  std::uint64_t most = 0;
  for (std::uint32_t a = 0; a < m.nodes(); ++a) {
    std::uint64_t others = 0;
    for (std::uint32_t b = 0; b < m.nodes(); ++b) {
      others += a == b || b == suspect ? 0 : m.between(a, b);
    }
    if (a != suspect && (best == coherence::no_node || others > most)) {
      best = a;
      most = others;
    }
  }
  return best;
}

/// Of those on the suspect's side only the ones that it is connected with, however indirectly: nobody leaves for nothing.
std::uint64_t connected_with(const Matrix& m, std::uint32_t suspect, std::uint64_t side) {
  std::uint64_t reached = std::uint64_t{1} << suspect;
  for (std::uint64_t before = 0; before != reached;) {
    before = reached;
    for (std::uint32_t a = 0; a < m.nodes(); ++a) {
      for (std::uint32_t b = 0; b < m.nodes() && (before >> a & 1) != 0; ++b) {
        if (m.between(a, b) != 0) {
          reached |= std::uint64_t{1} << b & side;
        }
      }
    }
  }
  return reached;
}

}  // namespace

Outcome<Split> choose_split(const Snapshot& s, const rvm_partition_status& partition, const rvm_agent_status* isolate) {
  Split out;
  for (const rvm_agent_status& a : s.agents) {
    if (a.partition == partition.id && a.state != RVM_AGENT_STATE_TERMINATED) {
      out.members.push_back(a.id);
    }
  }
  if (out.members.size() < 2 || out.members.size() > control::members_limit) {
    return failure(ExitCode::usage,
                   fmt::format("'{}' cannot be split: it has {}", partition.name,
                               format_count(out.members.size(), "agent", "agents")),
                   "a partition with two agents or more can: rvm ps --partitions");
  }
  const Matrix matrix(s, out.members);
  Side side;
  if (isolate != nullptr) {
    const auto found = std::ranges::find(out.members, isolate->id);
    if (found == out.members.end()) {
      const rvm_partition_status* const home = partition_of(s, isolate->partition);
      return failure(
          ExitCode::usage,
          fmt::format("'{}' is in '{}', not in '{}'", isolate->name, home == nullptr ? "?" : home->name,
                      partition.name),
          fmt::format("split the partition that it is in: rvm split {} --isolate {}", isolate->partition, isolate->id));
    }
    const auto suspect = static_cast<std::uint32_t>(found - out.members.begin());
    side = cut(matrix, {.objective = Objective::isolate, .suspect = suspect, .anchor = anchor_beside(matrix, suspect)});
    out.leaving = connected_with(matrix, suspect, side.nodes);
  } else {
    side = cut(matrix, {.objective = Objective::balanced, .minimum_side = out.members.size() < 4 ? 1u : 2u});
    const std::uint64_t other = ~side.nodes & (~std::uint64_t{0} >> (64 - out.members.size()));
    // Node 0 is on side 0, so of equals the first member stays.
    out.leaving = std::popcount(side.nodes) <= std::popcount(other) ? side.nodes : other;
  }
  out.exact = side.exact;
  out.weight = matrix.across(out.leaving);
  return out;
}

}  // namespace rvm::host
