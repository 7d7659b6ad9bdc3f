// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Arm PrimeCell UART (PL011, DDI 0183), polled. The firmware has set the line speed.
#pragma once

#include <optional>

#include "register.hpp"

namespace rvm::hal {

template <typename Registers>
class Pl011 {
 public:
  constexpr Pl011() = default;
  explicit Pl011(Registers registers) : registers_(registers) {
    registers_.write(line_control, LineControl{}.with(LineControl::fifos).with(LineControl::word_length, 3).raw);
    registers_.write(control, Control{}.with(Control::enable).with(Control::transmit).with(Control::receive).raw);
    registers_.write(interrupt_mask, std::uint32_t{0});
  }

  /// Waits for space.
  void put(char c) const {
    while (flags().has(Flags::transmit_full)) {
    }
    registers_.write(data, static_cast<std::uint32_t>(static_cast<unsigned char>(c)));
  }
  [[nodiscard]] std::optional<char> get() const {
    if (flags().has(Flags::receive_empty)) return std::nullopt;
    return static_cast<char>(registers_.template read<std::uint32_t>(data) & 0xff);
  }
  /// Returns when the last character has left, so that a power-off cannot swallow it.
  void flush() const {
    while (flags().has(Flags::busy)) {
    }
  }

 private:
  struct Flags : Register<Flags, std::uint32_t> {
    static constexpr Field<Flags> busy{3}, receive_empty{4}, transmit_full{5};
  };
  struct LineControl : Register<LineControl, std::uint32_t> {
    static constexpr Field<LineControl> fifos{4}, word_length{5, 2};
  };
  struct Control : Register<Control, std::uint32_t> {
    static constexpr Field<Control> enable{0}, transmit{8}, receive{9};
  };
  static constexpr std::uint64_t data = 0x00, flag = 0x18, line_control = 0x2c, control = 0x30, interrupt_mask = 0x38;

  [[nodiscard]] Flags flags() const { return Flags{{.raw = registers_.template read<std::uint32_t>(flag)}}; }

  Registers registers_;
};

}  // namespace rvm::hal
