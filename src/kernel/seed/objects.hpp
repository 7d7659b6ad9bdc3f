// SPDX-License-Identifier: MIT OR Apache-2.0
//
// As ../appliance/objects.hpp for what IPC needs. There are no pages: queues are given to edges at boot, and a message fits its slot.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

[[nodiscard]] inline Result<PhysicalAddress> charged_run(State&, Partition&, std::uint32_t) {
  return fail(Error::resource_limit);
}
inline void free_charged_run(State&, Partition&, PhysicalAddress, std::uint32_t) {}

}  // namespace rvm::kernel
