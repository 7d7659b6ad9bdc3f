/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The RVM hypercall interface, version 1. C-compatible; shared by the kernel, the agent SDK and the host tools.
 *
 * Calling convention (AArch64): `HVC #0`, operation in x0, arguments in x1-x7. On return x0 holds an rvm_error and
 * x1-x7 the results; registers that an operation does not name are preserved. The IPC operations that carry a message
 * use x2-x9 for its 64 bytes.
 *
 * A *handle* names a slot of the calling agent's capability table: slot index in bits 0-15, the slot's generation in bits
 * 16-31. Generations skip 0, so 0 is never a valid handle. It means nothing to any other agent. Pointers are guest-physical
 * addresses.
 */
#ifndef RVM_ABI_H
#define RVM_ABI_H

#include <stdint.h>

#define RVM_ABI_VERSION 1u

#define RVM_PAGE_SIZE 4096u
#define RVM_MESSAGE_REGISTERS 8u    /* x2..x9 of call, reply and reply_wait */
#define RVM_MESSAGE_BYTES_MAX 4096u /* largest message of send and receive */
#define RVM_TURN_MESSAGES_MAX 64u   /* messages that one turn_commit sends */
#define RVM_TURN_REASON_MAX 255u    /* of turn_abort; what a reason means is the agent's to say */
#define RVM_CONSOLE_BYTES_MAX 256u  /* largest console_write */
#define RVM_NAME_BYTES 32u          /* names are NUL-terminated inside this */
#define RVM_INVALID_HANDLE 0u
#define RVM_FOREVER UINT64_MAX /* as a deadline: block without limit; 0: do not block */

/* Object types a capability can name. */
#define RVM_OBJECT_TABLE(X) \
  X(NONE, 0, "no object: the operation concerns the calling agent itself") \
  X(PARTITION, 1, "a partition; id 0 is the hypervisor, whose WRITE right permits partition_create") \
  X(AGENT, 2, "an agent") \
  X(REGION, 3, "a memory region") \
  X(EDGE, 4, "a one-way channel between two agents") \
  X(DEVICE, 5, "a device, which may be leased") \
  X(WITNESS, 6, "the witness log") \
  X(CONSOLE, 7, "the text console") \
  X(ANY, 255, "only in the policy table: any type")

enum rvm_object_type {
#define RVM_X(name, value, doc) RVM_OBJECT_##name = value,
  RVM_OBJECT_TABLE(RVM_X)
#undef RVM_X
};

/* Rights of a capability, one bit each. */
#define RVM_RIGHT_TABLE(X) X(READ, 0) X(WRITE, 1) X(GRANT, 2) X(REVOKE, 3) X(EXECUTE, 4) X(PROVE, 5) X(GRANT_ONCE, 6)

enum rvm_right {
#define RVM_X(name, bit) RVM_RIGHT_##name = 1 << (bit),
  RVM_RIGHT_TABLE(RVM_X)
#undef RVM_X
      RVM_RIGHT_ALL = 0x7f
};

