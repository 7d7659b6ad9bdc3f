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

  /// Takes `tokens`. Returns `now` or earlier while there were enough, else the time at which the debt is paid.
  [[nodiscard]] Nanoseconds take(std::uint32_t tokens, Nanoseconds now) {
    // `empty_at_` is the time at which the bucket would have been empty: now - empty_at_ is what is saved up.
    if (now.value > empty_at_.value + depth_.value) empty_at_ = Nanoseconds{now.value - depth_.value};
    empty_at_ = empty_at_ + Nanoseconds{step_.value * tokens};
    return empty_at_;
  }

 private:
  Nanoseconds step_{1};
  Nanoseconds depth_{0};
  Nanoseconds empty_at_{0};
};

}  // namespace rvm::sched
