// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The registers of the System Control Space that the port uses (Armv7-M ARM B3.2, Armv8-M ARM D1.2).
#pragma once

#include <cstdint>

namespace rvm::hal {

/// A register at a fixed address.
template <std::uint32_t Address>
struct Register {
  // Sound: the address is that of a device register of 32 bits.
  static volatile std::uint32_t& at() { return *reinterpret_cast<volatile std::uint32_t*>(Address); }
  [[nodiscard]] static std::uint32_t read() { return at(); }
  static void write(std::uint32_t value) { at() = value; }
};

namespace systick {
using Control = Register<0xe000e010>;
inline constexpr std::uint32_t enable = 1, interrupt = 2, processor_clock = 4;
using Reload = Register<0xe000e014>;
using Current = Register<0xe000e018>;
inline constexpr std::uint32_t count_max = 0xff'ffff;
}  // namespace systick

namespace scb {
using InterruptControl = Register<0xe000ed04>;
inline constexpr std::uint32_t systick_pending = 1u << 26, systick_clear = 1u << 25, pendsv_set = 1u << 28;
using VectorTable = Register<0xe000ed08>;
using SystemControl = Register<0xe000ed10>;
inline constexpr std::uint32_t sleep_deep = 1u << 2;
using Configuration = Register<0xe000ed14>;
inline constexpr std::uint32_t unaligned_trap = 1u << 3, divide_trap = 1u << 4, stack_align = 1u << 9;
using HandlerControl = Register<0xe000ed24>;
inline constexpr std::uint32_t fault_handlers = 7u << 16;  ///< MemManage, BusFault, UsageFault
using FaultStatus = Register<0xe000ed28>;
using HardFaultStatus = Register<0xe000ed2c>;
inline constexpr std::uint32_t hard_fault_debug = 1u << 31;
using MemoryFaultAddress = Register<0xe000ed34>;
using BusFaultAddress = Register<0xe000ed38>;
using CoprocessorAccess = Register<0xe000ed88>;
}  // namespace scb

/// CFSR, bit by bit.
namespace fault {
inline constexpr std::uint32_t instruction_access = 1u << 0, data_access = 1u << 1, memory_unstacking = 1u << 3,
                               memory_stacking = 1u << 4, memory_address_valid = 1u << 7;
inline constexpr std::uint32_t instruction_bus = 1u << 8, precise_bus = 1u << 9, imprecise_bus = 1u << 10,
                               bus_stacking = 1u << 12, bus_address_valid = 1u << 15;
inline constexpr std::uint32_t undefined = 1u << 16, invalid_state = 1u << 17, invalid_return = 1u << 18,
                               no_coprocessor = 1u << 19, unaligned = 1u << 24, divide = 1u << 25;
}  // namespace fault

namespace mpu_registers {
using Control = Register<0xe000ed94>;
inline constexpr std::uint32_t enable = 1, privileged_default = 4;
using Number = Register<0xe000ed98>;
using Pairs = Register<0xe000ed9c>;  ///< base and attributes of the region chosen, and three more pairs behind
using Attributes0 = Register<0xe000edc0>;
inline constexpr std::uint32_t normal_write_through = 0xaa;
}  // namespace mpu_registers

}  // namespace rvm::hal
