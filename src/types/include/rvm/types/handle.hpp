// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/types/ids.hpp"

namespace rvm {

/// What user code holds in place of a capability: a slot index of its own agent's table and that slot's generation.
struct Handle {
  std::uint16_t slot = 0;
  Generation generation;

  [[nodiscard]] static constexpr Handle from_abi(std::uint64_t raw) {
    // Bits above 31 make it no handle at all; generation 0 never resolves.
    const auto generation = static_cast<std::uint16_t>(raw >> 32 == 0 ? raw >> 16 : 0);
    return {static_cast<std::uint16_t>(raw), Generation{generation}};
  }
  [[nodiscard]] constexpr std::uint32_t to_abi() const {
    return static_cast<std::uint32_t>(slot) | static_cast<std::uint32_t>(generation.value) << 16;
  }
  friend constexpr bool operator==(Handle, Handle) = default;
};

}  // namespace rvm
