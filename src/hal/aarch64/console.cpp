// SPDX-License-Identifier: MIT OR Apache-2.0
#include "console.hpp"

#include <array>

#include "pl011.hpp"
#include "rvm/hal/port.hpp"

namespace rvm::hal {
namespace {

constinit Pl011<DeviceRegisters> uart;
constinit bool uart_present = false;

}  // namespace

void open_console(MemoryRange range) {
  uart = Pl011{DeviceRegisters{range.base.value}};
  uart_present = true;
}

void flush_console() {
  if (uart_present) uart.flush();
}

void print_one(std::string_view text) {
  for (const char c : text) {
    if (uart_present) uart.put(c);
  }
}

void print_one(Hex number) {
  print_one("0x");
  bool leading = true;
  for (unsigned shift = 64; shift > 0;) {
    shift -= 4;
    const auto digit = static_cast<std::size_t>(number.value >> shift & 0xf);
    leading = leading && digit == 0 && shift != 0;
    if (!leading) print_one(std::string_view{"0123456789abcdef"}.substr(digit, 1));
  }
}

void print_one(Decimal number) {
  std::array<char, 20> digits{};
  std::size_t first = digits.size();
  do {
    digits[--first] = static_cast<char>('0' + number.value % 10);
    number.value /= 10;
  } while (number.value != 0);
  print_one(std::string_view{digits.data() + first, digits.size() - first});
}

void Port::console_write(std::span<const char> text) { print_one(std::string_view{text.data(), text.size()}); }

int Port::console_read() {
  if (!uart_present) return -1;
  const auto c = uart.get();
  return c ? static_cast<unsigned char>(*c) : -1;
}

}  // namespace rvm::hal
