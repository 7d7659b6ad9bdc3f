// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For an image that is no hypervisor but a program on the bare machine, to check or to measure: it runs once, on the boot core,
// and then the machine is off. Links rvm_hal_program, which defines the functions of entry.hpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "rvm/hal/entry.hpp"

namespace rvm::hal::program {

/// What the program does; it defines this.
void run(const BootInformation& boot);

void print(std::string_view text);
void print(std::uint64_t number);
/// Says why, and turns the machine off.
[[noreturn]] void stop(std::string_view why);

}  // namespace rvm::hal::program
