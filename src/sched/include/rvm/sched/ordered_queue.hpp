// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The same as RunQueue (run_queue.hpp) in ten bytes instead of 65 KiB: one circular list, best first. Insertion looks at each that is
// at least as good, so it is for machines with a handful of agents. A test holds the two to the same order.
#pragma once

#include <cstdint>

#include "rvm/sched/node.hpp"

namespace rvm::sched {

class OrderedQueue {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Priority of the agent that `take` would return. Precondition: !empty().
  [[nodiscard]] Priority highest() const { return highest_; }

  /// Appends to its level. Precondition: the node is in no run queue.
  void push(Nodes auto& nodes, NodeIndex index, Priority priority) { insert(nodes, index, priority, false); }
  /// Puts it first of its level: for an agent that was interrupted before its time was up.
  void push_front(Nodes auto& nodes, NodeIndex index, Priority priority) { insert(nodes, index, priority, true); }

  /// Removes and returns the first agent of the highest level. Precondition: !empty().
  [[nodiscard]] NodeIndex take(Nodes auto& nodes) {
    const NodeIndex index = head_;
    remove(nodes, index);
    return index;
  }

  /// Precondition: the node is in this queue.
  void remove(Nodes auto& nodes, NodeIndex index) {
    Node& n = nodes.node(index);
    nodes.node(n.previous).next = n.next;
    nodes.node(n.next).previous = n.previous;
    if (head_ == index) head_ = n.next;
    n.next = n.previous = no_node;
    if (--size_ != 0) highest_ = nodes.node(head_).level;
  }

 private:
  void insert(Nodes auto& nodes, NodeIndex index, Priority priority, bool front) {
    Node& n = nodes.node(index);
    n.level = priority;
    n.next = n.previous = index;
    NodeIndex after = head_;
    std::uint32_t better = 0;
    for (; better < size_; ++better, after = nodes.node(after).next) {
      const Priority level = nodes.node(after).level;
      if (level < priority || (front && level == priority)) break;
    }
    if (size_ != 0) {
      n.next = after;
      n.previous = nodes.node(after).previous;
      nodes.node(n.previous).next = index;
      nodes.node(after).previous = index;
    }
    if (better == 0) head_ = index;
    ++size_;
    highest_ = nodes.node(head_).level;
  }

  NodeIndex head_ = no_node;
  std::uint16_t size_ = 0;
  Priority highest_;
};

}  // namespace rvm::sched
