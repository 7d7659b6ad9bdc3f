// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How much the core's tables hold on this target: the appliance, and the host, which runs the appliance's core. The targets differ
// in these numbers and in what they link, never in the sources of a module. Its counterpart is ../../seed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rvm::capacity {

inline constexpr unsigned capability_slots = 256;           ///< of an agent's table at most; slot 0 stays empty
inline constexpr std::size_t capability_table_step = 4096;  ///< bytes by which a table grows
inline constexpr std::size_t merkle_levels = 64;            ///< of the log's tree: it holds 2^levels - 1 records
inline constexpr std::size_t inline_message_bytes = 240;  ///< of a queued message; longer ones get a page of their own
inline constexpr std::size_t line_bytes = 1200;           ///< of a line on the console
inline constexpr std::size_t name_bytes = 32;             ///< of partitions and agents, with the NUL
inline constexpr std::uint16_t first_pool_slot = 0;  ///< index of the first in a pool's storage; index 0 is never used

/// What only machines have on which partitions, their memory and their agents change at run time: such as this one.
template <typename T>
using Dynamic = T;

}  // namespace rvm::capacity
