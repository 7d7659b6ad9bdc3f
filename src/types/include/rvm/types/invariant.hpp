// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

namespace rvm {

/// Stops the kernel when an invariant does not hold. Stays on in release builds: running on with a broken invariant would
/// turn a bug into a hole. For conditions that no caller input can cause; everything else is an Error.
constexpr void ensure(bool holds) {
  if (!holds) [[unlikely]] {
    __builtin_trap();
  }
}

#ifdef __clang_analyzer__
  // Deep in a chain of calls the analyzer no longer looks into functions; what holds after this one it has to know.
  #define ensure(...) ((__VA_ARGS__) ? static_cast<void>(0) : __builtin_trap())
#endif

}  // namespace rvm
