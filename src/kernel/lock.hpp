// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "rvm/hal/port.hpp"

namespace rvm::kernel {

/// Ticket lock (first come, first served, so no core starves; Mellor-Crummey and Scott 1991). Interrupts are masked
/// whenever kernel code runs, so a holder is never pre-empted on its own core.
class TicketLock {
 public:
  void lock() {
    const std::uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    while (serving_.load(std::memory_order_acquire) != ticket) hal::Port::relax();
  }
  [[nodiscard]] bool try_lock() {
    std::uint32_t serving = serving_.load(std::memory_order_acquire);
    return next_.compare_exchange_strong(serving, serving + 1, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void unlock() { serving_.store(serving_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

 private:
  std::atomic<std::uint32_t> next_{0};
  std::atomic<std::uint32_t> serving_{0};
};

/// Data that can only be reached while its lock is held.
template <typename T>
class Locked {
 public:
  class Guard;

  /// The lock for a short section that gives it up only once; it may become a Guard.
  class Hold {
   public:
    explicit Hold(Locked& owner) : owner_(&owner) { owner.lock_.lock(); }
    ~Hold() {
      if (owner_ != nullptr) owner_->lock_.unlock();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    [[nodiscard]] T& operator*() const { return owner_->data_; }
    [[nodiscard]] T* operator->() const { return &owner_->data_; }

   private:
    friend class Guard;
    Locked* owner_;
  };

  class Guard {
   public:
    explicit Guard(Locked& owner) : owner_(owner) { owner_.lock_.lock(); }
    explicit Guard(Hold&& hold) : owner_(*std::exchange(hold.owner_, nullptr)) {}
    ~Guard() {
      if (held_) owner_.lock_.unlock();
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    [[nodiscard]] T& operator*() const { return owner_.data_; }
    [[nodiscard]] T* operator->() const { return &owner_.data_; }
    /// Lets others in, for the idle loop; the data must not be touched until `relock`.
    void unlock() {
      owner_.lock_.unlock();
      held_ = false;
    }
    void relock() {
      owner_.lock_.lock();
      held_ = true;
    }

   private:
    Locked& owner_;
    bool held_ = true;
  };

  [[nodiscard]] Guard acquire() { return Guard{*this}; }

 private:
  TicketLock lock_;
  T data_{};
};

}  // namespace rvm::kernel
