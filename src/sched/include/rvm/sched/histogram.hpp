// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace rvm::sched {

/// Distribution of latencies in nanoseconds: 16 linear steps per power of two, so a quantile is exact to 1/16 (6.25 %).
/// Fixed size, no floating point; values above 2^36 ns count in the last bucket.
class Histogram {
  static constexpr std::uint32_t steps = 16;
  static constexpr std::uint32_t buckets = steps * 34;

 public:
  void add(std::uint64_t ns) {
    ++count_[bucket_of(ns)];
    ++total_;
    if (ns > maximum_) maximum_ = ns;
  }

  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t maximum() const { return maximum_; }

  /// Upper edge of the bucket in which the `per_mille`-th value lies, never above the maximum; 0 when empty.
  [[nodiscard]] std::uint64_t quantile(std::uint32_t per_mille) const {
    const std::uint64_t rank = (total_ * per_mille + 999) / 1000;
    std::uint64_t seen = 0;
    for (std::uint32_t b = 0; b < buckets; ++b) {
      seen += count_[b];
      if (seen >= rank && seen > 0) return upper_edge(b) < maximum_ ? upper_edge(b) : maximum_;
    }
    return maximum_;
  }

 private:
  static constexpr std::uint32_t bucket_of(std::uint64_t ns) {
    if (ns < steps) return static_cast<std::uint32_t>(ns);
    const auto exponent = static_cast<std::uint32_t>(std::bit_width(ns)) - 5;  // value / 2^exponent is in 16..31
    const std::uint32_t b = (exponent + 1) * steps + (static_cast<std::uint32_t>(ns >> exponent) - steps);
    return b < buckets ? b : buckets - 1;
  }
  static constexpr std::uint64_t upper_edge(std::uint32_t b) {
    if (b < steps) return b;
    const std::uint32_t exponent = b / steps - 1;
    return ((std::uint64_t{steps} + b % steps + 1) << exponent) - 1;
  }

  std::array<std::uint32_t, buckets> count_{};
  std::uint64_t total_ = 0;
  std::uint64_t maximum_ = 0;
};

}  // namespace rvm::sched
