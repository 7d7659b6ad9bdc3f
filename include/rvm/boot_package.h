/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The boot package, version 3: everything the hypervisor starts with. `rvm run` builds it from a manifest and passes it
 * as the initial ramdisk. Little-endian; every offset counts from the start of the package; tables are arrays of the
 * structures below; unused bytes and reserved fields are 0.
 *
 * Trust: `authenticator` = HMAC-SHA-256(package key, header with authenticator zeroed), and `payload_digest` = SHA-256
 * of bytes [header_bytes, total_bytes), so the header vouches for the payload. The package key is
 * HKDF-SHA-256(device key, salt empty, info "rvm boot package v1", 32 bytes).
 */
#ifndef RVM_BOOT_PACKAGE_H
#define RVM_BOOT_PACKAGE_H

#include "rvm/abi.h"

#define RVM_PACKAGE_MAGIC "RVMBOOT1"
#define RVM_PACKAGE_VERSION 3u
#define RVM_PACKAGE_KEY_INFO "rvm boot package v1"
/* The operator and the control agent know each other by HKDF-SHA-256(device key, salt wall_clock_ns of the package as 8 bytes, info
 * this, 32 bytes). It is in no package and no measurement: whoever has the device key derives it, the kernel for the agent. */
#define RVM_CONTROL_KEY_INFO "rvm control v1"

enum rvm_package_flags {
  RVM_PACKAGE_DEVELOPMENT = 1,      /* the device key may be a development key (fw_cfg) */
  RVM_PACKAGE_CONSOLE_SHUTDOWN = 2, /* byte 0x03 on the serial console requests an orderly shutdown */
  RVM_PACKAGE_IPC_EACH = 4,         /* witness every IPC operation instead of one summary per edge and epoch */
  RVM_PACKAGE_FORCE_VMID8 = 8,      /* use 8-bit VMIDs even where the CPU has 16 */
  RVM_PACKAGE_DUMP_STATE = 16,      /* print every kernel object at an orderly shutdown */
};

struct rvm_table {
  uint64_t offset; /* multiple of 8 */
  uint32_t count;
  uint32_t entry_bytes; /* sizeof the structure */
};

/* What the coherence engine can be told, beside `enabled`, budget and intervals. The manifest's [coherence] table has a key of
 * the same name for each; both readers check the ranges. Fractions are basis points (10000 is all of it), times are epochs,
 * weights are bytes after decay. X(type, name, least, greatest, default, doc) */
#define RVM_COHERENCE_SETTING_TABLE(X) \
  X(uint32_t, minimum_weight, 1, 1073741824, 256, "bytes; an edge that weighs less is noise") \
  X(uint32_t, move_cost, 0, 1073741824, 4096, "bytes of traffic across a boundary that moving an agent is worth") \
  X(uint16_t, decay, 0, 5000, 500, "what every weight loses per epoch") \
  X(uint16_t, alpha, 1, 10000, 2000, "how far a score moves to its newest sample") \
  X(uint16_t, report, 1, 10000, 500, "how far a score moves until a record says so") \
  X(uint16_t, migrate_margin, 0, 10000, 2500, "how much heavier elsewhere than at home an agent must be to move") \
  X(uint16_t, split_cohesion, 0, 5000, 1500, "a partition is split below this cohesion; 0 = never") \
  X(uint16_t, split_pressure, 1, 10000, 7500, "above this cut pressure, already below twice that; 10000 = never") \
  X(uint16_t, merge_mutual, 1, 10000, 4000, "two partitions merge above this mutual coherence; 10000 = never") \
  X(uint16_t, distrust, 0, 9000, 5000, "an agent is isolated when its trust fell below it; 0 = never") \
  X(uint16_t, trust_recovery, 0, 10000, 2, "trust that comes back per epoch") \
  X(uint16_t, hysteresis, 0, 2500, 500, "how far beyond a threshold what it began ends") \
  X(uint16_t, persistence, 1, 1000, 4, "epochs that a reason to move must last") \
  X(uint16_t, maximum_members, 1, 64, 32, "agents that moves bring into one partition at most") \
  X(uint16_t, cut_refresh, 1, 10000, 16, "epochs after which the cut of a changing partition is computed anew") \
  X(uint16_t, payback, 1, 65535, 256, "epochs within which a move must have paid") \
  X(uint16_t, cooldown, 1, 10000, 8, "epochs that who moved stays; doubled each time") \
  X(uint16_t, cooldown_doublings, 0, 16, 8, "how often the cooldown doubles at most") \
  X(uint16_t, recovery, 1, 65535, 1024, "quiet epochs that take one doubling back") \
  X(uint16_t, window, 1, 10000, 64, "epochs for which `window_proposals` counts") \
  X(uint16_t, window_proposals, 1, 4096, 128, "moves proposed in a window at most, on average") \
  X(uint16_t, answer_timeout, 1, 65535, 256, "epochs after which an unanswered proposal counts as refused") \
  X(uint16_t, over_budget_limit, 1, 10000, 64, "consecutive epochs over budget that lead into degraded mode") \
  X(uint16_t, within_budget, 1, 10000, 8, "consecutive epochs within budget that lead out of it")

