// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the search for a minimum cut knows between two steps. It lies at the front of the workspace; the arrays follow it.
//
// The search keeps the best cut so far and a graph in which nodes have been contracted that no better cut can separate:
//
//   measure -> [pairs -> reduce] -> scan -> rebuild -> scan ... until one node is left
//
// "Better" is always "less than `best`", so contracting a pair is sound when every cut between the two weighs at least that.
#pragma once

#include <cstdint>

#include "rvm/coherence/minimum_cut.hpp"

namespace rvm::coherence {

/// A graph whose adjacency lists may lie anywhere: node v's arcs are those from begin[v] up to end[v].
struct CutView {
  std::uint32_t nodes;
  const std::uint32_t* begin;
  const std::uint32_t* end;
  const Arc* arcs;
};

/// Where the best cut so far is described, until it is written to `side`.
enum class Pending : std::uint8_t {
  none,      ///< it is written, or there is none
  original,  ///< node `pending_a` of the input alone
  nodes,     ///< the nodes `pending_a` and `pending_b` of the contracted graph
  prefix,    ///< the first `pending_a` nodes of `order`
  sides,     ///< branch: the nodes of the contracted graph that `begin[target]` says
  mask,      ///< the nodes of the contracted graph in the bits of `pending_a`
  reached,   ///< the nodes of the contracted graph whose `label` is not no_node
};

enum class Phase : std::uint8_t {
  measure,
  pairs,
  reduce,
  classes,
  class_members,
  scan,
  write_order,
  write_side,
  runs,
  contract,
  contract_largest,
  relabel,
  survey,
  sweep_clear,
  matrix_clear,
  matrix_fill,
  enumerate,
  dense,
  branch,
  flow_clear,
  flow_count,
  flow_offsets,
  flow_place,
  flow_fill,
  flow_levels,
  flow_augment,
  done,
};

/// Marks in `attached` a node that is in the order already.
inline constexpr std::uint64_t taken = std::uint64_t{1} << 63;
inline constexpr std::uint64_t unbounded = std::uint64_t{1} << 62;
/// Arcs per look at the budget.
inline constexpr std::uint32_t piece = 64;

struct CutState {
  CutRequest request;
  CutGraph input;
  CutView now;  ///< the contracted graph

  Arc* buffer[2];
  std::uint32_t* begin[2];
  std::uint32_t* end[2];
  std::uint32_t* mate;          ///< flow: the arc back
  std::uint64_t* attached;      ///< scan: weight to the nodes scanned before; elsewhere a sum for each node
  std::uint64_t* attached_one;  ///< branch: weight to side 1
  std::uint64_t* degree;        ///< weighted
  std::uint32_t* size[2];       ///< nodes of the input in each node; kept for balanced only
  std::uint32_t* order;         ///< nodes by runs: those of run k are contracted into node k
  std::uint32_t* label;         ///< the run of each node
  std::uint32_t* node_of;       ///< for each node of the input the node that it is in
  std::uint32_t* position;
  std::uint32_t* run_first;     ///< where each run begins in `order`
  std::int64_t* best_of_block;  ///< scan: at least the largest `attached` of the block's nodes that are not taken
  std::uint64_t* matrix;        ///< enumeration: weights between nodes
  std::uint64_t* side;

  std::uint64_t best;       ///< weight of the best cut so far
  std::uint64_t threshold;  ///< scan: pairs at least this connected are contracted
  std::uint64_t inside;     ///< scan: weight of the cut between `order`'s first nodes and the rest
  std::uint64_t volume;     ///< conductance: their volume
  std::uint64_t volume_all;
  std::uint64_t denominator;  ///< conductance of the best: best / denominator
  std::uint64_t sum;          ///< of the node at hand
  std::uint64_t to_largest;   ///< contract: weight to the largest run that has no arc yet
  std::uint64_t flow;
  std::uint32_t side_one;  ///< enumerate: nodes on side 1

