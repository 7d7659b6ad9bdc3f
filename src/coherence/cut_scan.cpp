// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One scan of the graph in maximum adjacency order (Nagamochi and Ibaraki, 1992; with the order bounded by the best cut, as
// Nagamochi, Ono and Ibaraki, 1994, and Henzinger, Noe, Schulz and Strash, 2018, do).
//
// Nodes are scanned in the order of their weight to those scanned before, where all weights of at least `threshold` count as
// the same. When node x is scanned, y is not, and the weight of y so far, the edge between them included, is at least the
// threshold, then every cut between x and y weighs at least as much: the two may be contracted.
//
// Such a y can be scanned next, whatever else there is, so it goes to the end of a queue. While that queue is not empty no
// maximum has to be searched, and all that comes out of it is connected, by the threshold, to what was scanned when it was last
// empty: a *run*. Runs need no union-find; they are the pieces of the order between two times when the queue was empty.
// Only then the largest weight is searched, in blocks of about sqrt(n) nodes that each know a bound of their largest.
//
// All prefixes of the order are cuts, and each is looked at: from the degrees its weight follows in two operations.
#include <algorithm>

#include "cut_state.hpp"

namespace rvm::coherence {
namespace {

enum class Kind : std::uint8_t { plain, constrained, sweep };

/// Brings `best_of_block` up to date after a run: by the run's arcs where these are fewer than the nodes, else anew. As much as
/// the budget allows; true: it is done.
bool refresh_blocks(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  const std::uint32_t shift = s.block_shift;
  if (s.run_arcs < n) {
    while (s.at_block < s.head) {
      if (budget.spent()) return false;
      const std::uint32_t x = s.order[s.at_block];
      if (s.at_arc == no_node) s.at_arc = s.now.begin[x];
      const std::uint32_t until = std::min(s.at_arc + piece, s.now.end[x]);
      budget.take((until - s.at_arc) / 2 + 1);
      for (; s.at_arc < until; ++s.at_arc) {
        const std::uint32_t y = s.now.arcs[s.at_arc].to;
        std::int64_t& bound = s.best_of_block[y >> shift];
        bound = std::max(bound, static_cast<std::int64_t>(s.attached[y]));  // less than 0 where taken
      }
      if (until < s.now.end[x]) continue;
      ++s.at_block;
      s.at_arc = no_node;
    }
    return true;
  }
  if (s.at_arc == no_node) {  // from the first block
    s.at_arc = 0;
    s.at_block = 0;
  }
  while (s.at_block << shift < n) {
    if (budget.spent()) return false;
    const std::uint32_t from = s.at_block << shift;
    const std::uint32_t until = std::min(n, from + (1U << shift));
    std::int64_t most = -1;
    for (std::uint32_t v = from; v < until; ++v) most = std::max(most, static_cast<std::int64_t>(s.attached[v]));
    budget.take((until - from) / 4 + 1);
    s.best_of_block[s.at_block++] = most;
  }
  return true;
}

/// The largest weight of the nodes of a block that are not taken; -1 if all are.
std::int64_t most_of(const std::uint64_t* attached, std::uint32_t from, std::uint32_t until) {
  std::int64_t most = -1;
  for (std::uint32_t v = from; v < until; ++v) most = std::max(most, static_cast<std::int64_t>(attached[v]));
  return most;
}

/// Takes the node of the largest weight that is not taken, the first of several, and begins a run with it. False: the budget
/// is spent.
bool take_heaviest(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  const std::uint32_t shift = s.block_shift;
  const std::uint32_t blocks = ((n - 1) >> shift) + 1;
  std::uint32_t block = 0;
  std::int64_t most = 0;
  if (blocks == 1) {
    most = most_of(s.attached, 0, n);
    budget.take(n / 4 + 1);
  } else {
    if (!s.refreshed) {
      if (!refresh_blocks(s, budget)) return false;
      s.refreshed = true;
    }
    while (true) {  // a block's bound is too high after a node of it was taken
      if (budget.spent()) return false;
      block = 0;
      for (std::uint32_t b = 1; b < blocks; ++b) {
        if (s.best_of_block[b] > s.best_of_block[block]) block = b;
      }
      most = most_of(s.attached, block << shift, std::min(n, (block + 1) << shift));
      budget.take((blocks + (1U << shift)) / 4 + 1);
      if (most == s.best_of_block[block]) break;
      s.best_of_block[block] = most;
    }
  }
  std::uint32_t node = block << shift;
  while (static_cast<std::int64_t>(s.attached[node]) != most) ++node;
  s.attached[node] |= taken;
  s.run_first[s.runs++] = s.tail;
  s.order[s.tail++] = node;
  s.refreshed = false;
  s.run_arcs = 0;
  s.at_block = s.head;
  return true;
}

/// Adds the weights of some arcs, and puts who has enough into the queue, which ends at `tail`.
std::uint32_t attach(const CutState& s, std::uint32_t from, std::uint32_t until, std::uint32_t tail) {
  const Arc* const arcs = s.now.arcs;
  std::uint64_t* const attached = s.attached;
  std::uint32_t* const order = s.order;
  const std::uint64_t threshold = s.threshold;
  for (std::uint32_t e = from; e < until; ++e) {
    const std::uint32_t y = arcs[e].to;
    const std::uint64_t before = attached[y];
    std::uint64_t weight = before + arcs[e].weight;
    const std::uint64_t enough = weight >= threshold ? 1 : 0;
    weight |= enough << 63;
    order[tail] = y;  // beyond the end it does no harm
    tail += static_cast<std::uint32_t>(enough & ~(before >> 63));
    attached[y] = weight;
  }
  return tail;
}

template <Kind kind>
void scan_nodes(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  std::uint64_t* const attached = s.attached;
  std::uint32_t* const order = s.order;
  while (s.head < n) {
    if (!s.open) {
      if (budget.spent()) return;
      if (s.head == s.tail && !take_heaviest(s, budget)) continue;
      const std::uint32_t x = order[s.head];
      if (s.head + 2 < s.tail) {  // a node's arcs are where no pattern leads
        const Arc* const soon = s.now.arcs + s.now.begin[order[s.head + 2]];
        __builtin_prefetch(soon);
        __builtin_prefetch(soon + 8);
      }
      s.label[x] = s.runs - 1;
      s.at_arc = s.now.begin[x];
      s.inside += s.degree[x] - 2 * (attached[x] & ~taken);
      if constexpr (kind == Kind::constrained) {
        if (s.counts_sizes()) s.prefix_size += s.size_of(x);
        s.prefix_ends += s.ends_in(x);
      }
      if constexpr (kind == Kind::sweep) s.volume += s.degree[x];
      s.open = true;
    }
    const std::uint32_t stop = s.now.end[order[s.head]];
    std::uint32_t e = s.at_arc;
    std::uint32_t tail = s.tail;
    while (true) {
      const std::uint32_t until = std::min(e + piece, stop);
      budget.take(until - e + 1);
      tail = attach(s, e, until, tail);
      e = until;
      if (e == stop) break;
      if (budget.spent()) {
        s.at_arc = e;
        s.tail = tail;
        return;
      }
    }
    s.tail = tail;
    s.open = false;
    s.run_arcs += stop - s.now.begin[order[s.head]];
    s.at_arc = no_node;
    ++s.head;
    if (s.head == n) break;
    if constexpr (kind == Kind::sweep) {
      const std::uint64_t smaller = std::min(s.volume, s.volume_all - s.volume);
      if (!s.found || less_ratio(s.inside, smaller, s.best, s.denominator)) {
        s.found = false;
        s.offer(s.inside, Pending::prefix, s.head);
        s.denominator = smaller;
      }
    } else if (!s.certifying && s.inside < s.best) {
      if (kind == Kind::plain || s.allows(s.prefix_size, s.prefix_ends)) {
        s.offer(s.inside, Pending::prefix, s.head);
        if (s.best == 0) return finish(s, true);
      }
    }
  }
  s.run_first[s.runs] = n;
  after_scan(s);
}

}  // namespace

void begin_scan(CutState& s) {
  const std::uint32_t n = s.now.nodes;
  std::uint8_t shift = 4;
  while ((n >> shift) > (1U << shift) || (n <= 64 && n >> shift > 0)) ++shift;
  s.block_shift = shift;
  const std::uint32_t blocks = ((n - 1) >> shift) + 1;
  for (std::uint32_t b = 0; b < blocks; ++b) s.best_of_block[b] = 0;
  if (!s.certifying) s.threshold = s.found && s.request.objective != Objective::conductance ? s.best : unbounded;
  s.head = 0;
  s.tail = 1;
  s.runs = 1;
  s.run_first[0] = 0;
  s.order[0] = s.heaviest;
  s.attached[s.heaviest] |= taken;
  s.at_block = 0;
  s.run_arcs = 0;
  s.refreshed = false;
  s.at_arc = no_node;
  s.inside = 0;
  s.volume = 0;
  s.prefix_size = 0;
  s.prefix_ends = 0;
  s.open = false;
  s.phase = Phase::scan;
}

void scan(CutState& s, Budget& budget) {
  if (s.request.objective == Objective::conductance) return scan_nodes<Kind::sweep>(s, budget);
  if (s.counts_sizes() || s.two_ends()) return scan_nodes<Kind::constrained>(s, budget);
  scan_nodes<Kind::plain>(s, budget);
}

}  // namespace rvm::coherence
