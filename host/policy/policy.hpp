// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "host/common/failure.hpp"

namespace rvm::host {

enum class PolicyFormat : std::uint8_t { text, json, markdown };

/// `rvm policy`: what each hypercall demands, from the table that the kernel is compiled from.
[[nodiscard]] ExitCode policy_command(PolicyFormat format);

}  // namespace rvm::host
