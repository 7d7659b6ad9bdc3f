// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From reset to the kernel: variables, clock, console, fault handlers, protection.
#include <cstdint>

#include "board.hpp"
#include "clock.hpp"
#include "registers.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/hal/seed_entry.hpp"
#include "uart.hpp"

extern "C" {
extern std::uint32_t __data_start[], __data_end[], __data_load[], __bss_start[], __bss_end[];
extern const std::byte __image_start[], __image_end[];
extern const std::uint32_t rvm_vectors[];
[[noreturn]] void rvm_startup();
}

// Sound as long as it touches no variable before they are there.
void rvm_startup() {
  using namespace rvm::hal;
  const std::uint32_t* from = __data_load;
  for (std::uint32_t* to = __data_start; to != __data_end; ++to, ++from) *to = *from;
  for (std::uint32_t* to = __bss_start; to != __bss_end; ++to) *to = 0;

  if (board.clock_setup != 0) *reinterpret_cast<volatile std::uint32_t*>(board.clock_setup) = board.clock_value;
  scb::VectorTable::write(reinterpret_cast<std::uint32_t>(rvm_vectors));
  scb::HandlerControl::write(scb::fault_handlers);
  scb::Configuration::write(scb::unaligned_trap | scb::divide_trap | scb::stack_align);
  scb::CoprocessorAccess::write(0);  // no floating point: nothing of it to save or to leak
  mpu_registers::Number::write(0);
  if (board.protection == mpu::Architecture::v8) mpu_registers::Attributes0::write(mpu_registers::normal_write_through);
  mpu_registers::Control::write(mpu_registers::enable | mpu_registers::privileged_default);
  asm volatile("dsb\n\tisb" ::: "memory");  // sound: barriers alone
  uart_start();
  clock_start();
  // What the file of the image holds, variables' initial values included.
  rvm::kernel::start({__image_start, __image_end});
}
