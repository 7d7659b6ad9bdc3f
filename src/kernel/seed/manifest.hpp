// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The manifest as it is compiled into a board's image. tools/seed_image.py makes it from a swarm.toml.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/abi.h"

namespace rvm::kernel {

struct ManifestPartition {
  const char* name;
  std::uint8_t type;  ///< rvm_partition_type
  std::uint8_t mode;  ///< rvm_partition_mode
  std::uint16_t record_quota;
};

struct ManifestAgent {
  const char* name;
  std::uint8_t partition;  ///< index
  bool service;
  std::uint16_t priority;                           ///< 0..10000
  std::uint32_t period_us, budget_us, deadline_us;  ///< 0: none
  std::uint32_t restarts_max;                       ///< more faults than this, and it stays down
  std::uint32_t program, program_bytes;             ///< where it was flashed
  std::uint32_t data, data_bytes;                   ///< its RAM
};

struct ManifestEdge {
  std::uint8_t sender, receiver;  ///< indices
  std::uint8_t queue;             ///< messages; 0: for calls only
  std::uint8_t notify_bit;
  std::uint32_t badge;
  const char* name;       ///< by which the sender finds it
  const char* peer_name;  ///< by which the receiver does
};

struct Manifest {
  std::span<const ManifestPartition> partitions;
  std::span<const ManifestAgent> agents;
  std::span<const ManifestEdge> edges;
  std::uint32_t epoch_us;               ///< between summaries in the log
  std::uint32_t head_ms;                ///< between signed tree heads, at least
  std::uint32_t run_for_ms;             ///< 0: for ever
  std::array<std::uint8_t, 32> digest;  ///< SHA-256 of the file it was made from
};
extern const Manifest manifest;

/// What an agent's program begins with (sdk/seed/agent.ld).
struct ProgramHeader {
  std::uint32_t magic;
  std::uint32_t entry;
  std::uint32_t data_load, data_start, data_end, bss_end;  ///< from data_load to data_start; zeros up to bss_end
  std::uint32_t stack_top;
  std::uint32_t information;  ///< address of its rvm_seed_information
};
inline constexpr std::uint32_t program_magic = 0x4145'5352;  // "RSEA"

}  // namespace rvm::kernel
