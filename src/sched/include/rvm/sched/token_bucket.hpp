// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/types/time.hpp"

namespace rvm::sched {

/// A rate limit that may go into debt: `take` always succeeds and tells when the debt will be paid. Refilled by the clock,
/// not by a loop, so idle partitions cost nothing.
class TokenBucket {
 public:
  /// `per_interval` tokens every `interval` ns (both > 0), at most `burst` saved up.
  void configure(std::uint32_t per_interval, Nanoseconds interval, std::uint32_t burst) {
    step_ = Nanoseconds{interval.value / per_interval > 0 ? interval.value / per_interval : 1};
    depth_ = Nanoseconds{step_.value * burst};
  }

  /// Takes `tokens`. Returns `now` or earlier while there were enough, else the time at which the debt is paid. A bucket
  /// that was never used is full.
  [[nodiscard]] Nanoseconds take(std::uint32_t tokens, Nanoseconds now) {
    if (full_at_ < now) full_at_ = now;
    full_at_ = full_at_ + Nanoseconds{step_.value * tokens};
    return Nanoseconds{full_at_.value > depth_.value ? full_at_.value - depth_.value : 0};
  }

 private:
  Nanoseconds step_{1};
  Nanoseconds depth_{0};
  Nanoseconds full_at_{0};  ///< when it will be full if nothing more is taken
};

}  // namespace rvm::sched
