// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What becomes of regions when agents of one partition leave it for another: the rule that the kernel follows, and the replay
// after it, so that a record need not name every region.
#pragma once

#include <cstdint>

#include "rvm/abi.h"

namespace rvm::witness {

/// Capabilities to a region that agents of the partition have, and how many of them map it.
struct RegionUses {
  std::uint16_t staying = 0, staying_mapped = 0;  ///< of agents that stay
  std::uint16_t moving = 0, moving_mapped = 0;    ///< of agents that leave

  constexpr void add(bool by_mover, bool mapped) {
    ++(by_mover ? moving : staying);
    if (mapped) ++(by_mover ? moving_mapped : staying_mapped);
  }
  /// Both sides can reach it: both lose what is more than READ, and so does all that was derived from what they have (DC-8).
  [[nodiscard]] constexpr bool shared() const { return staying != 0 && moving != 0; }
};

/// Whether a region that belongs to the partition goes with those that leave (DC-9). What only one side can reach is that
/// side's. Otherwise, in basis points: half for the mappings that would be local, three tenths for the other capabilities whose
/// owner need not be asked elsewhere, and two tenths against moving it, the more the larger it is.
[[nodiscard]] constexpr bool moves(const RegionUses& uses, std::uint32_t pages) {
  constexpr std::uint32_t whole = 10'000;
  constexpr std::uint32_t largest = 512;  // pages of a region, by REGION_CREATE
  if (!uses.shared()) return uses.moving != 0;
  const auto share = [](std::uint32_t part, std::uint32_t other) {
    return part + other == 0 ? 0 : whole * part / (part + other);
  };
  const std::uint32_t size = pages < largest ? pages : largest;
  const std::uint32_t stay =
      5 * share(uses.staying_mapped, uses.moving_mapped) + 3 * share(uses.staying, uses.moving) + 2 * whole;
  const std::uint32_t go = 5 * share(uses.moving_mapped, uses.staying_mapped) + 3 * share(uses.moving, uses.staying) +
                           2 * (whole - whole * size / largest);
  return go > stay;
}

/// Whether a capability is what every agent is given to its own partition: one with no more than READ and WRITE that is alone,
/// derived from nothing and nothing derived from it. When the agent moves, it names the partition that the agent is in then.
[[nodiscard]] constexpr bool is_own_partition(std::uint8_t type, std::uint32_t object, std::uint8_t rights, bool alone,
                                              std::uint32_t partition) {
  return type == RVM_OBJECT_PARTITION && object == partition && alone &&
         (rights & ~unsigned{RVM_RIGHT_READ | RVM_RIGHT_WRITE}) == 0;
}

/// Of the records that a partition may cause per epoch, at least two, what `movers` of its `agents` take with them. At least one
/// is left.
[[nodiscard]] constexpr std::uint32_t split_record_quota(std::uint32_t quota, std::uint32_t movers,
                                                         std::uint32_t agents) {
  const auto part = static_cast<std::uint32_t>(std::uint64_t{quota} * movers / agents);
  return part != 0 ? part : 1;
}

/// What one of its `agents`, at least two, takes with it when it migrates: its share. So a partition that many come to and go from
/// neither runs out of records nor gathers those of others.
[[nodiscard]] constexpr std::uint32_t migrating_record_quota(std::uint32_t quota, std::uint32_t agents) {
  return quota / agents;
}

}  // namespace rvm::witness
