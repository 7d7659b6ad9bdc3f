// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/hal/layout.h"

namespace rvm::hal {

/// Counter ticks and nanoseconds as fixed point with 53 fraction bits, so that a conversion is one multiplication. Both factors are
/// rounded up, so that a timer set for time t never fires while now() < t.
struct Clock {
  std::uint64_t boot_ticks;
  std::uint64_t scale;    ///< nanoseconds per tick
  std::uint64_t inverse;  ///< ticks per nanosecond

  static constexpr unsigned shift = RVM_CLOCK_SHIFT;
  [[nodiscard]] static constexpr std::uint64_t scaled(std::uint64_t value, std::uint64_t factor) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{value} * factor) >> shift);
  }
  /// numerator / denominator with `shift` fraction bits, rounded up. Both below 2^62; the quotient must fit.
  [[nodiscard]] static constexpr std::uint64_t ratio(std::uint64_t numerator, std::uint64_t denominator) {
    std::uint64_t quotient = numerator / denominator, rest = numerator % denominator;
    for (unsigned bit = 0; bit < shift; ++bit) {
      rest *= 2;
      quotient = quotient * 2 + (rest >= denominator ? 1 : 0);
      if (rest >= denominator) rest -= denominator;
    }
    return quotient + (rest != 0 ? 1 : 0);
  }
  /// Null for a frequency that does not fit (below 1 MHz or above 1 THz).
  [[nodiscard]] static constexpr Clock from_frequency(std::uint64_t hertz, std::uint64_t boot) {
    constexpr std::uint64_t second = 1'000'000'000;
    if (hertz < 1'000'000 || hertz > 1'000 * second) return {};
    return {boot, ratio(second, hertz), ratio(hertz, second)};
  }
};

}  // namespace rvm::hal
