// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "rvm/hal/port.hpp"

namespace rvm::kernel {

/// Test and test-and-set. Interrupts are masked whenever kernel code runs, so a holder is never pre-empted on its own core,
/// and sections are short. Not first come, first served, on purpose: where cores are threads of a host (an emulator, a shared
/// server), a queue hands the lock to waiters that do not run, and every hand-over costs a time slice. A core that loops on
/// hypercalls is outside the lock for longer (trap, exit, its own code) than a waiter needs to take it.
class SpinLock {
 public:
  void lock() {
    while (taken_.exchange(true, std::memory_order_acquire)) {
      while (taken_.load(std::memory_order_relaxed)) hal::Port::relax();
    }
  }
  [[nodiscard]] bool try_lock() {
    return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire);
  }
  void unlock() { taken_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> taken_{false};
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
  SpinLock lock_;
  T data_{};
};

}  // namespace rvm::kernel
