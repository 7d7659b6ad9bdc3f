// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

namespace rvm::hal {

/// Time begins.
void clock_start();
/// The counter's interrupt was taken: first thing in its handler. Returns the time, in ns.
[[nodiscard]] std::uint64_t clock_wrapped();

}  // namespace rvm::hal
