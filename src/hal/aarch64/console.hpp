// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text of the port itself: boot errors and kernel faults. Usable as soon as the device tree has named a UART; silent before.
#pragma once

#include <cstdint>
#include <string_view>

#include "rvm/hal/machine.hpp"

namespace rvm::hal {

struct Hex {
  std::uint64_t value;
};
struct Decimal {
  std::uint64_t value;
};

void open_console(MemoryRange uart);
void flush_console();

void print_one(std::string_view text);
void print_one(Hex number);
void print_one(Decimal number);

template <typename... Parts>
void print(Parts... parts) {
  (print_one(parts), ...);
}

/// Switches the machine off if the firmware can, else halts this core for ever.
[[noreturn]] void halt();

/// Says why and halts.
template <typename... Parts>
[[noreturn]] void stop(Parts... parts) {
  print("rvm: cannot start: ", parts..., "\n");
  halt();
}

}  // namespace rvm::hal
