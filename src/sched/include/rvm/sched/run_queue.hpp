// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ready agents of one core: strict priority, FIFO among equals. Every level of the priority scale has its own list, found
// through a three-level bitmap, so push, remove and take are O(1) and no two different priorities are ever confused.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "rvm/sched/node.hpp"

namespace rvm::sched {

template <std::uint32_t Levels = priority_levels>
class RunQueue {
  static_assert(Levels <= 64 * 64 * 64);
  static constexpr std::uint32_t words = (Levels + 63) / 64;
  static constexpr std::uint32_t groups = (words + 63) / 64;

 public:
  /// All-zero memory plus this call is an empty queue.
  void clear() {
    top_ = 0;
    group_.fill(0);
    word_.fill(0);
    size_ = 0;
  }

  [[nodiscard]] bool empty() const { return top_ == 0; }
  [[nodiscard]] std::uint32_t size() const { return size_; }

  /// Priority of the agent that `take` would return. Precondition: !empty().
  [[nodiscard]] Priority highest() const {
    const std::uint32_t g = 63u - static_cast<std::uint32_t>(std::countl_zero(top_));
    const std::uint32_t w = g * 64 + 63u - static_cast<std::uint32_t>(std::countl_zero(group_[g]));
    return Priority{static_cast<std::uint16_t>(w * 64 + 63u - static_cast<std::uint32_t>(std::countl_zero(word_[w])))};
  }

  /// Appends to its level. Precondition: the node is in no run queue.
  void push(Nodes auto& nodes, NodeIndex index, Priority priority) { insert(nodes, index, priority, false); }
  /// Puts it first of its level: for an agent that was interrupted before its time was up.
  void push_front(Nodes auto& nodes, NodeIndex index, Priority priority) { insert(nodes, index, priority, true); }

  /// Removes and returns the first agent of the highest level. Precondition: !empty().
  [[nodiscard]] NodeIndex take(Nodes auto& nodes) {
    const NodeIndex index = head_[highest().value];
    remove(nodes, index);
    return index;
  }

  /// Precondition: the node is in this queue.
  void remove(Nodes auto& nodes, NodeIndex index) {
    Node& n = nodes.node(index);
    const std::uint32_t level = n.level.value;
    if (n.next == index) {
      mark_empty(level);
    } else {
      nodes.node(n.previous).next = n.next;
      nodes.node(n.next).previous = n.previous;
      if (head_[level] == index) head_[level] = n.next;
    }
    n.next = n.previous = no_node;
    --size_;
  }

  /// Takes `first`, the head of its level, out and appends `other` to the same level. Precondition: `other` is in no queue.
  void replace_first(Nodes auto& nodes, NodeIndex first, NodeIndex other) {
    Node& leaving = nodes.node(first);
    Node& joining = nodes.node(other);
    const std::uint32_t level = leaving.level.value;
    joining.level = leaving.level;
    if (leaving.next == first) {
      joining.next = joining.previous = other;
      head_[level] = other;
    } else {
      joining.next = leaving.next;
      joining.previous = leaving.previous;
      nodes.node(leaving.next).previous = other;
      nodes.node(leaving.previous).next = other;
      head_[level] = leaving.next;
    }
    leaving.next = leaving.previous = no_node;
  }

  /// First agent of an occupied level.
  [[nodiscard]] NodeIndex first(Priority level) const { return head_[level.value]; }

  /// First agent of the next occupied level strictly below `cursor`, wrapping to the highest; used for ageing.
  /// Precondition: !empty(). O(levels / 64) in the worst case.
  [[nodiscard]] NodeIndex first_below(Priority cursor) const {
    for (std::uint32_t w = cursor.value / 64u + 1; w-- > 0;) {
      std::uint64_t bits = word_[w];
      if (w == cursor.value / 64u) bits &= (std::uint64_t{1} << (cursor.value % 64u)) - 1;
      if (bits != 0) return head_[w * 64 + 63u - static_cast<std::uint32_t>(std::countl_zero(bits))];
    }
    return head_[highest().value];
  }

 private:
  void insert(Nodes auto& nodes, NodeIndex index, Priority priority, bool front) {
    Node& n = nodes.node(index);
    const std::uint32_t level = priority.value;
    n.level = priority;
    if ((word_[level / 64] >> (level % 64) & 1) == 0) {
      n.next = n.previous = index;
      head_[level] = index;
      word_[level / 64] |= std::uint64_t{1} << (level % 64);
      group_[level / 4096] |= std::uint64_t{1} << (level / 64 % 64);
      top_ |= std::uint64_t{1} << (level / 4096);
    } else {
      const NodeIndex head = head_[level];
      const NodeIndex tail = nodes.node(head).previous;
      n.next = head;
      n.previous = tail;
      nodes.node(tail).next = index;
      nodes.node(head).previous = index;
      if (front) head_[level] = index;
    }
    ++size_;
  }

  void mark_empty(std::uint32_t level) {
    word_[level / 64] &= ~(std::uint64_t{1} << (level % 64));
    if (word_[level / 64] != 0) return;
    group_[level / 4096] &= ~(std::uint64_t{1} << (level / 64 % 64));
    if (group_[level / 4096] == 0) top_ &= ~(std::uint64_t{1} << (level / 4096));
  }

  std::uint64_t top_;
  std::array<std::uint64_t, groups> group_;
  std::array<std::uint64_t, words> word_;
  std::array<NodeIndex, Levels> head_;  ///< meaningful where the level's bit is set
  std::uint32_t size_;
};

}  // namespace rvm::sched
