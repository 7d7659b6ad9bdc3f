// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "rvm/abi.h"
#include "rvm/boot_package.h"
#include "rvm/cap/capability.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/memory/region.hpp"
#include "rvm/memory/stage_two.hpp"
#include "rvm/memory/vmid.hpp"
#include "rvm/partition/agent.hpp"
#include "rvm/partition/lifecycle.hpp"
#include "rvm/partition/list.hpp"
#include "rvm/sched/token_bucket.hpp"
#include "rvm/types/capacities.hpp"
#include "rvm/witness/placement.hpp"

namespace rvm::partition {

/// Dense position of a partition in the kernel's tables, unlike its id.
using PartitionIndex = Strong<struct PartitionIndexTag, std::uint16_t>;

/// A memory region as a kernel object. Its pages are mapped through capabilities, each of which knows where.
struct RegionObject {
  RegionId id;
  std::uint16_t reuse = 0;
  std::uint16_t next_free = 0;
  cap::ObjectCapabilities holders;
  std::uint16_t owner = 0;  ///< partition index
  memory::Region<hal::Port> region;
  Link<RegionObject> partition_link;
  Link<RegionObject> orphan_link;
  bool orphaned = false;     ///< nothing leads to it any more
  std::uint32_t census = 0;  ///< in which `uses` was counted
  witness::RegionUses uses;
};

/// A coherence domain: one stage-2 address space under one VMID, the agents in it, what it owns. The unit of isolation and
/// of fault containment. The kernel lock protects every member.
struct Partition {
  PartitionId id;
  std::uint16_t reuse = 0;
  std::uint16_t next_free = 0;
  cap::ObjectCapabilities holders;

  PartitionState state = PartitionState::created;
  rvm_partition_type type = RVM_PARTITION_AGENT;
  rvm_partition_mode mode = RVM_MODE_FLOW;
  bool live = false;           ///< its boundary may move
  std::uint8_t home = 0;       ///< the core that its agents prefer: those that talk share one
  std::uint16_t pressure = 0;  ///< cut pressure, basis points: what its agents have on top of their urgency

  capacity::Dynamic<memory::VmidTag> vmid;
  capacity::Dynamic<memory::PageAccount> account;
  capacity::Dynamic<memory::StageTwo<hal::Port>> space;

  List<Agent, &Agent::partition_link> agents;
  std::uint32_t agent_count = 0;
  std::uint32_t edge_count = 0;  ///< ends of edges that its agents hold
  List<RegionObject, &RegionObject::partition_link> regions;

  sched::TokenBucket records;                  ///< how fast its agents may cause witness records
  capacity::Dynamic<sched::TokenBucket> text;  ///< how fast they may print, in units of 16 bytes
  std::uint32_t record_quota = 0;              ///< per epoch
  Nanoseconds throttled_until{0};              ///< its agents pause until then
  bool flooding = false;                       ///< WitnessFlood was recorded for the current episode
  std::uint64_t refused = 0;
  Nanoseconds cpu{0};           ///< of its agents, while they were in it
  Nanoseconds cpu_surveyed{0};  ///< the same when the balance of the cores was last looked at

  std::array<char, capacity::name_bytes> name{};
};

}  // namespace rvm::partition
