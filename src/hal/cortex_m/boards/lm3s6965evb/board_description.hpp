// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stellaris LM3S6965: Cortex-M3, 64 KiB of SRAM, 256 KiB of flash (its data sheet, DS-LM3S6965).
#pragma once

namespace rvm::hal {

inline constexpr Board board{.name = "lm3s6965evb",
                             .protection = mpu::Architecture::v7,
                             .uart = Uart::pl011,
                             .uart_base = 0x4000'c000,
                             .tick_multiplier = 20,  // 50 MHz
                             .tick_shift = 0,
                             .clock_setup = 0x400f'e060,  // RCC: 200 MHz from the PLL, divided by 4
                             .clock_value = 0x01ce'1380};

}  // namespace rvm::hal
