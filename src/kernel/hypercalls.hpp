// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The hypercalls that name an object. P1 has passed: `authority` says so, `object` is the capability in x1.
#pragma once

#include "arena.hpp"
#include "ipc.hpp"
#include "state.hpp"

namespace rvm::kernel {

/// What a handler works with.
struct Request {
  State& s;
  Core& core;
  Agent& caller;
  Partition& partition;  ///< the caller's
  hal::Context& registers;
  const security::Authority& authority;
  cap::Capability* object;  ///< nullptr for operations without one

  [[nodiscard]] std::uint64_t argument(unsigned i) const { return registers.reg(i); }
  void result(unsigned i, std::uint64_t value) const { registers.reg(i) = value; }
  /// P1 for a second handle among the arguments.
  [[nodiscard]] Result<cap::Capability*> second(unsigned i, ObjectType type, Rights needed) const {
    return caller.capabilities->check(Handle::from_abi(argument(i)), type, needed);
  }
  /// Of operations for which the policy table names a type.
  [[nodiscard]] cap::Capability& capability() const {
    ensure(object != nullptr);
    return *object;
  }
  [[nodiscard]] std::uint32_t object_id() const { return capability().object_id(); }
  [[nodiscard]] Partition* object_partition() const { return s.partitions.find(PartitionId{object_id()}); }
  [[nodiscard]] Agent* object_agent() const { return s.agents.find(AgentId{object_id()}); }
  [[nodiscard]] Edge* object_edge() const { return s.edges.find(EdgeId{object_id()}); }
  [[nodiscard]] RegionObject* object_region() const { return s.regions.find(RegionId{object_id()}); }
  [[nodiscard]] cap::CapabilityRef object_ref() const {
    return cap::CapabilityTree::ref_of(table_of(caller), capability());
  }
};

/// The edge in x2, which must be the caller's own to send on and have room for one message; nullptr: refused.
struct Channel {
  Edge* edge = nullptr;
  Outcome refusal{Error::ok};
};
Channel channel_of(const Request& r);

/// The hypercall is repeated a little later, because other cores must leave something first.
Outcome again(const Request& r);

// hypercalls_partition.cpp
Outcome partition_create(const Request& r);
Outcome partition_destroy(const Request& r);
Outcome partition_suspend(const Request& r);
Outcome partition_resume(const Request& r);
Outcome partition_info(const Request& r);
Outcome agent_spawn(const Request& r);
Outcome agent_fork(const Request& r);
Outcome agent_terminate(const Request& r);
Outcome agent_info(const Request& r);
Outcome agent_suspend(const Request& r);
Outcome agent_resume(const Request& r);

// hypercalls_relocation.cpp
Outcome agent_migrate(const Request& r);
Outcome partition_split(const Request& r);
Outcome partition_merge(const Request& r);

// hypercalls_capability.cpp
Outcome cap_derive(const Request& r);
Outcome cap_revoke(const Request& r);
Outcome cap_drop(const Request& r);
Outcome cap_transfer(const Request& r);
Outcome cap_inspect(const Request& r);
Outcome edge_create(const Request& r);
Outcome edge_destroy(const Request& r);

// hypercalls_region.cpp
Outcome region_create(const Request& r);
Outcome region_destroy(const Request& r);
Outcome region_map(const Request& r);
Outcome region_unmap(const Request& r);
Outcome region_share(const Request& r);
Outcome region_unshare(const Request& r);
Outcome region_transfer(const Request& r);

// hypercalls_device.cpp
Outcome lease_grant(const Request& r);
Outcome lease_renew(const Request& r);
Outcome lease_release(const Request& r);
Outcome lease_info(const Request& r);
Outcome device_acknowledge(const Request& r);
Outcome device_configuration(const Request& r);
Outcome device_submit(const Request& r);
Outcome device_complete(const Request& r);

// hypercalls_self.cpp
Outcome self_info(const Request& r);
Outcome yield(const Request& r);
Outcome sleep_until(const Request& r);
Outcome exit(const Request& r);
Outcome console_write(const Request& r);
Outcome memory_seal(const Request& r);
Outcome witness_head(const Request& r);
Outcome witness_read(const Request& r);

// hypercalls_observe.cpp
Outcome system_read(const Request& r);
Outcome cap_obtain(const Request& r);

// turn.cpp
Outcome turn_commit(const Request& r);
Outcome turn_abort(const Request& r);

}  // namespace rvm::kernel
