// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A request to split a partition names those who leave by their rank, as PARTITION_SPLIT does. Ranks shift when an agent ends or
// comes, so the request also says of which members it speaks: it has an effect only on a partition whose members these are.
#pragma once

#include <cstdint>
#include <span>

namespace rvm::control {

/// Agents that a partition has at most, and ranks that a request can name.
inline constexpr std::size_t members_limit = 64;

/// Stands for these agent ids in this order: the first 8 bytes, little-endian, of the SHA-256 of all, each in 4 bytes.
[[nodiscard]] std::uint64_t members_digest(std::span<const std::uint32_t> agents);

}  // namespace rvm::control
