// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How the port enters the core of a microcontroller, beside rvm/hal/entry.hpp. `kernel` defines these.
#pragma once

#include <cstddef>
#include <span>

#include "rvm/hal/entry.hpp"
#include "rvm/types/time.hpp"

namespace rvm::kernel {

/// Called once after reset, on the worker's stack, interrupts masked. `image`: the whole of what was flashed, to be measured.
/// Goes on as the worker.
[[noreturn]] void start(std::span<const std::byte> image);
/// The timer's interrupt, the only one there is, was taken at `now`.
hal::Context& on_timer_interrupt(hal::Context& interrupted, Nanoseconds now);
/// The worker asked for a new decision (hal::request_reschedule).
hal::Context& on_reschedule(hal::Context& worker);

}  // namespace rvm::kernel

namespace rvm::hal {

/// From the worker: on_reschedule is called as soon as nothing masks it.
void request_reschedule();
/// The worker begins: interrupts come from here on.
void unmask_interrupts();

}  // namespace rvm::hal
