// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/types/strong.hpp"

namespace rvm {

/// Nanoseconds: since boot as a point in time, else a duration. UINT64_MAX means never.
using Nanoseconds = Strong<struct NanosecondsTag, std::uint64_t>;
inline constexpr Nanoseconds never{UINT64_MAX};

/// a + b, saturating at `never`.
[[nodiscard]] constexpr Nanoseconds operator+(Nanoseconds a, Nanoseconds b) {
  return a.value > UINT64_MAX - b.value ? never : Nanoseconds{a.value + b.value};
}

/// Basis points 0..10000, the kernel's only fraction.
using BasisPoints = Strong<struct BasisPointsTag, std::uint16_t>;

}  // namespace rvm
