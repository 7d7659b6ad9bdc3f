// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The same as RunQueue (run_queue.hpp) in a few words instead of 65 KiB: an array, best last. Insertion moves each that is at
// least as good, so it is for machines with a handful of agents. A test holds the two to the same order.
#pragma once

#include <array>
#include <cstdint>

#include "rvm/sched/node.hpp"

namespace rvm::sched {

/// Of at most `Capacity` agents.
template <std::size_t Capacity>
class OrderedQueue {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Whom `take` would return, and its priority. Precondition: !empty().
  [[nodiscard]] NodeIndex first() const { return entries_[size_ - 1].index; }
  [[nodiscard]] Priority highest() const { return entries_[size_ - 1].level; }

  /// Appends to its level. Precondition: the node is in no run queue.
  [[gnu::always_inline]] void push(Nodes auto& nodes, NodeIndex index, Priority priority) {
    insert(nodes, index, priority, priority);
  }
  /// Puts it first of its level: for an agent that was interrupted before its time was up.
  [[gnu::always_inline]] void push_front(Nodes auto& nodes, NodeIndex index, Priority priority) {
    insert(nodes, index, priority, Priority{static_cast<std::uint16_t>(priority.value + 1)});
  }

  /// Removes and returns the first agent of the highest level. Precondition: !empty().
  [[nodiscard]] NodeIndex take(Nodes auto& nodes) {
    const NodeIndex index = entries_[--size_].index;
    nodes.node(index).next = no_node;
    return index;
  }

  /// Precondition: the node is in this queue.
  void remove(Nodes auto& nodes, NodeIndex index) {
    std::uint32_t i = 0;
    while (entries_[i].index != index) ++i;
    for (--size_; i < size_; ++i) entries_[i] = entries_[i + 1];
    nodes.node(index).next = no_node;
  }

 private:
  struct alignas(4) Entry {
    Priority level;
    NodeIndex index = no_node;
  };

  /// Behind all from the level `before` on.
  [[gnu::always_inline]] void insert(Nodes auto& nodes, NodeIndex index, Priority priority, Priority before) {
    nodes.node(index).next = index;  // that it is queued
    std::uint32_t i = size_++;
    for (; i != 0 && !(entries_[i - 1].level < before); --i) entries_[i] = entries_[i - 1];
    entries_[i] = {priority, index};
  }

  std::array<Entry, Capacity> entries_{};
  std::uint32_t size_ = 0;
};

}  // namespace rvm::sched
