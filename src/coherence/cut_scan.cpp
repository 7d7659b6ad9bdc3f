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

/// Takes the node of the largest weight that is not taken, the first of several, and begins a run with it. False: the bound of
/// a block was too high and is now exact.
bool take_heaviest(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  const std::uint32_t shift = s.block_shift;
  const std::uint32_t blocks = ((n - 1) >> shift) + 1;
  std::uint32_t block = 0;
  for (std::uint32_t b = 1; b < blocks; ++b) {
    if (s.best_of_block[b] > s.best_of_block[block]) block = b;
  }
  std::int64_t most = -1;
  std::int64_t second = -1;
  std::uint32_t node = 0;
  const std::uint32_t from = block << shift;
  const std::uint32_t until = std::min(n, (block + 1) << shift);
  for (std::uint32_t v = from; v < until; ++v) {
    const auto weight = static_cast<std::int64_t>(s.attached[v]);
    if (weight > most) {
      second = most;
      most = weight;
      node = v;
    } else if (weight > second) {
      second = weight;
    }
  }
  budget.take((blocks + (until - from)) / 4 + 1);
  if (most < s.best_of_block[block]) {
    s.best_of_block[block] = most;
    return false;
  }
  s.best_of_block[block] = second;
  s.attached[node] |= taken;
  s.run_first[s.runs++] = s.tail;
  s.order[s.tail++] = node;
  return true;
}

template <Kind kind>
void scan_nodes(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  const std::uint64_t threshold = s.threshold;
  const Arc* const arcs = s.now.arcs;
  std::uint64_t* const attached = s.attached;
  std::uint32_t* const order = s.order;
  std::int64_t* const best_of_block = s.best_of_block;
  const std::uint32_t shift = s.block_shift;
  while (s.head < n) {
    if (!s.open) {
      if (budget.spent()) return;
      if (s.head == s.tail && !take_heaviest(s, budget)) continue;
      const std::uint32_t x = order[s.head];
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
      for (; e < until; ++e) {
        const std::uint32_t y = arcs[e].to;
        const std::uint64_t before = attached[y];
        std::uint64_t weight = before + arcs[e].weight;
        const std::uint64_t enough = weight >= threshold ? 1 : 0;
        weight |= enough << 63;
        order[tail] = y;  // beyond the end it does no harm
        tail += static_cast<std::uint32_t>(enough & ~(before >> 63));
        attached[y] = weight;
        std::int64_t& bound = best_of_block[y >> shift];
        bound = std::max(bound, static_cast<std::int64_t>(weight));  // less than 0 where taken
      }
      if (e == stop) break;
      if (budget.spent()) {
        s.at_arc = e;
        s.tail = tail;
        return;
      }
    }
    s.tail = tail;
    s.open = false;
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
  while ((n >> shift) > (1U << shift)) ++shift;
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