/* Errors: name, value, failure class (1-4, system specification DC-14; 0 = none), text for people. */
#define RVM_ERROR_TABLE(X) \
  X(OK, 0, 0, "success") \
  X(BAD_OPERATION, 1, 1, "no such hypercall") \
  X(BAD_CAPABILITY, 2, 1, "the handle names no live capability of this agent") \
  X(WRONG_TYPE, 3, 1, "the capability is for another type of object") \
  X(RIGHTS, 4, 1, "the capability lacks a right that the operation needs") \
  X(BAD_ARGUMENT, 5, 1, "an argument is outside its range") \
  X(BAD_ADDRESS, 6, 1, "an address is not mapped with the needed permission, or wraps") \
  X(UNALIGNED, 7, 1, "an address or length is not aligned as required") \
  X(BAD_STATE, 8, 1, "the object is not in a state that permits this") \
  X(NO_MEMORY, 9, 1, "no free page within the machine or the partition's quota") \
  X(RESOURCE_LIMIT, 10, 1, "a queue, table or quota is full") \
  X(TIMED_OUT, 11, 1, "the deadline passed") \
  X(WOULD_BLOCK, 12, 1, "nothing is ready and the caller asked not to block") \
  X(PEER_GONE, 13, 1, "the other side was terminated or destroyed") \
  X(OVERLAP, 14, 1, "the range overlaps memory that is already mapped") \
  X(WRITE_EXECUTE, 15, 1, "write and execute permission together are never granted") \
  X(TRUNCATED, 16, 1, "the buffer is too small; the message stays queued") \
  X(WITNESS_LOG_FULL, 17, 1, "the witness log cannot take a record; retry later") \
  X(DELEGATION_DEPTH, 18, 1, "the capability is at the greatest delegation depth") \
  X(INTERNAL, 19, 4, "an invariant of the kernel failed") \
  X(PROOF, 20, 1, "the proof does not hold: which of its checks failed is not told") \
  X(NO_LEASE, 21, 1, "the device is not leased to the caller, or no longer") \
  X(DMA_REFUSED, 22, 1, "the device reaches memory by itself, and the caller's partition is not trusted with that") \
  X(DEVICE_FAILED, 23, 1, "the device does not do what its specification says") \
  X(NO_SHARED_EDGE, 24, 1, "the partitions do not talk to each other") \
  X(NOT_COHERENT, 25, 1, "the partitions talk too little with each other, for what else they say") \
  X(LEASE_CONFLICT, 26, 1, "an agent that would move has a device") \
  X(REGION_OVERLAP, 27, 1, "memory is mapped where that of an agent that would move belongs") \
  X(CAPABILITY_CONFLICT, 28, 1, "others hold power over a partition that would end, or too many would lose rights")

enum rvm_error {
#define RVM_X(name, value, failure_class, text) RVM_ERROR_##name = value,
  RVM_ERROR_TABLE(RVM_X)
#undef RVM_X
      RVM_ERROR_COUNT = 29
};

/* Hypercalls: name, number, type of the object whose handle is in x1, rights that P1 demands of it, proof tier, description.
 * Rights 0 with a type other than NONE: the handle must resolve, any rights will do. Operations of tier P2 need the PROVE
 * right as well and an rvm_proof in x8-x15; see "Proofs" below. */
