// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Agents of one core that wait for a point in time: a binary heap ordered by wake_at, with each node knowing its
// position, so that a wake-up before the time removes it in O(log n).
#pragma once

#include <cstdint>
#include <span>

#include "rvm/sched/node.hpp"

namespace rvm::sched {

class SleepQueue {
 public:
  /// `storage` must hold every agent that can exist; then insert cannot fail.
  void use(std::span<NodeIndex> storage) {
    heap_ = storage;
    size_ = 0;
  }

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] NodeIndex first() const { return heap_[0]; }
  [[nodiscard]] Nanoseconds earliest(Nodes auto& nodes) const {
    return size_ == 0 ? never : nodes.node(heap_[0]).wake_at;
  }

  /// Precondition: the node is not in a sleep queue.
  void insert(Nodes auto& nodes, NodeIndex index, Nanoseconds at) {
    nodes.node(index).wake_at = at;
    place(nodes, size_++, index);
    sift_up(nodes, nodes.node(index).heap_position);
  }

  /// Precondition: the node is in this queue.
  void remove(Nodes auto& nodes, NodeIndex index) {
    const std::uint16_t hole = nodes.node(index).heap_position;
    nodes.node(index).heap_position = not_in_heap;
    --size_;
    if (hole == size_) return;
    const NodeIndex moved = heap_[size_];
    place(nodes, hole, moved);
    sift_up(nodes, hole);
    sift_down(nodes, nodes.node(moved).heap_position);
  }

 private:
  void place(Nodes auto& nodes, std::uint16_t position, NodeIndex index) {
    heap_[position] = index;
    nodes.node(index).heap_position = position;
  }

  void sift_up(Nodes auto& nodes, std::uint16_t position) {
    while (position > 0) {
      const auto parent = static_cast<std::uint16_t>((position - 1) / 2);
      if (!(nodes.node(heap_[position]).wake_at < nodes.node(heap_[parent]).wake_at)) return;
      exchange(nodes, position, parent);
      position = parent;
    }
  }

  void sift_down(Nodes auto& nodes, std::uint16_t position) {
    for (;;) {
      std::uint32_t least = position;
      for (std::uint32_t child = 2u * position + 1; child <= 2u * position + 2 && child < size_; ++child) {
        if (nodes.node(heap_[child]).wake_at < nodes.node(heap_[least]).wake_at) least = child;
      }
      if (least == position) return;
      exchange(nodes, position, static_cast<std::uint16_t>(least));
      position = static_cast<std::uint16_t>(least);
    }
  }

  void exchange(Nodes auto& nodes, std::uint16_t a, std::uint16_t b) {
    const NodeIndex at_a = heap_[a];
    place(nodes, a, heap_[b]);
    place(nodes, b, at_a);
  }

  std::span<NodeIndex> heap_;
  std::uint16_t size_ = 0;
};

}  // namespace rvm::sched
