// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How much the core's tables hold on this target: microcontrollers with 64 KiB of RAM or more. The targets differ
// in these numbers and in what they link, never in the sources of a module. Its counterpart is ../../appliance.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rvm::capacity {

inline constexpr unsigned capability_slots = 8;            ///< of an agent's table at most; slot 0 stays empty
inline constexpr std::size_t capability_table_step = 512;  ///< bytes by which a table grows
inline constexpr std::size_t merkle_levels = 32;           ///< of the log's tree: it holds 2^levels - 1 records
inline constexpr std::size_t inline_message_bytes = 48;    ///< of a queued message; there are no longer ones
inline constexpr std::size_t line_bytes = 176;             ///< of a line on the console
inline constexpr std::size_t name_bytes = 12;              ///< of partitions and agents, with the NUL
inline constexpr std::uint16_t first_pool_slot = 1;  ///< index of the first in a pool's storage; index 0 is never used

/// What only machines have on which partitions, their memory and their agents change at run time: nothing is kept here.
template <typename T>
struct Nothing {};
template <typename T>
using Dynamic = Nothing<T>;

}  // namespace rvm::capacity