#define RVM_HYPERCALL_TABLE(X) \
  X(NULL, 0x00, NONE, 0, P1, "does nothing") \
  X(TIME, 0x01, NONE, 0, P1, "-> x1 nanoseconds since boot") \
  X(YIELD, 0x02, NONE, 0, P1, "lets agents of equal priority run") \
  X(SLEEP_UNTIL, 0x03, NONE, 0, P1, "x1 absolute nanoseconds; ends the job of an agent with a deadline") \
  X(EXIT, 0x04, NONE, 0, P1, "x1 exit code; never returns") \
  X(CONSOLE_WRITE, 0x05, CONSOLE, RVM_RIGHT_WRITE, P1, "x2 address, x3 length; a line per newline") \
  X(WAIT, 0x06, NONE, 0, P1, "x1 mask, x2 deadline -> x1 the notification bits taken") \
  X(SELF, 0x07, NONE, 0, P1, "-> x1 agent id, x2 partition id, x3 core, x4 CPU ns used") \
  X(PARTITION_CREATE, 0x10, PARTITION, RVM_RIGHT_WRITE, P2, \
    "x1 the hypervisor, x2 page quota -> x1 partition handle, x2 id") \
  X(PARTITION_DESTROY, 0x11, PARTITION, RVM_RIGHT_REVOKE, P2, "ends its agents, frees all it owns") \
  X(PARTITION_SUSPEND, 0x12, PARTITION, RVM_RIGHT_WRITE, P1, \
    "no agent of it runs until resumed; of the hypervisor (EXECUTE too): its coherence engine moves nothing until " \
    "then") \
  X(PARTITION_RESUME, 0x13, PARTITION, RVM_RIGHT_WRITE, P1, "") \
  X(PARTITION_INFO, 0x14, PARTITION, RVM_RIGHT_READ, P1, \
    "-> x1 id, x2 state, x3 agents, x4 pages used, x5 page quota; of the hypervisor: all agents, pages of the " \
    "machine") \
  X(PARTITION_SPLIT, 0x15, PARTITION, RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE, P2, \
    "x2 which of its living agents leave it, bit i for the one with the i-th lowest slot -> x1 handle of their new " \
    "partition, x2 its id") \
  X(PARTITION_MERGE, 0x16, PARTITION, RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE, P2, \
    "x2 another partition (EXECUTE, REVOKE): its agents move into the one in x1, and it ends") \
  X(AGENT_SPAWN, 0x18, PARTITION, RVM_RIGHT_EXECUTE, P1, \
    "x2 image index, x3 priority, x4 argument -> x1 agent handle, x2 id") \
  X(AGENT_TERMINATE, 0x19, AGENT, RVM_RIGHT_REVOKE, P1, "") \
  X(AGENT_INFO, 0x1a, AGENT, RVM_RIGHT_READ, P1, "-> x1 id, x2 state, x3 partition id, x4 CPU ns, x5 exit code") \
  X(AGENT_SUSPEND, 0x1b, AGENT, RVM_RIGHT_WRITE, P1, "") \
  X(AGENT_RESUME, 0x1c, AGENT, RVM_RIGHT_WRITE, P1, "") \
  X(AGENT_FORK, 0x1d, PARTITION, RVM_RIGHT_EXECUTE, P1, \
    "x2 agent (EXECUTE) that waits in RECEIVE or WAIT, x3 priority, x4 argument -> x1 handle of a suspended agent " \
    "whose " \
    "memory is a " \
    "copy, made page by page at the first write to each, x2 id") \
  X(AGENT_MIGRATE, 0x1e, AGENT, RVM_RIGHT_EXECUTE, P2, "x2 the partition (EXECUTE) that it moves to") \
  X(CAP_DERIVE, 0x20, ANY, 0, P1, "x2 rights, x3 badge -> x1 handle; needs GRANT or GRANT_ONCE") \
  X(CAP_REVOKE, 0x21, ANY, RVM_RIGHT_REVOKE, P1, "the capability and everything derived from it") \
  X(CAP_TRANSFER, 0x22, ANY, RVM_RIGHT_GRANT, P2, "x2 edge (WRITE): moves it to the receiver, who gets a message") \
  X(CAP_INSPECT, 0x23, ANY, 0, P1, "-> x1 type, x2 rights, x3 object id, x4 badge, x5 depth") \
  X(CAP_DROP, 0x24, ANY, 0, P1, "gives the handle up; nothing derived from it may be left") \
  X(CAP_OBTAIN, 0x25, PARTITION, RVM_RIGHT_EXECUTE, P2, \
    "x1 the hypervisor, x2 PARTITION or AGENT, x3 id, x4 rights, some of those of x1 -> x1 handle of that object") \
  X(REGION_CREATE, 0x28, PARTITION, RVM_RIGHT_WRITE, P1, "x1 own partition, x2 pages -> x1 region handle") \
  X(REGION_DESTROY, 0x29, REGION, RVM_RIGHT_REVOKE, P1, "") \
  X(REGION_MAP, 0x2a, REGION, RVM_RIGHT_READ, P2, "x2 address in the caller's slot, x3 RVM_MAP_*") \
  X(REGION_UNMAP, 0x2b, REGION, RVM_RIGHT_READ, P2, "") \
  X(REGION_SHARE, 0x2c, REGION, RVM_RIGHT_GRANT, P2, \
    "x2 edge (WRITE), x3 rights: receiver gets a derived handle in a message") \
  X(REGION_UNSHARE, 0x2d, REGION, RVM_RIGHT_REVOKE, P1, "revokes what was derived from the handle; the handle stays") \
  X(REGION_TRANSFER, 0x2e, REGION, RVM_RIGHT_GRANT, P2, \
    "x2 edge (WRITE): the region moves to the receiver's partition") \
  X(MEMORY_SEAL, 0x2f, AGENT, RVM_RIGHT_WRITE, P2, \
    "x1 itself, which has no device, x2 address in its heap, x3 pages: from now on they can be executed and not " \
    "written any more") \
  X(CALL, 0x30, EDGE, RVM_RIGHT_WRITE, P1, "x2-x9 message -> x2-x9 reply") \
  X(REPLY_WAIT, 0x31, NONE, 0, P1, "x2-x9 reply to the current caller, if any, then waits -> x1 badge, x2-x9 message") \
  X(REPLY, 0x32, NONE, 0, P1, "x2-x9 reply to the current caller") \
  X(SEND, 0x33, EDGE, RVM_RIGHT_WRITE, P1, "x2 address, x3 length, x4 deadline for space") \
  X(RECEIVE, 0x34, NONE, 0, P1, \
    "x1 edge (READ) or 0 for any, x2 address, x3 size, x4 deadline -> x1 badge, x2 length, x3 RVM_MESSAGE_* kind, x4 " \
    "edge id") \
  X(SIGNAL, 0x35, AGENT, RVM_RIGHT_WRITE, P1, "x2 bits to set in the agent's notification word") \
  X(EDGE_CREATE, 0x38, AGENT, RVM_RIGHT_WRITE, P2, \
    "x1 sender, x2 receiver (WRITE), x3 queue length, x4 badge -> x1 handle (caller, all rights), x2 sender's " \
    "handle, x3 receiver's handle") \
  X(EDGE_DESTROY, 0x39, EDGE, RVM_RIGHT_REVOKE, P1, "queued messages are dropped and the receiver is told") \
  X(WITNESS_HEAD, 0x40, WITNESS, RVM_RIGHT_READ, P1, "-> x1 records, x2 sealed, x3 durable") \
  X(WITNESS_READ, 0x41, WITNESS, RVM_RIGHT_READ, P1, "x2 sequence, x3 address of 64 bytes") \
  X(TURN_COMMIT, 0x42, NONE, 0, P1, \
    "x1 address of rvm_turn_message, x2 their number, x3 deadline for space, x4 message digest, x5 state root: sends " \
    "all or none -> x1 on refusal which of them") \
  X(TURN_ABORT, 0x43, NONE, 0, P1, "x1 reason, x2 message digest, x3 state root: records a turn without effect") \
  X(SYSTEM_READ, 0x44, PARTITION, RVM_RIGHT_READ, P1, \
    "x1 the hypervisor, x2 RVM_READ_*, x3 cursor (0: from the start), x4 address, x5 bytes, at most a page -> x1 " \
    "entries " \
    "written, perhaps none, x2 cursor to go on from, 0 at the end") \
  X(LEASE_GRANT, 0x48, DEVICE, RVM_RIGHT_WRITE, P2_P3, \
    "x2 epochs, x3 address for its registers in the caller's slot (0 for a device with queues), x4 bit to notify, x7 " \
    "address of the rvm_evidence if tier P3 -> x1 expiry") \
  X(LEASE_RENEW, 0x49, DEVICE, RVM_RIGHT_WRITE, P1, "x2 epochs from now -> x1 expiry") \
  X(LEASE_RELEASE, 0x4a, DEVICE, RVM_RIGHT_WRITE, P1, "stops the device and gives it back") \
  X(LEASE_INFO, 0x4b, DEVICE, RVM_RIGHT_READ, P1, \
    "-> x1 rvm_device_kind, x2 offset of its registers in the page, x3 expiry or 0, x4 DMA bytes left in this epoch") \
  X(DEVICE_ACKNOWLEDGE, 0x4c, DEVICE, RVM_RIGHT_WRITE, P1, "permits the next interrupt") \
  X(DEVICE_CONFIGURATION, 0x4d, DEVICE, RVM_RIGHT_READ, P1, \
    "x2 offset, multiple of 4 -> x1 32 bits of the configuration") \
  X(DEVICE_SUBMIT, 0x4e, DEVICE, RVM_RIGHT_WRITE, P1, \
    "x2 queue, x3 address of rvm_device_buffer, x4 how many -> x1 which request this is") \
  X(DEVICE_COMPLETE, 0x4f, DEVICE, RVM_RIGHT_WRITE, P1, \
    "x2 queue -> x1 which request is done, x2 bytes the device wrote")

