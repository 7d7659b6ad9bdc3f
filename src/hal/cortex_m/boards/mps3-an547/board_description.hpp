// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Arm MPS3 with the FPGA image AN547: Cortex-M55. Everything runs in the secure state, where it starts.
#pragma once

namespace rvm::hal {

inline constexpr Board board{.name = "mps3-an547",
                             .protection = mpu::Architecture::v8,
                             .uart = Uart::cmsdk,
                             .uart_base = 0x5930'3000,
                             .tick_multiplier = 125,  // 32 MHz
                             .tick_shift = 2,
                             .clock_setup = 0,
                             .clock_value = 0};

}  // namespace rvm::hal
