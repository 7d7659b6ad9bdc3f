// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "rvm/agent.h"

namespace attacks {

/// What the neighbour tells about itself.
struct Told {
  std::array<rvm_handle, 70> regions;  ///< its own handles: more than the first page of its table holds
};
constexpr std::uint64_t lent_word = 0x1e47'1e47'1e47'1e47;  ///< in the region that it lends

}  // namespace attacks
