// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

namespace rvm::partition {

/// Links of an intrusive doubly linked list.
template <typename T>
struct Link {
  T* next = nullptr;
  T* previous = nullptr;
};

/// FIFO of objects that carry their own links; a `T` is in at most one list per link member.
template <typename T, Link<T> T::* member>
class List {
 public:
  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] T* front() const { return head_; }
  [[nodiscard]] static T* after(const T& item) { return (item.*member).next; }

  void push_back(T& item) {
    (item.*member) = {nullptr, tail_};
    (tail_ != nullptr ? (tail_->*member).next : head_) = &item;
    tail_ = &item;
  }

  /// Precondition: `item` is in this list.
  void remove(T& item) {
    Link<T>& link = item.*member;
    (link.previous != nullptr ? (link.previous->*member).next : head_) = link.next;
    (link.next != nullptr ? (link.next->*member).previous : tail_) = link.previous;
    link = {};
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace rvm::partition
