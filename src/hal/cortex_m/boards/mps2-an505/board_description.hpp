// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Arm MPS2+ with the FPGA image AN505: Cortex-M33. Everything runs in the secure state, where it starts.
#pragma once

namespace rvm::hal {

inline constexpr Board board{.name = "mps2-an505",
                             .protection = mpu::Architecture::v8,
                             .uart = Uart::cmsdk,
                             .uart_base = 0x5020'0000,
                             .tick_multiplier = 50,  // 20 MHz
                             .tick_shift = 0,
                             .clock_setup = 0,
                             .clock_value = 0};

}  // namespace rvm::hal
