// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

namespace rvm::hal {

void uart_start();
/// Waits while the transmitter is full.
void uart_put(char c);

}  // namespace rvm::hal
