// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>

#include "host/manifest/manifest.hpp"

namespace rvm::host {

/// What `[control] enabled = true` adds to a manifest: the control agent, in the control partition, with the console on which its
/// operator speaks to it and what it does its work with.
struct ControlEntries {
  AgentEntry agent;
  DeviceEntry device;
  std::array<GrantEntry, 3> grants;
};
[[nodiscard]] const ControlEntries& control_entries();

}  // namespace rvm::host