#define RVM_COHERENCE_BUDGET_MAX 1000000u
#define RVM_COHERENCE_BUDGET_DEFAULT 2000u
#define RVM_COHERENCE_UNIT_NS 25u /* that the manifest counts for a unit of the budget: 25 instructions, 1 ns each */
#define RVM_COHERENCE_INTERVALS 3u
#define RVM_COHERENCE_INTERVAL_MAX 1000u
#define RVM_COHERENCE_INTERVAL_DEFAULT {1, 2, 4}

enum rvm_coherence_flags {
  RVM_COHERENCE_ENABLED = 1, /* the engine runs */
  RVM_COHERENCE_FROZEN = 2,  /* it measures, and moves nothing: `rvm run --static` */
};

/* The settings are there and within their ranges whether the engine runs or not. */
struct rvm_package_coherence {
  uint32_t flags;  /* rvm_coherence_flags */
  uint32_t budget; /* work per epoch in units of at most 25 instructions, 1..RVM_COHERENCE_BUDGET_MAX */
#define RVM_X(type, name, least, greatest, fallback, doc) type name;
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
  /* Epochs from one computation to the next at CPU load below 50 %, below 80 %, and from there on; ascending,
   * 1..RVM_COHERENCE_INTERVAL_MAX. */
  uint16_t interval[RVM_COHERENCE_INTERVALS];
  uint16_t reserved[3];
};

struct rvm_package_header {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes; /* sizeof(struct rvm_package_header) */
  uint64_t total_bytes;
  uint32_t flags;
  uint32_t epoch_us;      /* 100..100000 */
  uint64_t run_for_ns;    /* orderly shutdown at this time since boot; 0 = none */
  uint64_t wall_clock_ns; /* Unix time at build, for boot records */
  uint8_t payload_digest[32];
  uint8_t authenticator[32];
  struct rvm_table partitions; /* rvm_package_partition */
  struct rvm_table images;     /* rvm_package_image */
  struct rvm_table segments;   /* rvm_package_segment */
  struct rvm_table agents;     /* rvm_package_agent */
  struct rvm_table edges;      /* rvm_package_edge */
  struct rvm_table grants;     /* rvm_package_grant */
  struct rvm_table devices;    /* rvm_package_device */
  struct rvm_package_coherence coherence;
};

enum rvm_partition_type { RVM_PARTITION_AGENT = 0, RVM_PARTITION_INFRASTRUCTURE = 1, RVM_PARTITION_ROOT = 2 };
enum rvm_partition_mode { RVM_MODE_FLOW = 0, RVM_MODE_REFLEX = 1, RVM_MODE_RECOVERY = 2 };

enum rvm_partition_flags {
  /* The coherence engine may move its agents and bring others in. Only with type AGENT in mode FLOW; without it the
   * partition is static. */
  RVM_PARTITION_LIVE = 1,
};

/* Entry 0 is always the control partition, type ROOT. */
struct rvm_package_partition {
  char name[RVM_NAME_BYTES];
  uint32_t type;          /* rvm_partition_type */
  uint32_t mode;          /* rvm_partition_mode */
  uint32_t page_quota;    /* pages it may own, tables included; 0 = no limit but the machine's */
  uint32_t witness_quota; /* records per epoch before its agents are throttled; 0 = default */
  uint32_t flags;         /* rvm_partition_flags */
  uint32_t reserved;
};

/* A linked, position-independent program. Its segments lie at `offset` from the image base in the agent's slot. */
struct rvm_package_image {
  char name[RVM_NAME_BYTES];
  uint32_t first_segment;
  uint32_t segment_count;
  uint64_t entry; /* offset from the image base */
  uint64_t bytes; /* extent from the image base, whole pages */
  uint32_t stack_pages;
  uint32_t heap_pages;
  uint32_t flags; /* rvm_image_flags */
  uint32_t reserved;
};

