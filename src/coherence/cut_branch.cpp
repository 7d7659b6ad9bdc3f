// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The least allowed cut of a graph that neither scans nor arcs contract further, by branch and bound: the nodes are put on a
// side one after the other, in the order of the last scan, in which each is well connected to those before. What is cut so
// far, and for each node without a side the lesser of its weights to the two sides, is in every cut that begins like this;
// where that is not less than the best cut, the search goes no further. Few beginnings remain: those that are close to a least
// cut of the nodes so far. Up to 16 nodes there are less than 2^16 of them in any case; where a larger graph has more, the
// search ends there, and what it has is not exact.
//
// Putting a node on a side costs a look at each of its arcs, and so does taking it back.
#include <algorithm>

#include "cut_state.hpp"

namespace rvm::coherence {
namespace {

constexpr std::uint32_t beginnings_max = 1U << 16;
constexpr std::uint32_t no_side = 2;

// What the arrays are while this runs. The weight of a node to side 0 is `attached`, to side 1 `attached_one`.
std::uint32_t* side_of(CutState& s) { return s.label; }
std::uint32_t* both_tried(CutState& s) { return s.position; }        // by depth
std::uint32_t* best_side(CutState& s) { return s.begin[s.target]; }  // of the buffer that no contraction fills any more

std::uint64_t lesser(const CutState& s, std::uint32_t v) { return std::min(s.attached[v], s.attached_one[v]); }

/// Gives the node at depth `head` a side, or takes it back, with what that changes for its neighbours. `inside` is what is cut
/// between nodes with a side, `sum` the lesser weights of the others. False: the budget was spent within.
bool put(CutState& s, Budget& budget, std::uint32_t side, bool back) {
  const std::uint32_t node = s.order[s.head];
  if (s.at_arc == no_node) {
    const std::uint64_t crossing = side == 0 ? s.attached_one[node] : s.attached[node];
    if (back) {
      s.inside -= crossing;
      side_of(s)[node] = no_side;
      s.sum += lesser(s, node);
      s.prefix_size -= side * s.size_of(node);
    } else {
      s.inside += crossing;
      side_of(s)[node] = side;
      s.sum -= lesser(s, node);
      s.prefix_size += side * s.size_of(node);
    }
    s.at_arc = s.now.begin[node];
  }
  std::uint64_t* const toward = side == 0 ? s.attached : s.attached_one;
  while (s.at_arc < s.now.end[node]) {
    const std::uint32_t until = std::min(s.at_arc + piece, s.now.end[node]);
    budget.take(until - s.at_arc);
    for (; s.at_arc < until; ++s.at_arc) {
      const std::uint32_t v = s.now.arcs[s.at_arc].to;
      const std::uint64_t weight = s.now.arcs[s.at_arc].weight;
      const std::uint64_t before = lesser(s, v);
      toward[v] += back ? 0 - weight : weight;
      if (side_of(s)[v] == no_side) s.sum += lesser(s, v) - before;
    }
    if (budget.spent() && s.at_arc < s.now.end[node]) return false;
  }
  s.at_arc = no_node;
  return true;
}

enum Step : std::uint32_t { clear, first, deeper, put_first, keep, take_back, put_second };

}  // namespace

void begin_branch(CutState& s) {
  s.at_member = 0;
  s.at_block = clear;
  s.phase = Phase::branch;
}

/// `at_block` is the step at hand, `head` the depth, `at_node` the number of beginnings.
void branch(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  for (; !budget.spent(); budget.take(1)) {
    switch (s.at_block) {
      case clear:
        for (std::uint32_t i = 0; i < piece && s.at_member < n; ++i, ++s.at_member) {
          s.attached[s.at_member] = 0;
          s.attached_one[s.at_member] = 0;
          side_of(s)[s.at_member] = no_side;
        }
        budget.take(piece / 2);
        if (s.at_member < n) break;
        s.inside = s.sum = 0;
        s.prefix_size = 0;
        s.head = s.at_node = 0;
        s.at_arc = no_node;
        s.at_block = first;
        break;
      case first:  // stays on side 0
        if (!put(s, budget, 0, false)) return;
        s.head = 1;
        s.at_block = deeper;
        break;
      case deeper:
        if (s.at_node < beginnings_max && s.inside + s.sum < s.best) {
          if (s.head == n) {
            s.at_member = 0;
            s.at_block = s.allows(s.prefix_size, 0) ? keep : take_back;
            if (s.at_block == take_back) --s.head;
            break;
          }
          ++s.at_node;
          // First the side to which there is more weight.
          both_tried(s)[s.head] = 0;
          s.tail = s.attached_one[s.order[s.head]] > s.attached[s.order[s.head]] ? 1 : 0;
          s.at_block = put_first;
          break;
        }
        --s.head;
        s.at_block = take_back;
        break;
      case put_first:
      case put_second:
        if (!put(s, budget, s.tail, false)) return;
        ++s.head;
        s.at_block = deeper;
        break;
      case keep:
        for (std::uint32_t i = 0; i < piece && s.at_member < n; ++i, ++s.at_member) {
          best_side(s)[s.at_member] = side_of(s)[s.at_member];
        }
        budget.take(piece / 4);
        if (s.at_member < n) break;
        s.offer(s.inside, Pending::sides, 0);
        --s.head;
        s.at_block = take_back;
        break;
      default:
        if (s.head == 0) return finish(s, s.at_node < beginnings_max);
        if (s.at_arc == no_node) s.tail = side_of(s)[s.order[s.head]];
        if (!put(s, budget, s.tail, true)) return;
        if (both_tried(s)[s.head] != 0) {
          --s.head;
          break;
        }
        both_tried(s)[s.head] = 1;
        s.tail = 1 - s.tail;
        s.at_block = put_second;
        break;
    }
  }
}

}  // namespace rvm::coherence