enum rvm_hypercall {
#define RVM_X(name, number, object, rights, tier, doc) RVM_HVC_##name = number,
  RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
      RVM_HVC_LIMIT = 0x50 /* numbers at or above this do not exist */
};

/* Proofs. Operations that change what others can reach want more than a handle: evidence that the caller means exactly
 * this request, now. Tier P2 is an rvm_proof in x8-x15:
 *   x8-x11  SHA-256 of the rvm_proof_subject of this very request, as it lies in memory
 *   x12     nonce, one that this agent has not used; those more than 4 095 below the highest used are refused for ever
 *   x13,x14 validity in nanoseconds since boot: not before, not after; at most RVM_PROOF_VALIDITY_MAX_NS apart
 *   x15     tier, 2
 * All of it is checked always, in constant time, and any failure is RVM_ERROR_PROOF; a failed proof does not use up its
 * nonce.
 * Operations of tier P2_P3 need P2 of an agent in a trusted partition (infrastructure, root), P3 of others. */
#define RVM_PROOF_DOMAIN "RVM-P2-1"
#define RVM_PROOF_VALIDITY_MAX_NS 60000000000u

/* Canonical encoding of a request, 112 bytes, little-endian, no padding. */
struct rvm_proof_subject {
  char domain[8]; /* RVM_PROOF_DOMAIN, without its NUL */
  uint32_t abi_version;
  uint32_t operation;
  uint32_t partition_id; /* of the caller */
  uint32_t agent_id;
  uint64_t arguments[7]; /* x1-x7 */
  uint64_t nonce;
  uint64_t not_before_ns;
  uint64_t not_after_ns;
  uint64_t tier;
};

