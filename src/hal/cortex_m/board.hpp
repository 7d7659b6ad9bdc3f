// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the port asks of a board; board.hpp's counterpart in boards/BOARD/board_description.hpp answers.
#pragma once

#include <cstdint>
#include <string_view>

#include "rvm/hal/mpu.hpp"

namespace rvm::hal {

enum class Uart : std::uint8_t { pl011, cmsdk };

struct Board {
  std::string_view name;
  mpu::Architecture protection;
  Uart uart;
  std::uint32_t uart_base;
  /// A tick of the processor's clock lasts `tick_multiplier` >> `tick_shift` nanoseconds.
  std::uint32_t tick_multiplier;
  std::uint32_t tick_shift;
  std::uint32_t clock_setup;  ///< address of the register that sets the clock, and its value; 0: nothing to do
  std::uint32_t clock_value;
};

}  // namespace rvm::hal

#include "board_description.hpp"
