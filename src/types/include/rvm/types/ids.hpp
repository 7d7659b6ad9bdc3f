// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/types/strong.hpp"

namespace rvm {

using PartitionId = Strong<struct PartitionIdTag, std::uint32_t>;  ///< 0 is the hypervisor, 1 the control partition
using AgentId = Strong<struct AgentIdTag, std::uint32_t>;          ///< 0 names no agent
using RegionId = Strong<struct RegionIdTag, std::uint32_t>;
using EdgeId = Strong<struct EdgeIdTag, std::uint32_t>;
using CoreIndex = Strong<struct CoreIndexTag, std::uint32_t>;    ///< dense, 0 is the boot core
using Generation = Strong<struct GenerationTag, std::uint16_t>;  ///< of a slot; never 0 while the slot is live

inline constexpr PartitionId hypervisor_partition{0};
inline constexpr PartitionId control_partition{1};

/// Next generation of a slot: skips 0, so that a zeroed handle never resolves.
[[nodiscard]] constexpr Generation next(Generation g) {
  return Generation{static_cast<std::uint16_t>(g.value == UINT16_MAX ? 1 : g.value + 1)};
}

}  // namespace rvm