enum rvm_image_flags {
  RVM_IMAGE_ON_DEMAND =
      1, /* the heap has no memory until it is touched; then there may be none left, which ends the agent */
};

struct rvm_package_segment {
  uint64_t offset; /* from the image base, multiple of 4096; segments ascend and do not share pages */
  uint64_t memory_bytes;
  uint64_t file_bytes;  /* <= memory_bytes; the rest is zero */
  uint64_t payload;     /* package offset, multiple of 4096 */
  uint32_t permissions; /* RVM_MAP_*; never WRITE with EXECUTE. Segments without WRITE are mapped in place, shared */
  uint32_t reserved;
};

enum rvm_agent_flags {
  RVM_AGENT_SERVICE = 1, /* does not keep the machine running: when all others have ended, it shuts down */
  RVM_AGENT_CONTROL = 2, /* gets the control key; only in the control partition */
};

struct rvm_package_agent {
  char name[RVM_NAME_BYTES];
  uint32_t partition;       /* index */
  uint32_t image;           /* index */
  uint32_t priority;        /* 0..10000 */
  int32_t affinity;         /* core, or -1 */
  uint32_t flags;           /* rvm_agent_flags */
  uint32_t arguments_bytes; /* <= RVM_ARGUMENT_BYTES */
  uint64_t arguments;       /* package offset, 0 if none */
  uint64_t period_ns;       /* budget period and job period; 0 = none */
  uint64_t budget_ns;       /* CPU time per period; 0 = no limit */
  uint64_t
      deadline_ns; /* relative deadline of a job; 0 = none. A job runs from one SLEEP_UNTIL wake-up to the next SLEEP_UNTIL */
};

struct rvm_package_edge {
  char name[24];         /* in the sender's directory (WRITE) and, prefixed by nothing, in the receiver's (READ) */
  char peer_name[24];    /* name in the receiver's directory */
  uint32_t sender;       /* agent index */
  uint32_t receiver;     /* agent index */
  uint32_t queue_length; /* power of two, 1..64 */
  uint32_t notify_bit;   /* 0..63: SEND also sets this bit in the receiver's notification word; 64 = none */
  uint64_t badge;        /* what the receiver sees; 0 = sender's agent id */
};

#define RVM_PACKAGE_DEVICES_MAX 16u

/* A device that agents may lease. The machine must have one of this kind for each entry: the n-th entry of a kind is the
 * n-th device of that kind, by ascending address, not counting what the hypervisor itself uses. */
struct rvm_package_device {
  char name[RVM_NAME_BYTES];
  uint32_t kind;                /* rvm_device_kind */
  uint32_t evidence;            /* rvm_evidence_kind: what agents of untrusted partitions must show for a lease */
  uint64_t dma_bytes_per_epoch; /* what the device may move for a lease in one epoch; 0 for devices without DMA */
  uint8_t evidence_value[32];   /* PREIMAGE: its SHA-256; ATTESTATION: Ed25519 public key; RECORD: rvm_record_pattern */
};

/* The action that a record must tell of, as it stands in the log. */
struct rvm_record_pattern {
  uint32_t kind; /* number of the record kind */
  uint32_t actor_partition;
  uint32_t target_object;
  uint32_t reserved[5];
};

/* A capability given to an agent at boot, beside the standard ones. */
struct rvm_package_grant {
  char name[24];
  uint32_t agent;  /* index of the agent who gets it */
  uint32_t type;   /* rvm_object_type: PARTITION, AGENT, WITNESS, DEVICE */
  uint32_t object; /* index of the partition, agent or device; for PARTITION, UINT32_MAX = the hypervisor */
  uint32_t rights;
  uint64_t badge;
};

#ifdef __cplusplus
static_assert(sizeof(rvm_table) == 16);
static_assert(sizeof(rvm_package_coherence) == 72);
static_assert(sizeof(rvm_package_header) == 296);
static_assert(sizeof(rvm_package_partition) == 56);
static_assert(sizeof(rvm_package_image) == 72);
static_assert(sizeof(rvm_package_segment) == 40);
static_assert(sizeof(rvm_package_agent) == 88);
static_assert(sizeof(rvm_package_edge) == 72);
static_assert(sizeof(rvm_package_grant) == 48);
static_assert(sizeof(rvm_package_device) == 80);
static_assert(sizeof(rvm_record_pattern) == 32);
#endif

#endif
