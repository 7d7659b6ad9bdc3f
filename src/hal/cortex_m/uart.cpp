// SPDX-License-Identifier: MIT OR Apache-2.0
//
// PL011 (Arm DDI 0183) and the UART of the Cortex-M System Design Kit (Arm DDI 0479).
#include "uart.hpp"

#include "board.hpp"
#include "registers.hpp"

namespace rvm::hal {
namespace {

template <std::uint32_t Offset>
using UartRegister = Register<board.uart_base + Offset>;

namespace pl011 {
using Data = UartRegister<0x00>;
using Flags = UartRegister<0x18>;
constexpr std::uint32_t transmit_full = 1u << 5;
using Control = UartRegister<0x30>;
constexpr std::uint32_t enable = 1u, transmit = 1u << 8;
}  // namespace pl011

namespace cmsdk {
using Data = UartRegister<0x00>;
using State = UartRegister<0x04>;
constexpr std::uint32_t transmit_full = 1;
using Control = UartRegister<0x08>;
constexpr std::uint32_t transmit = 1;
using Divider = UartRegister<0x10>;
constexpr std::uint32_t smallest = 16;
}  // namespace cmsdk

}  // namespace

void uart_start() {
  if constexpr (board.uart == Uart::pl011) {
    pl011::Control::write(pl011::enable | pl011::transmit);
  } else {
    cmsdk::Divider::write(cmsdk::smallest);
    cmsdk::Control::write(cmsdk::transmit);
  }
}

void uart_put(char c) {
  const auto byte = static_cast<std::uint32_t>(static_cast<unsigned char>(c));
  if constexpr (board.uart == Uart::pl011) {
    while ((pl011::Flags::read() & pl011::transmit_full) != 0) {
    }
    pl011::Data::write(byte);
  } else {
    while ((cmsdk::State::read() & cmsdk::transmit_full) != 0) {
    }
    cmsdk::Data::write(byte);
  }
}

}  // namespace rvm::hal