/* Tier P3 is tier P2 (with 3 in x15), and evidence in memory, at the address in x7. Which kind it must be, and against what
 * it is checked, the boot package says of the object. Checking takes up to a millisecond, in which the caller waits. */
enum rvm_evidence_kind {
  RVM_EVIDENCE_NONE = 0,        /* in a package: no evidence is enough */
  RVM_EVIDENCE_PREIMAGE = 1,    /* bytes with a given SHA-256 */
  RVM_EVIDENCE_RECORD = 2,      /* a given action stands in this machine's log, under one of its signed tree heads */
  RVM_EVIDENCE_ATTESTATION = 3, /* a given key has signed that this may be done */
};

#define RVM_EVIDENCE_PREIMAGE_MIN 16u
#define RVM_EVIDENCE_PREIMAGE_MAX 64u
#define RVM_EVIDENCE_PATH_MAX 40u

struct rvm_evidence_record {
  uint8_t record[64];
  uint8_t previous[64]; /* the record before it, to which it is chained; not looked at for record 0 */
  /* The signed head, as its note has it: */
  uint64_t tree_size;
  uint64_t timestamp_ns;
  uint64_t first_of_boot; /* 1: the note has lines for a measurement and the attestation key, 0: it has not */
  uint8_t root[32];
  uint8_t measurement[32]; /* if it is the first of a boot */
  uint8_t signature[64];
  uint8_t path[RVM_EVIDENCE_PATH_MAX][32]; /* inclusion proof, RFC 6962 section 2.1.1 */
};
struct rvm_evidence_attestation {
  uint64_t not_before_ns, not_after_ns; /* Unix time */
  uint8_t signature[64];                /* Ed25519, of the rvm_attestation_subject */
};
struct rvm_evidence {
  uint32_t kind;  /* rvm_evidence_kind */
  uint32_t count; /* PREIMAGE: bytes; RECORD: hashes in the path; ATTESTATION: 0 */
  union {
    uint8_t preimage[RVM_EVIDENCE_PREIMAGE_MAX];
    struct rvm_evidence_record record;
    struct rvm_evidence_attestation attestation;
  } as; /* what lies beyond the kind's last byte that counts need not exist */
};