  Phase phase;
  Phase after_write;
  Pending pending;
  bool found;
  bool exact;
  bool stalled;         ///< the last scan contracted nothing
  bool certifying;      ///< the threshold is fixed and no cut is looked for
  bool reduce_pays;     ///< the last scan contracted little
  bool narrowest;       ///< flow: how much the path carries is known
  bool refreshed;       ///< scan: `best_of_block` is up to date
  bool open;            ///< the node at hand is begun
  std::uint8_t target;  ///< the buffer that the next contraction fills
  std::uint8_t sizes;   ///< the size array in use
  std::uint8_t sweeps;
  std::uint32_t pending_a, pending_b;
  std::uint32_t suspect, anchor;   ///< where they are in the contracted graph
  std::uint32_t heaviest;          ///< node of the largest degree
  std::uint32_t light_a, light_b;  ///< nodes of the least degrees in the input
  std::uint32_t at_node, at_arc, at_member;
  std::uint32_t head, tail, runs;
  std::uint32_t prefix_size, prefix_ends;
  std::uint32_t largest;    ///< the run with the most nodes
  std::uint32_t arc_count;  ///< arcs written
  std::uint32_t at_block;   ///< scan: how far `best_of_block` is brought up to date
  std::uint32_t run_arcs;   ///< scan: of the nodes scanned since one was taken
  std::uint8_t block_shift;

  [[nodiscard]] std::uint32_t size_of(std::uint32_t node) const { return size[sizes][node]; }
  [[nodiscard]] bool counts_sizes() const { return request.objective == Objective::balanced; }
  [[nodiscard]] bool two_ends() const { return request.objective == Objective::isolate && request.anchor != no_node; }

  /// A side of so many nodes of the input, and so many of suspect and anchor, is one that the request allows.
  [[nodiscard]] bool allows(std::uint32_t nodes, std::uint32_t ends) const {
    if (counts_sizes()) return nodes >= request.minimum_side && input.nodes - nodes >= request.minimum_side;
    return !two_ends() || ends == 1;
  }
  [[nodiscard]] std::uint32_t ends_in(std::uint32_t node) const {
    return static_cast<std::uint32_t>(node == suspect) + static_cast<std::uint32_t>(node == anchor);
  }

  /// Keeps a cut that the request allows if it is better.
  bool offer(std::uint64_t value, Pending how, std::uint32_t a, std::uint32_t b = no_node) {
    if (found && value >= best) return false;
    found = true;
    best = value;
    pending = how;
    pending_a = a;
    pending_b = b;
    return true;
  }
  /// The cut around one node of the contracted graph.
  void offer_node(std::uint32_t node) {
    if (certifying || !allows(counts_sizes() ? size_of(node) : 1, ends_in(node))) return;
    offer(degree[node], arcs_are_input() ? Pending::original : Pending::nodes, node);
  }
  [[nodiscard]] bool arcs_are_input() const { return now.arcs == input.arcs.data(); }
};
static_assert(sizeof(CutState) <= CutLayout::state_bytes);

// Each does a part of its phase within the budget (and up to budget_overrun_max units more), and when the phase is over sets
// the next one.

// cut_measure.cpp
void measure(CutState& s, Budget& budget);
// cut_reduce.cpp
void consider_pairs(CutState& s, Budget& budget);
void begin_reduce(CutState& s);
void reduce(CutState& s, Budget& budget);
void number_classes(CutState& s, Budget& budget);
void list_class_members(CutState& s, Budget& budget);
// cut_scan.cpp
void begin_scan(CutState& s);
void scan(CutState& s, Budget& budget);
// cut_contract.cpp
void begin_contract(CutState& s);
void measure_runs(CutState& s, Budget& budget);
void contract(CutState& s, Budget& budget);
void contract_largest(CutState& s, Budget& budget);
void relabel(CutState& s, Budget& budget);
void survey(CutState& s, Budget& budget);
// cut_enumerate.cpp
void begin_enumerate(CutState& s);
void clear_matrix(CutState& s, Budget& budget);
void fill_matrix(CutState& s, Budget& budget);
void enumerate(CutState& s, Budget& budget);
// cut_dense.cpp
void begin_dense(CutState& s);
void dense(CutState& s, Budget& budget);
// cut_branch.cpp
void begin_branch(CutState& s);
void branch(CutState& s, Budget& budget);
// cut_flow.cpp
void begin_flow(CutState& s);
void flow(CutState& s, Budget& budget);
// minimum_cut.cpp
void write_order(CutState& s, Budget& budget);
void write_side(CutState& s, Budget& budget);
void after_scan(CutState& s);
void after_reduce(CutState& s);
void after_contract(CutState& s);
void clear_for_sweep(CutState& s, Budget& budget);
/// Writes down the best cut if it is not, then goes on.
void write_then(CutState& s, Phase next);
void finish(CutState& s, bool exact);

/// One cut's ratio is less than another's, exactly. A denominator of 0 makes the ratio 0.
bool less_ratio(std::uint64_t value, std::uint64_t volume, std::uint64_t other_value, std::uint64_t other_volume);

}  // namespace rvm::coherence
