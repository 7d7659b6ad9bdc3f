// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>

#include "host/control/connection.hpp"

namespace rvm::host {

/// A boundary that was to be moved by hand, as it was seen before the machine was asked.
struct Attempt {
  const Snapshot* seen = nullptr;
  std::string what;  ///< "merge right into left"
  const rvm_agent_status* agent = nullptr;
  const rvm_partition_status* from = nullptr;
  const rvm_partition_status* to = nullptr;  ///< not of a split
};

/// Why the machine would not, and what can be done: from its status, and where that covers several reasons, from what was seen.
[[nodiscard]] Failure refusal_of(std::uint32_t status, const Attempt& attempt);

}  // namespace rvm::host