/* What an attestation signs: that agents of this partition may do this to this object, on this machine, with the hypervisor
 * and the agents' programs that it has measured. The kernel fills it in from what it knows; only the times are the caller's. */
#define RVM_ATTESTATION_DOMAIN "RVM-P3-1"
struct rvm_attestation_subject {
  char domain[8]; /* RVM_ATTESTATION_DOMAIN, without its NUL */
  uint32_t abi_version;
  uint32_t operation;
  char partition[RVM_NAME_BYTES];
  char object[RVM_NAME_BYTES];
  uint8_t machine[32];  /* public half of its attestation identity */
  uint8_t kernel[32];   /* what boot phase HalInit loaded */
  uint8_t programs[32]; /* what boot phase Handoff loaded */
  uint64_t not_before_ns, not_after_ns;
};

/* Why agents changed partitions, in the flags of the records that say so. */
enum rvm_move_reason {
  RVM_MOVE_REQUEST = 0,  /* by hypercall */
  RVM_MOVE_TRAFFIC = 1,  /* they talk more to those where they went */
  RVM_MOVE_COHESION = 2, /* those who stayed and those who left hardly talk to each other */
  RVM_MOVE_PRESSURE = 3, /* the partition talked mostly to others */
  RVM_MOVE_TRUST = 4,    /* faults or refusals: the suspect is isolated */
};

/* What SYSTEM_READ writes: an array of one of these structures. An object that begins or ends between two calls may be
 * missing; none comes twice. Counters count from the boot on, or from the object's beginning. */
enum rvm_read { RVM_READ_MACHINE = 1, RVM_READ_PARTITIONS = 2, RVM_READ_AGENTS = 3, RVM_READ_EDGES = 4 };

struct rvm_machine_status {
  uint64_t now_ns, epoch, epoch_ns;
  uint64_t pages, pages_free; /* of the machine, after the kernel took its own */
  uint64_t messages, switches, refused, faults, throttled, vmid_reclaims;
  uint64_t records, sealed, durable; /* of the witness log */
  uint32_t cores;
  uint32_t ready; /* agents that run or could */
  uint32_t partitions, agents, edges, regions;
};

#define RVM_UNKNOWN 0xffffu /* as basis points: nobody computes this */

enum rvm_partition_condition {
  RVM_PARTITION_THROTTLED = 1,
  RVM_PARTITION_STATIC = 2 /* the coherence engine leaves its boundary as it is */
};
struct rvm_partition_status {
  uint32_t id;
  uint32_t agents;
  uint32_t edges; /* ends of edges that its agents hold */
  uint32_t pages, page_quota;
  uint32_t record_quota;                           /* per epoch */
  uint8_t state;                                   /* rvm_partition_state_kind */
  uint8_t type;                                    /* rvm_partition_type */
  uint8_t mode;                                    /* rvm_partition_mode */
  uint8_t condition;                               /* rvm_partition_condition */
  uint16_t coherence_bp, pressure_bp, cohesion_bp; /* 0..10000, or RVM_UNKNOWN */
  uint16_t reserved[3];
  uint64_t refused;
  char name[RVM_NAME_BYTES];
};

enum rvm_agent_condition { RVM_AGENT_IS_SERVICE = 1, RVM_AGENT_HELD = 2, RVM_AGENT_EXECUTING = 4 };
struct rvm_agent_status {
  uint32_t id;
  uint32_t partition;
  uint32_t priority;
  uint32_t faults;
  int16_t affinity;  /* core, or -1 */
  uint8_t core;      /* where it last ran */
  uint8_t state;     /* rvm_agent_state_kind */
  uint8_t wait;      /* rvm_wait_kind */
  uint8_t condition; /* rvm_agent_condition */
  uint16_t reserved;
  uint64_t cpu_ns, messages, refused;
  char name[RVM_NAME_BYTES];
};

