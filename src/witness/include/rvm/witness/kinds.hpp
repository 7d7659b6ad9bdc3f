// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every kind of witness record and what its per-kind fields mean: the one table from which the enumeration, the host's
// decoder and the documentation come.
//
// Terms used below. "a:b" is two 32-bit halves, a in bits 32-63. An "authority" is the payload of capability records:
// object type in bits 0-7, rights in bits 8-15, generation of the slot in bits 16-31, holder's agent id in bits 32-63.
// "Places" say in bits 48-63 the generation and in 40-47 the number of the slot that a capability went to, in 32-39 the slot
// that it came from, and in 0-31 the edge, whose sender had it and whose receiver has it. Actions on objects have bit 14 of the
// flags set when another part of the same action follows, bit 15 when the action failed, with the error as payload
// (effects.hpp). A "name" is the first 8 bytes of the object's name, zero-padded. "-" means the field is 0.
//
// TaskSpawn and TaskFork stand for the agent's standard capabilities as well, and TaskTerminate for the end of its leases, of
// its mappings and of its ends of edges (effects.hpp, src/witness/verify/replay.cpp). Its capabilities go with the
// CapabilityRevoke records that follow.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace rvm::witness {

// X(enumerator, value, Name, target, flags, payload, aux)
#define RVM_WITNESS_KIND_TABLE(X) \
  X(partition_create, 0x01, PartitionCreate, "partition", "type", "witness quota:page quota", "name") \
  X(partition_destroy, 0x02, PartitionDestroy, "partition", "-", "pages held", \
    "capabilities to its regions removed:regions destroyed") \
  X(partition_suspend, 0x03, PartitionSuspend, "partition", "-", "-", "-") \
  X(partition_resume, 0x04, PartitionResume, "partition", "-", "-", "-") \
  X(partition_split, 0x05, PartitionSplit, "partition that stays", "reason", "new partition:its page quota", \
    "agents that left, by rank of their index") \
  X(partition_merge, 0x06, PartitionMerge, "surviving partition", "reason", "absorbed partition", "agents moved") \
  X(partition_hibernate, 0x07, PartitionHibernate, "partition", "tier", "pages", "state digest") \
  X(partition_reconstruct, 0x08, PartitionReconstruct, "partition", "tier", "pages", "state digest") \
  X(partition_migrate, 0x09, PartitionMigrate, "agent", "reason", "from partition:to partition", \
    "capabilities reduced to READ:pages") \
  X(capability_grant, 0x10, CapabilityGrant, "object", "slot", "authority", "badge") \
  X(capability_revoke, 0x11, CapabilityRevoke, "object", \
    "slot; 0x1000: all to an object that ended; 0x2000: all that an agent held that ended, 0x3000: and all derived", \
    "authority; 0x2000: derived capabilities handed up", "capabilities removed") \
  X(capability_delegate, 0x12, CapabilityDelegate, "object", "slot in the holder's table", "authority", \
    "giver agent:giver's slot") \
  X(capability_escalate, 0x13, CapabilityEscalate, "object", "slot", "authority", "rights before") \
  X(capability_attenuated, 0x14, CapabilityAttenuated, "object", "slot", \
    "authority, with index of the agent << 16 | slot it was derived from as holder", "badge") \
  X(region_create, 0x20, RegionCreate, "region", "tier", "owner partition:pages", "-") \
  X(region_destroy, 0x21, RegionDestroy, "region", "-", "owner partition:pages", "-") \
  X(region_transfer, 0x22, RegionTransfer, "region", "-", "from partition:to partition", "places") \
  X(region_share, 0x23, RegionShare, "region", "rights", "from partition:to partition", "places") \
  X(region_unshare, 0x24, RegionUnshare, "region", "slot", "capabilities removed", "agent:mappings removed") \
  X(region_promote, 0x25, RegionPromote, "region", "from tier | to tier << 8", "bytes", "-") \
  X(region_demote, 0x26, RegionDemote, "region", "from tier | to tier << 8", "bytes", "-") \
  X(region_map, 0x27, RegionMap, "region", "permissions", "guest address", "slot:pages") \
  X(region_unmap, 0x28, RegionUnmap, "region", "-", "guest address", "slot:pages") \
  X(memory_seal, 0x29, MemorySeal, "agent", "-", "guest address", "pages") \
  X(comm_edge_create, 0x30, CommEdgeCreate, "edge", "queue length", "sending agent:receiving agent", "badge") \
  X(comm_edge_destroy, 0x31, CommEdgeDestroy, "edge", "-", "sending agent:receiving agent", "messages dropped") \
  X(ipc_send, 0x32, IpcSend, "edge", "0 one message, 1 sum of an epoch", "messages", "bytes") \
  X(ipc_receive, 0x33, IpcReceive, "edge", "0 one message, 1 sum of an epoch", "messages", "bytes") \
  X(zero_copy_share, 0x34, ZeroCopyShare, "region", "rights", "from partition:to partition", "bytes") \
  X(notification_signal, 0x35, NotificationSignal, "agent", "0 one signal, 1 sum of an epoch", "bits", "signals") \
  X(device_lease_grant, 0x40, DeviceLeaseGrant, "device", "slot of the capability", \
    "holder agent, page of its slot where the registers are mapped", "expiry ns") \
  X(device_lease_revoke, 0x41, DeviceLeaseRevoke, "device", "-", "holder agent", "expiry ns") \
  X(device_lease_expire, 0x42, DeviceLeaseExpire, "device", "-", "holder agent", "expiry ns") \
  X(device_lease_renew, 0x43, DeviceLeaseRenew, "device", "-", "holder agent", "expiry ns") \
  X(device_failed, 0x44, DeviceFailed, "device", "-", "-", "-") \
  X(proof_verified_p1, 0x50, ProofVerifiedP1, "object", "operation", "checks", "-") \
  X(proof_verified_p2, 0x51, ProofVerifiedP2, "object", "operation", "proof digest", "nonce") \
  X(proof_verified_p3, 0x52, ProofVerifiedP3, "object", "operation", "proof digest", "nonce") \
  X(proof_rejected, 0x53, ProofRejected, "calling agent", "operation | error << 8", "first argument", \
    "second argument") \
  X(proof_escalated, 0x54, ProofEscalated, "object", "operation", "from tier:to tier", "-") \
  X(scheduler_epoch, 0x60, SchedulerEpoch, "core", "agents ready", "epoch", "switches") \
  X(scheduler_mode_switch, 0x61, SchedulerModeSwitch, "core", "from mode | to mode << 8", "epoch", "-") \
  X(task_spawn, 0x62, TaskSpawn, "agent", "image index", "partition:priority", "name") \
  X(task_terminate, 0x63, TaskTerminate, "agent", "0 exited, 1 faulted, 2 terminated", "exit code or fault address", \
    "CPU ns") \
  X(structural_split, 0x64, StructuralSplit, "partition", "-", "new id:new id", "cut value") \
  X(structural_merge, 0x65, StructuralMerge, "surviving partition", "-", "absorbed id", "-") \
  X(task_suspend, 0x66, TaskSuspend, "agent", "-", "-", "-") \
  X(task_resume, 0x67, TaskResume, "agent", "-", "-", "-") \
  X(task_fork, 0x68, TaskFork, "agent", "image index", "partition:priority", "original agent") \
  X(recovery_enter, 0x70, RecoveryEnter, "agent, 0 for the log", "failure class | fault kind << 8", \
    "fault address; log: records found beyond the superblock", "syndrome; log: 1 if a torn tail was cut") \
  X(recovery_exit, 0x71, RecoveryExit, "agent, 0 for the log", "failure class", "-", "duration ns") \
  X(checkpoint_created, 0x72, CheckpointCreated, "partition", "-", "checkpoint", "state digest") \
  X(checkpoint_restored, 0x73, CheckpointRestored, "partition", "-", "checkpoint", "state digest") \
  X(min_cut_budget_exceeded, 0x74, MinCutBudgetExceeded, "partition", "-", "budget ns", "used ns") \
  X(degraded_mode_entered, 0x75, DegradedModeEntered, "core", "reason", "epoch", "-") \
  X(degraded_mode_exited, 0x76, DegradedModeExited, "core", "reason", "epoch", "-") \
  X(boot_attestation, 0x80, BootAttestation, "cores", "phase | boot package flags << 8", "measurement so far", \
    "Unix time of boot, ns") \
  X(boot_complete, 0x81, BootComplete, "cores", "VMID bits | guest address bits << 8", "final measurement", \
    "attestation key") \
  X(tee_attestation, 0x82, TeeAttestation, "partition", "technology", "measurement", "nonce") \
  X(vector_put, 0x90, VectorPut, "collection", "-", "key", "value digest") \
  X(vector_delete, 0x91, VectorDelete, "collection", "-", "key", "-") \
  X(graph_mutation, 0x92, GraphMutation, "graph", "operation", "from:to", "weight") \
  X(coherence_recomputed, 0x93, CoherenceRecomputed, "partition", "score in basis points", "epoch", "pressure") \
  X(gpu_context_create, 0xa0, GpuContextCreate, "context", "-", "memory bytes", "budget ns") \
  X(gpu_context_destroy, 0xa1, GpuContextDestroy, "context", "-", "memory bytes", "used ns") \
  X(gpu_kernel_launch, 0xa2, GpuKernelLaunch, "context", "-", "kernel | groups x << 16 | y << 32 | z << 48", \
    "timeout ns") \
  X(gpu_kernel_complete, 0xa3, GpuKernelComplete, "context", "kernel", "duration ns", "-") \
  X(gpu_kernel_timeout, 0xa4, GpuKernelTimeout, "context", "kernel", "duration ns", "timeout ns") \
  X(gpu_buffer_alloc, 0xa5, GpuBufferAlloc, "buffer", "-", "bytes", "context") \
  X(gpu_buffer_free, 0xa6, GpuBufferFree, "buffer", "-", "bytes", "context") \
  X(gpu_transfer, 0xa7, GpuTransfer, "buffer", "0 to device, 1 from device", "bytes", "region") \
  X(gpu_sync, 0xa8, GpuSync, "context", "-", "wait ns", "-") \
  X(gpu_budget_exceeded, 0xa9, GpuBudgetExceeded, "context", "resource", "used", "budget") \
  X(gpu_iommu_violation, 0xaa, GpuIommuViolation, "context", "write", "address", "-") \
  X(gpu_compile_fail, 0xab, GpuCompileFail, "context", "error", "source digest", "-") \
  X(gpu_device_not_found, 0xac, GpuDeviceNotFound, "device", "-", "-", "-") \
  X(vmid_reclaim, 0xb0, VmidReclaim, "partition", "VMID", "generation", "VMIDs reclaimed") \
  X(migration_timeout, 0xb1, MigrationTimeout, "partition", "-", "destination partition", "waited ns") \
  X(witness_flood, 0xb2, WitnessFlood, "partition", "-", "records in the epoch", "quota") \
  X(tree_head, 0xb3, TreeHead, "-", "1 the last record before an orderly shutdown", "tree size before this record", \
    "first 8 bytes of that tree's root") \
  X(turn_commit, 0xb4, TurnCommit, "agent", "messages sent", "message digest", "state root") \
  X(turn_abort, 0xb5, TurnAbort, "agent", "reason, as the agent names it", "message digest", "state root") \
  X(failure_escalated, 0xb6, FailureEscalated, "agent", "from class | to class << 8", "fault address", "syndrome")

