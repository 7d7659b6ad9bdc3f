// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Arm Generic Interrupt Controller, versions 2 (IHI 0048) and 3 (IHI 0069). Every interrupt is the kernel's; agents see none
// and cannot reach the controller.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "machine_description.hpp"
#include "rvm/hal/port.hpp"

namespace rvm::hal {

/// The interrupt with which cores call each other to the scheduler.
inline constexpr std::uint32_t reschedule_interrupt = 0;

/// Once, on the boot core, before begin_core_interrupts.
void begin_interrupts(const GicDescription& gic);
/// On each core: its private interrupts and CPU interface. `timer` is the private interrupt of the EL2 timer. An error is a
/// text for people.
[[nodiscard]] std::expected<void, std::string_view> begin_core_interrupts(Core& core, InterruptLine timer);
/// Routes a shared interrupt to `core` and permits it. What was pending is forgotten.
void enable_device_interrupt(InterruptLine line, const Core& core);
/// Permits it again. What came meanwhile is taken now.
void resume_device_interrupt(InterruptLine line);
void disable_device_interrupt(InterruptLine line);
void send_core_interrupt(const Core& target);

/// Number of the pending interrupt that was taken and completed, or `no_interrupt`.
inline constexpr std::uint32_t no_interrupt = 1023;
[[nodiscard]] std::uint32_t take_interrupt();

}  // namespace rvm::hal