struct rvm_edge_status {
  uint32_t id;
  uint32_t sender, receiver; /* agents; 0: gone */
  uint16_t queued, capacity; /* messages */
  uint64_t messages, bytes;
  uint32_t weight; /* in the communication graph; 0 where no coherence engine computes it */
  uint32_t reserved;
};

#define RVM_PARTITION_STATE_TABLE(X) \
  X(CREATED, 0, "created") \
  X(RUNNING, 1, "running") \
  X(SUSPENDED, 2, "suspended") \
  X(HIBERNATED, 3, "hibernated") \
  X(DESTROYED, 4, "destroyed")
#define RVM_AGENT_STATE_TABLE(X) \
  X(INITIALIZING, 0, "initializing") \
  X(RUNNING, 1, "running") \
  X(SUSPENDED, 2, "suspended") \
  X(MIGRATING, 3, "migrating") \
  X(HIBERNATED, 4, "hibernated") \
  X(RECONSTRUCTING, 5, "reconstructing") \
  X(TERMINATED, 6, "terminated")
#define RVM_WAIT_TABLE(X) \
  X(NONE, 0, "ready") \
  X(CALL, 1, "for a call") \
  X(ACCEPT, 2, "to be served") \
  X(REPLY, 3, "for a reply") \
  X(RECEIVE, 4, "for a message") \
  X(SPACE, 5, "for room to send") \
  X(SIGNAL, 6, "for a signal") \
  X(SLEEP, 7, "asleep") \
  X(THROTTLED, 8, "throttled") \
  X(BUDGET, 9, "out of budget")
enum rvm_partition_state_kind {
#define RVM_X(name, value, text) RVM_PARTITION_STATE_##name = value,
  RVM_PARTITION_STATE_TABLE(RVM_X)
#undef RVM_X
};
enum rvm_agent_state_kind {
#define RVM_X(name, value, text) RVM_AGENT_STATE_##name = value,
  RVM_AGENT_STATE_TABLE(RVM_X)
#undef RVM_X
};
enum rvm_wait_kind {
#define RVM_X(name, value, text) RVM_WAIT_##name = value,
  RVM_WAIT_TABLE(RVM_X)
#undef RVM_X
};

/* REGION_MAP permissions. */
enum { RVM_MAP_READ = 1, RVM_MAP_WRITE = 2, RVM_MAP_EXECUTE = 4 };

/* Devices. One agent at a time has a lease on a device, for so many epochs. A device without DMA has its page of registers
 * mapped into the holder's slot. A device that reaches memory by itself (virtio, OASIS virtio 1.2) is never mapped: its queues
 * are the hypervisor's, and the holder submits buffers of its own memory, each within a page; so the device reaches nothing
 * else. When a lease ends, by RELEASE, at its expiry, by revocation or with its holder, the device is stopped first. */
#define RVM_DEVICE_KIND_TABLE(X) \
  X(CLOCK, 1, "clock", "PL031 real-time clock") \
  X(GPIO, 2, "gpio", "PL061 general-purpose input and output") \
  X(BLOCK, 18, "block", "virtio block device") \
  X(CONSOLE, 19, "console", "virtio console") \
  X(ENTROPY, 20, "entropy", "virtio entropy source")

#define RVM_DEVICE_VIRTIO 16u /* kinds from here on: 16 + the device id of virtio 1.2 section 5 */

enum rvm_device_kind {
#define RVM_X(name, value, text, doc) RVM_DEVICE_##name = value,
  RVM_DEVICE_KIND_TABLE(RVM_X)
#undef RVM_X
};

#define RVM_LEASE_EPOCHS_MAX 60000u
#define RVM_DEVICE_QUEUES 2u
#define RVM_DEVICE_BUFFERS_MAX 8u /* of one request */

struct rvm_device_buffer {
  uint64_t address; /* in the caller's memory: image, stack or heap, not a mapped region */
  uint32_t bytes;   /* 1..4096, not across a page boundary */
  uint32_t flags;   /* RVM_BUFFER_* */
};
enum { RVM_BUFFER_DEVICE_WRITES = 1 };