enum class Kind : std::uint8_t {
#define RVM_X(enumerator, value, name, target, flags, payload, aux) enumerator = value,
  RVM_WITNESS_KIND_TABLE(RVM_X)
#undef RVM_X
};

struct KindDescription {
  Kind kind;
  std::string_view name;
  std::string_view target;
  std::string_view flags;
  std::string_view payload;
  std::string_view aux;
};

/// Ascending by value. The kernel does not refer to it, so none of the text is in its image.
inline constexpr std::array kinds{
#define RVM_X(enumerator, value, name, target, flags, payload, aux) \
  KindDescription{Kind::enumerator, #name, target, flags, payload, aux},
    RVM_WITNESS_KIND_TABLE(RVM_X)
#undef RVM_X
};

/// nullptr for a value that is no kind.
[[nodiscard]] constexpr const KindDescription* describe(Kind kind) {
  for (const KindDescription& description : kinds) {
    if (description.kind == kind) return &description;
  }
  return nullptr;
}

/// By its table name, such as "PartitionCreate"; nullptr if there is none.
[[nodiscard]] constexpr const KindDescription* find_kind(std::string_view name) {
  for (const KindDescription& description : kinds) {
    if (description.name == name) return &description;
  }
  return nullptr;
}

}  // namespace rvm::witness
