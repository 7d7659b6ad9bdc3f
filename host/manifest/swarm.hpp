// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A manifest with replicas and patterns expanded: the exact partitions, agents, edges, grants and devices of the
// machine, by index, within every limit.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "host/manifest/manifest.hpp"

namespace rvm::host {

struct SwarmPartition {
  std::string name;
  const PartitionEntry* entry = nullptr;  ///< nullptr for the control partition
};

struct SwarmAgent {
  std::string name;
  std::uint32_t partition = 0;  ///< index
  std::vector<std::string> arguments;
  const AgentEntry* entry = nullptr;
};

struct SwarmEdge {
  std::string name;
  std::string peer_name;
  std::uint32_t sender = 0;  ///< agent index
  std::uint32_t receiver = 0;
  const EdgeEntry* entry = nullptr;
};

struct SwarmGrant {
  std::string name;
  std::uint32_t agent = 0;   ///< index
  std::uint32_t object = 0;  ///< index of a partition, agent or device; UINT32_MAX = the hypervisor
  const GrantEntry* entry = nullptr;
};

struct SwarmDevice {
  std::string name;
  const DeviceEntry* entry = nullptr;
};

/// Entries point into the manifest it was expanded from, which must outlive it.
struct Swarm {
  std::vector<SwarmPartition> partitions;  ///< index 0 is the control partition
  std::vector<SwarmAgent> agents;
  std::vector<SwarmEdge> edges;
  std::vector<SwarmGrant> grants;
  std::vector<SwarmDevice> devices;
};

inline constexpr std::uint32_t partitions_limit = 4095;  ///< with the hypervisor 4096
inline constexpr std::uint32_t agents_limit = 4095;      ///< id 0 names no agent
inline constexpr std::uint32_t agents_per_partition_limit = 64;
inline constexpr std::uint32_t edges_per_partition_limit = 64;
inline constexpr std::uint32_t standard_directory_entries = 3;  ///< console, partition, self

[[nodiscard]] std::expected<Swarm, Diagnostics> expand(const Manifest& manifest);

}  // namespace rvm::host