/* What RECEIVE delivered. CAPABILITY and REGION messages are an rvm_capability_message. */
enum { RVM_MESSAGE_BYTES = 0, RVM_MESSAGE_CAPABILITY = 1, RVM_MESSAGE_REGION = 2 };

/* One of the messages that TURN_COMMIT sends. Its edge needs WRITE, and the caller as its sender. */
struct rvm_turn_message {
  uint32_t edge;   /* handle */
  uint32_t length; /* at most RVM_MESSAGE_BYTES_MAX */
  uint64_t address;
};

struct rvm_capability_message {
  uint32_t handle; /* in the receiver's table */
  uint32_t type;   /* rvm_object_type */
  uint32_t rights;
  uint32_t pages; /* of a region, else 0 */
};

/* One entry of an agent's directory: a capability that the manifest gave it, under its manifest name. */
struct rvm_directory_entry {
  char name[24]; /* NUL-terminated */
  uint32_t handle;
  uint32_t type; /* rvm_object_type */
};

#define RVM_DIRECTORY_ENTRIES 72u
#define RVM_ARGUMENT_BYTES 1024u

/* The agent information page: the first page of every agent's slot, read-only. Its address is in x0 at entry. */
struct rvm_agent_info {
  char magic[8]; /* "RVMAGENT" */
  uint32_t abi_version;
  uint32_t agent_id;
  uint32_t partition_id;
  uint32_t directory_count;
  uint64_t argument;  /* x4 of AGENT_SPAWN; 0 for agents of the manifest */
  uint64_t slot_base; /* guest-physical address of the slot */
  uint64_t slot_size; /* bytes; regions may be mapped in [map_base, slot_base + slot_size) */
  uint64_t image_base;
  uint64_t stack_top;
  uint64_t heap_base; /* zeroed, readable and writable */
  uint64_t heap_size;
  uint64_t map_base;
  uint64_t boot_ns;
  char name[RVM_NAME_BYTES];
  char arguments[RVM_ARGUMENT_BYTES]; /* NUL-separated, ended by an empty string */
  struct rvm_directory_entry directory[RVM_DIRECTORY_ENTRIES];
  uint64_t image_size; /* bytes from image_base, with what the package put behind the program's own segments */
  /* Of a fork: id of the agent whose memory it got. It begins at the entry point like any other, with its memory as the other
   * had it: initialised variables have their values then, and pointers into the slot are those of the other's. 0: no fork. */
  uint64_t forked_from;
  /* Of the control agent: the key by which its operator is known (rvm/boot_package.h). Of others it is 0. */
  uint8_t control_key[32];
};

#ifdef __cplusplus
static_assert(sizeof(rvm_agent_info) <= RVM_PAGE_SIZE);
static_assert(sizeof(rvm_directory_entry) == 32);
static_assert(sizeof(rvm_proof_subject) == 112);
static_assert(sizeof(rvm_turn_message) == 16);
static_assert(sizeof(rvm_device_buffer) == 16);
static_assert(sizeof(rvm_evidence_record) == 280 + 32 * RVM_EVIDENCE_PATH_MAX);
static_assert(sizeof(rvm_evidence) == 8 + sizeof(rvm_evidence_record));
static_assert(sizeof(rvm_attestation_subject) == 192);
static_assert(sizeof(rvm_machine_status) == 136);
static_assert(sizeof(rvm_partition_status) == 80);
static_assert(sizeof(rvm_agent_status) == 80);
static_assert(sizeof(rvm_edge_status) == 40);
#endif

/* Names under which every agent finds its standard capabilities in the directory: in the slots 1, 2 and 3 of its table, of
 * generation 1. */
#define RVM_DIRECTORY_CONSOLE "console"     /* CONSOLE, WRITE */
#define RVM_DIRECTORY_PARTITION "partition" /* its own partition, READ | WRITE */
#define RVM_DIRECTORY_SELF "self"           /* itself, READ | WRITE | GRANT | PROVE */

#endif
