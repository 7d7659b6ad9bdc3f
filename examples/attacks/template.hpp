// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace attacks {

/// What forks do, by the top byte of their argument.
enum class Role : std::uint8_t {
  writer = 1,  ///< overwrites everything that it shares with its template
  watcher,     ///< sees to it that what it has does not change
  thief,       ///< reads the victim's memory
  bomb,        ///< makes more of itself
};

/// In the template's memory, and so in that of its forks. Pages of their own.
struct alignas(4096) Shared {
  static constexpr std::uint64_t magic = 0x5eed'0000'0000'0001;
  std::array<std::uint64_t, 1024> words;
  std::array<std::uint64_t, 512> end_of_bombs;  ///< [0]: nanoseconds since boot
};

}  // namespace attacks
