// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "agents.hpp"
#include "state.hpp"

namespace rvm::kernel {

/// The orderly end, on the boot core: waits for the other cores, closes the log, reports, powers off.
[[noreturn]] void finish_machine(Guard& guard);

/// The machine line about one agent, at its end or the machine's.
void report_agent(const Agent& agent, std::string_view state);

}  // namespace rvm::kernel
