// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

namespace rvm::hal {

/// Time begins.
void clock_start();
/// The counter's interrupt was taken: first thing in its handler.
void clock_wrapped();

}  // namespace rvm::hal
