// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How the fields of records pack what an action did (the kinds table names them): the kernel packs, the replay unpacks.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "rvm/abi.h"
#include "rvm/witness/kinds.hpp"

namespace rvm::witness {

// flags of records of actions on objects: a slot, rights or the like in the low bits, and these.

/// The action failed after its record was reserved; the error code is in payload, all else is 0.
inline constexpr std::uint16_t record_failed = 0x8000;
/// One part of a long action; another part follows.
inline constexpr std::uint16_t record_unfinished = 0x4000;
/// CapabilityRevoke, instead of a slot: all capabilities to the object, which ended before.
inline constexpr std::uint16_t all_capabilities = 0x1000;
/// CapabilityRevoke, instead of a slot: those that an agent held, which ended before; with all_capabilities, what was derived
/// from them goes too, else it goes up to whom the agent had them from.
inline constexpr std::uint16_t agents_capabilities = 0x2000;

[[nodiscard]] constexpr std::uint16_t slot_of(std::uint16_t flags) { return flags & 0xffu; }

/// Agents share the guest-physical space: the agent with index i has the i-th slot of this size. BootComplete tells the size of the
/// space: 40 bits hold 4 096 slots, 44 bits 16 384.
[[nodiscard]] constexpr std::uint64_t agent_slot_bytes(unsigned address_bits) {
  return std::uint64_t{1} << (address_bits < 44 ? address_bits - 12 : address_bits - 14);
}

/// aux of RegionShare and RegionTransfer: which capability was derived from or moved, and where the other one lies.
struct RegionPlaces {
  std::uint16_t generation;  ///< of the slot in the receiver's table
  std::uint8_t to_slot;
  std::uint8_t from_slot;
  std::uint32_t edge;  ///< on which it was sent
};
[[nodiscard]] constexpr std::uint64_t pack(const RegionPlaces& p) {
  return std::uint64_t{p.generation} << 48 | std::uint64_t{p.to_slot} << 40 | std::uint64_t{p.from_slot} << 32 | p.edge;
}
[[nodiscard]] constexpr RegionPlaces region_places(std::uint64_t aux) {
  return {static_cast<std::uint16_t>(aux >> 48), static_cast<std::uint8_t>(aux >> 40),
          static_cast<std::uint8_t>(aux >> 32), static_cast<std::uint32_t>(aux)};
}

/// A slot of an agent's own table, in 32 bits.
[[nodiscard]] constexpr std::uint32_t place(std::uint16_t agent_index, std::uint16_t slot) {
  return std::uint32_t{agent_index} << 16 | slot;
}

/// What an agent holds from its beginning, which the record of that implies: in the slots from 1, in this order, of generation 1,
/// not derived from anything. So a fork finds under the handles in its memory what its original had under them.
struct StandardCapability {
  std::uint8_t type;  ///< rvm_object_type
  std::uint8_t rights;
  std::string_view name;  ///< in the agent's directory
};
inline constexpr std::array standard_capabilities{
    StandardCapability{RVM_OBJECT_CONSOLE, RVM_RIGHT_WRITE, RVM_DIRECTORY_CONSOLE},
    StandardCapability{RVM_OBJECT_PARTITION, RVM_RIGHT_READ | RVM_RIGHT_WRITE, RVM_DIRECTORY_PARTITION},
    StandardCapability{RVM_OBJECT_AGENT, RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_GRANT | RVM_RIGHT_PROVE,
                       RVM_DIRECTORY_SELF}};
/// Which object it leads to: the one console, the agent's partition, or the agent.
[[nodiscard]] constexpr std::uint32_t standard_object(const StandardCapability& c, std::uint32_t partition,
                                                      std::uint32_t agent) {
  constexpr std::uint32_t console = 1;
  return c.type == RVM_OBJECT_CONSOLE ? console : c.type == RVM_OBJECT_PARTITION ? partition : agent;
}

/// The payload of records that place a capability: type in bits 0-7, rights in 8-15, generation of its slot in 16-31, and in
/// 32-63 the holder's agent id (of a capability derived into the own table: the place it was derived from).
[[nodiscard]] constexpr std::uint64_t authority(std::uint8_t type, std::uint8_t rights, std::uint16_t generation,
                                                std::uint32_t holder) {
  return std::uint64_t{type} | std::uint64_t{rights} << 8 | std::uint64_t{generation} << 16 |
         std::uint64_t{holder} << 32;
}

/// First 8 bytes of a name, as the `name` field of records.
[[nodiscard]] constexpr std::uint64_t name_word(std::string_view name) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < name.size() && i < 8; ++i)
    word |= std::uint64_t{static_cast<unsigned char>(name[i])} << (8 * i);
  return word;
}
[[nodiscard]] constexpr std::uint64_t pair_word(std::uint32_t high, std::uint32_t low) {
  return std::uint64_t{high} << 32 | low;
}

/// Kinds whose records have the flags above.
[[nodiscard]] constexpr bool changes_objects(Kind kind) {
  const auto value = static_cast<std::uint8_t>(kind);
  return (value >= 0x01 && value <= 0x29) || kind == Kind::comm_edge_create || kind == Kind::comm_edge_destroy ||
         kind == Kind::task_spawn || kind == Kind::task_terminate || kind == Kind::task_suspend ||
         kind == Kind::task_resume || kind == Kind::task_fork || (value >= 0x40 && value <= 0x43);
}

}  // namespace rvm::witness
