/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What an agent written in C needs: one function per hypercall of rvm/abi.h, its capability directory, its arguments
 * and a line printer. Header only; a program that includes it links to nothing but the start-up code (sdk/runtime).
 *
 * Every function returns an rvm_error. Results come back through pointers and are written only on RVM_ERROR_OK.
 * An agent runs at EL1. Unless it turns its stage 1 translation on (rvm/window.h), every pointer is a guest-physical address.
 */
#ifndef RVM_AGENT_H
#define RVM_AGENT_H

#include <stdint.h>

#include "rvm/abi.h"
#include "rvm/sha256.h"
#include "rvm/window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef uint32_t rvm_handle;

/* The program starts here; what it returns is the agent's exit code. `info` is the agent's information page. */
int agent_main(const struct rvm_agent_info* info);
/* A fork of an agent that runs this program starts here instead, on an empty stack and with all variables and the heap as they
 * were in the other. Pointers among them lead into the other's slot, which the fork cannot reach: only those that the linker
 * made are put right. A program without this function ends with exit code 126. */
int agent_forked(const struct rvm_agent_info* info);

/* Set by the start-up code before any constructor runs. */
extern const struct rvm_agent_info* rvm_this_agent;

/* ---- the instruction --------------------------------------------------------------------------------------------- */

struct rvm_registers {
  uint64_t x[10];
};

/* Executes HVC #0 with x0-x9 as given and stores what came back. The "memory" clobber is needed because the kernel
 * reads and writes buffers that the compiler cannot see in the operands. */
static inline uint64_t rvm_invoke(struct rvm_registers* r) {
  register uint64_t x0 __asm__("x0") = r->x[0];
  register uint64_t x1 __asm__("x1") = r->x[1];
  register uint64_t x2 __asm__("x2") = r->x[2];
  register uint64_t x3 __asm__("x3") = r->x[3];
  register uint64_t x4 __asm__("x4") = r->x[4];
  register uint64_t x5 __asm__("x5") = r->x[5];
  register uint64_t x6 __asm__("x6") = r->x[6];
  register uint64_t x7 __asm__("x7") = r->x[7];
  register uint64_t x8 __asm__("x8") = r->x[8];
  register uint64_t x9 __asm__("x9") = r->x[9];
  __asm__ volatile("hvc #0"
                   : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6), "+r"(x7), "+r"(x8), "+r"(x9)
                   :
                   : "memory");
  r->x[0] = x0;
  r->x[1] = x1;
  r->x[2] = x2;
  r->x[3] = x3;
  r->x[4] = x4;
  r->x[5] = x5;
  r->x[6] = x6;
  r->x[7] = x7;
  r->x[8] = x8;
  r->x[9] = x9;
  return x0;
}

/* A hypercall with up to four arguments in x1-x4 whose result registers do not matter. */
static inline enum rvm_error rvm_call4(uint64_t operation, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4) {
  struct rvm_registers r = {{operation, a1, a2, a3, a4, 0, 0, 0, 0, 0}};
  return (enum rvm_error)rvm_invoke(&r);
}

/* ---- proofs ------------------------------------------------------------------------------------------------------ */

/* The next nonce of this agent's proofs; one for the whole program, whatever its number of source files. */
__attribute__((weak)) uint64_t rvm_next_nonce;

/* A proof for exactly this call, good for the next ten seconds: of tier P3 if there is evidence, at the address that is in x7, else of
 * tier P2. Up to four arguments in x1-x4; x5 and x6 are 0. */
struct rvm_proof {
  uint64_t x[8]; /* x8-x15 */
};
static inline struct rvm_proof rvm_prove_with(uint64_t operation, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                                              const struct rvm_evidence* evidence, uint64_t now) {
  const uint64_t lifetime = 10000000000u;
  struct rvm_proof_subject s = {{'R', 'V', 'M', '-', 'P', '2', '-', '1'},
                                RVM_ABI_VERSION,
                                (uint32_t)operation,
                                rvm_this_agent->partition_id,
                                rvm_this_agent->agent_id,
                                {a1, a2, a3, a4, 0, 0, evidence ? rvm_guest_address(evidence) : 0},
                                ++rvm_next_nonce,
                                now,
                                now + lifetime,
                                evidence ? 3u : 2u};
  struct rvm_sha256 digest = rvm_sha256_of(&s, sizeof s);
  struct rvm_proof p = {{digest.words[0], digest.words[1], digest.words[2], digest.words[3], s.nonce, s.not_before_ns,
                         s.not_after_ns, s.tier}};
  return p;
}
static inline struct rvm_proof rvm_prove(uint64_t operation, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                                         uint64_t now) {
  return rvm_prove_with(operation, a1, a2, a3, a4, 0, now);
}

/* Executes HVC #0 with x0-x4 and x7 as given, x5 and x6 zero and the proof; stores what came back in x0-x4. */
static inline uint64_t rvm_invoke_with(struct rvm_registers* r, struct rvm_proof p) {
  register uint64_t x0 __asm__("x0") = r->x[0];
  register uint64_t x1 __asm__("x1") = r->x[1];
  register uint64_t x2 __asm__("x2") = r->x[2];
  register uint64_t x3 __asm__("x3") = r->x[3];
  register uint64_t x4 __asm__("x4") = r->x[4];
  register uint64_t x5 __asm__("x5") = 0;
  register uint64_t x6 __asm__("x6") = 0;
  register uint64_t x7 __asm__("x7") = r->x[7];
  register uint64_t x8 __asm__("x8") = p.x[0];
  register uint64_t x9 __asm__("x9") = p.x[1];
  register uint64_t x10 __asm__("x10") = p.x[2];
  register uint64_t x11 __asm__("x11") = p.x[3];
  register uint64_t x12 __asm__("x12") = p.x[4];
  register uint64_t x13 __asm__("x13") = p.x[5];
  register uint64_t x14 __asm__("x14") = p.x[6];
  register uint64_t x15 __asm__("x15") = p.x[7];
  __asm__ volatile("hvc #0"
                   : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4)
                   : "r"(x5), "r"(x6), "r"(x7), "r"(x8), "r"(x9), "r"(x10), "r"(x11), "r"(x12), "r"(x13), "r"(x14),
                     "r"(x15)
                   : "memory");
  r->x[0] = x0;
  r->x[1] = x1;
  r->x[2] = x2;
  r->x[3] = x3;
  r->x[4] = x4;
  return x0;
}
/* The same with a fresh proof of this call, and evidence unless it is null. */
static inline uint64_t rvm_invoke_shown(struct rvm_registers* r, const struct rvm_evidence* evidence) {
  struct rvm_registers clock = {{RVM_HVC_TIME, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  rvm_invoke(&clock);
  r->x[7] = evidence ? rvm_guest_address(evidence) : 0;
  return rvm_invoke_with(r, rvm_prove_with(r->x[0], r->x[1], r->x[2], r->x[3], r->x[4], evidence, clock.x[1]));
}
static inline uint64_t rvm_invoke_proven(struct rvm_registers* r) { return rvm_invoke_shown(r, 0); }
static inline enum rvm_error rvm_call4_proven(uint64_t operation, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4) {
  struct rvm_registers r = {{operation, a1, a2, a3, a4, 0, 0, 0, 0, 0}};
  return (enum rvm_error)rvm_invoke_proven(&r);
}

/* ---- time, life, text -------------------------------------------------------------------------------------------- */

static inline enum rvm_error rvm_null(void) { return rvm_call4(RVM_HVC_NULL, 0, 0, 0, 0); }

/* Nanoseconds since boot. */
static inline uint64_t rvm_time(void) {
  struct rvm_registers r = {{RVM_HVC_TIME, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  rvm_invoke(&r);
  return r.x[1];
}

/* The virtual counter, without entering the kernel; frequency in rvm_counter_frequency(). The ISB keeps the read from
 * being hoisted (Arm ARM D12.1.2). */
static inline uint64_t rvm_counter(void) {
  uint64_t value;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value) : : "memory");
  return value;
}
static inline uint64_t rvm_counter_frequency(void) {
  uint64_t value;
  __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
  return value;
}

static inline enum rvm_error rvm_yield(void) { return rvm_call4(RVM_HVC_YIELD, 0, 0, 0, 0); }
static inline enum rvm_error rvm_sleep_until(uint64_t ns) { return rvm_call4(RVM_HVC_SLEEP_UNTIL, ns, 0, 0, 0); }

#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
static inline void rvm_exit(int code) {
  for (;;) rvm_call4(RVM_HVC_EXIT, (uint64_t)(int64_t)code, 0, 0, 0);
}

static inline enum rvm_error rvm_console_write(rvm_handle console, const void* text, uint64_t bytes) {
  return rvm_call4(RVM_HVC_CONSOLE_WRITE, console, rvm_guest_address(text), bytes, 0);
}

/* Blocks until one of the notification bits in `mask` is set or `deadline` passes; takes those bits. */
static inline enum rvm_error rvm_wait(uint64_t mask, uint64_t deadline, uint64_t* taken) {
  struct rvm_registers r = {{RVM_HVC_WAIT, mask, deadline, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK && taken) *taken = r.x[1];
  return e;
}

struct rvm_identity {
  uint64_t agent, partition, core, cpu_ns;
};
static inline struct rvm_identity rvm_self(void) {
  struct rvm_registers r = {{RVM_HVC_SELF, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  rvm_invoke(&r);
  struct rvm_identity s = {r.x[1], r.x[2], r.x[3], r.x[4]};
  return s;
}

/* ---- partitions and agents --------------------------------------------------------------------------------------- */

static inline enum rvm_error rvm_partition_create(rvm_handle hypervisor, uint64_t pages, rvm_handle* partition,
                                                  uint64_t* id) {
  struct rvm_registers r = {{RVM_HVC_PARTITION_CREATE, hypervisor, pages, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke_proven(&r);
  if (e == RVM_ERROR_OK) {
    *partition = (rvm_handle)r.x[1];
    if (id) *id = r.x[2];
  }
  return e;
}
static inline enum rvm_error rvm_partition_destroy(rvm_handle p) {
  return rvm_call4_proven(RVM_HVC_PARTITION_DESTROY, p, 0, 0, 0);
}
/* Bit i of `members` chooses the i-th living agent of `p`, in ascending order of their ids' lower 16 bits: those leave it for a
 * new partition, to which the caller gets a capability. */
static inline enum rvm_error rvm_partition_split(rvm_handle p, uint64_t members, rvm_handle* made, uint64_t* id) {
  struct rvm_registers r = {{RVM_HVC_PARTITION_SPLIT, p, members, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke_proven(&r);
  if (e == RVM_ERROR_OK) {
    *made = (rvm_handle)r.x[1];
    if (id) *id = r.x[2];
  }
  return e;
}
/* All agents of `absorbed` go to `p`, and `absorbed` ends. */
static inline enum rvm_error rvm_partition_merge(rvm_handle p, rvm_handle absorbed) {
  return rvm_call4_proven(RVM_HVC_PARTITION_MERGE, p, absorbed, 0, 0);
}
static inline enum rvm_error rvm_partition_suspend(rvm_handle p) {
  return rvm_call4(RVM_HVC_PARTITION_SUSPEND, p, 0, 0, 0);
}
static inline enum rvm_error rvm_partition_resume(rvm_handle p) {
  return rvm_call4(RVM_HVC_PARTITION_RESUME, p, 0, 0, 0);
}

struct rvm_partition_state {
  uint64_t id, state, agents, pages_used, page_quota;
};
static inline enum rvm_error rvm_partition_info(rvm_handle p, struct rvm_partition_state* info) {
  struct rvm_registers r = {{RVM_HVC_PARTITION_INFO, p, 0, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    info->id = r.x[1];
    info->state = r.x[2];
    info->agents = r.x[3];
    info->pages_used = r.x[4];
    info->page_quota = r.x[5];
  }
  return e;
}

static inline enum rvm_error rvm_agent_spawn(rvm_handle partition, uint64_t image, uint64_t priority, uint64_t argument,
                                             rvm_handle* agent, uint64_t* id) {
  struct rvm_registers r = {{RVM_HVC_AGENT_SPAWN, partition, image, priority, argument, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    *agent = (rvm_handle)r.x[1];
    if (id) *id = r.x[2];
  }
  return e;
}
/* A suspended agent whose memory is a copy of that of `original`, an agent that waits in rvm_receive or rvm_wait: rvm_agent_resume starts it,
 * in agent_forked. */
static inline enum rvm_error rvm_agent_fork(rvm_handle partition, rvm_handle original, uint64_t priority,
                                            uint64_t argument, rvm_handle* agent, uint64_t* id) {
  struct rvm_registers r = {{RVM_HVC_AGENT_FORK, partition, original, priority, argument, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    *agent = (rvm_handle)r.x[1];
    if (id) *id = r.x[2];
  }
  return e;
}
/* The agent lives in another partition afterwards; its memory, handles and messages are what they were. */
static inline enum rvm_error rvm_agent_migrate(rvm_handle a, rvm_handle partition) {
  return rvm_call4_proven(RVM_HVC_AGENT_MIGRATE, a, partition, 0, 0);
}
static inline enum rvm_error rvm_agent_terminate(rvm_handle a) {
  return rvm_call4(RVM_HVC_AGENT_TERMINATE, a, 0, 0, 0);
}
static inline enum rvm_error rvm_agent_suspend(rvm_handle a) { return rvm_call4(RVM_HVC_AGENT_SUSPEND, a, 0, 0, 0); }
static inline enum rvm_error rvm_agent_resume(rvm_handle a) { return rvm_call4(RVM_HVC_AGENT_RESUME, a, 0, 0, 0); }

struct rvm_agent_state {
  uint64_t id, state, partition, cpu_ns, exit_code;
};
static inline enum rvm_error rvm_agent_information(rvm_handle a, struct rvm_agent_state* info) {
  struct rvm_registers r = {{RVM_HVC_AGENT_INFO, a, 0, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    info->id = r.x[1];
    info->state = r.x[2];
    info->partition = r.x[3];
    info->cpu_ns = r.x[4];
    info->exit_code = r.x[5];
  }
  return e;
}

/* ---- capabilities ------------------------------------------------------------------------------------------------ */

static inline enum rvm_error rvm_cap_derive(rvm_handle parent, uint64_t rights, uint64_t badge, rvm_handle* child) {
  struct rvm_registers r = {{RVM_HVC_CAP_DERIVE, parent, rights, badge, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) *child = (rvm_handle)r.x[1];
  return e;
}
static inline enum rvm_error rvm_cap_revoke(rvm_handle h) { return rvm_call4(RVM_HVC_CAP_REVOKE, h, 0, 0, 0); }
static inline enum rvm_error rvm_cap_drop(rvm_handle h) { return rvm_call4(RVM_HVC_CAP_DROP, h, 0, 0, 0); }
static inline enum rvm_error rvm_cap_transfer(rvm_handle h, rvm_handle edge) {
  return rvm_call4_proven(RVM_HVC_CAP_TRANSFER, h, edge, 0, 0);
}

struct rvm_capability {
  uint64_t type, rights, object, badge, depth;
};
static inline enum rvm_error rvm_cap_inspect(rvm_handle h, struct rvm_capability* c) {
  struct rvm_registers r = {{RVM_HVC_CAP_INSPECT, h, 0, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    c->type = r.x[1];
    c->rights = r.x[2];
    c->object = r.x[3];
    c->badge = r.x[4];
    c->depth = r.x[5];
  }
  return e;
}

/* A capability to any partition or agent, for whoever has EXECUTE on the hypervisor: type is RVM_OBJECT_PARTITION or RVM_OBJECT_AGENT. */
static inline enum rvm_error rvm_cap_obtain(rvm_handle hypervisor, uint64_t type, uint64_t id, uint64_t rights,
                                            rvm_handle* handle) {
  struct rvm_registers r = {{RVM_HVC_CAP_OBTAIN, hypervisor, type, id, rights, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke_proven(&r);
  if (e == RVM_ERROR_OK) *handle = (rvm_handle)r.x[1];
  return e;
}

/* What the machine is made of and does. Writes an array of the structure that belongs to `what` (RVM_READ_*), and where to go on; 0 at
 * the end. */
static inline enum rvm_error rvm_system_read(rvm_handle hypervisor, uint64_t what, uint64_t* cursor, void* to,
                                             uint64_t bytes, uint64_t* entries) {
  struct rvm_registers r = {{RVM_HVC_SYSTEM_READ, hypervisor, what, *cursor, rvm_guest_address(to), bytes, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    *entries = r.x[1];
    *cursor = r.x[2];
  }
  return e;
}

/* Pages of the own heap become executable, and are not writable any more. At most 512 at once. */
static inline enum rvm_error rvm_memory_seal(rvm_handle self, uint64_t address, uint64_t pages) {
  return rvm_call4_proven(RVM_HVC_MEMORY_SEAL, self, address, pages, 0);
}

/* ---- regions ----------------------------------------------------------------------------------------------------- */

static inline enum rvm_error rvm_region_create(rvm_handle partition, uint64_t pages, rvm_handle* region) {
  struct rvm_registers r = {{RVM_HVC_REGION_CREATE, partition, pages, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) *region = (rvm_handle)r.x[1];
  return e;
}
static inline enum rvm_error rvm_region_destroy(rvm_handle r) { return rvm_call4(RVM_HVC_REGION_DESTROY, r, 0, 0, 0); }
static inline enum rvm_error rvm_region_map(rvm_handle r, uint64_t address, uint64_t permissions) {
  return rvm_call4_proven(RVM_HVC_REGION_MAP, r, address, permissions, 0);
}
static inline enum rvm_error rvm_region_unmap(rvm_handle r) {
  return rvm_call4_proven(RVM_HVC_REGION_UNMAP, r, 0, 0, 0);
}
static inline enum rvm_error rvm_region_share(rvm_handle r, rvm_handle edge, uint64_t rights) {
  return rvm_call4_proven(RVM_HVC_REGION_SHARE, r, edge, rights, 0);
}
static inline enum rvm_error rvm_region_unshare(rvm_handle r) { return rvm_call4(RVM_HVC_REGION_UNSHARE, r, 0, 0, 0); }
static inline enum rvm_error rvm_region_transfer(rvm_handle r, rvm_handle edge) {
  return rvm_call4_proven(RVM_HVC_REGION_TRANSFER, r, edge, 0, 0);
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

/* Leases a device for `epochs`. `registers`: a page of the caller's slot where they appear; 0 for a device with queues.
 * Interrupts set `bit` of the caller's notification word; 64: none. `evidence`: null in a partition that is trusted. */
static inline enum rvm_error rvm_lease_grant_shown(rvm_handle device, uint64_t epochs, uint64_t registers, uint64_t bit,
                                                   const struct rvm_evidence* evidence, uint64_t* expiry) {
  struct rvm_registers r = {{RVM_HVC_LEASE_GRANT, device, epochs, registers, bit, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke_shown(&r, evidence);
  if (e == RVM_ERROR_OK && expiry) *expiry = r.x[1];
  return e;
}
static inline enum rvm_error rvm_lease_grant(rvm_handle device, uint64_t epochs, uint64_t registers, uint64_t bit,
                                             uint64_t* expiry) {
  return rvm_lease_grant_shown(device, epochs, registers, bit, 0, expiry);
}
static inline enum rvm_error rvm_lease_renew(rvm_handle device, uint64_t epochs, uint64_t* expiry) {
  struct rvm_registers r = {{RVM_HVC_LEASE_RENEW, device, epochs, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK && expiry) *expiry = r.x[1];
  return e;
}
static inline enum rvm_error rvm_lease_release(rvm_handle device) {
  return rvm_call4(RVM_HVC_LEASE_RELEASE, device, 0, 0, 0);
}

struct rvm_lease {
  uint64_t kind, register_offset, expiry, dma_left;
};
static inline enum rvm_error rvm_lease_info(rvm_handle device, struct rvm_lease* lease) {
  struct rvm_registers r = {{RVM_HVC_LEASE_INFO, device, 0, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    lease->kind = r.x[1];
    lease->register_offset = r.x[2];
    lease->expiry = r.x[3];
    lease->dma_left = r.x[4];
  }
  return e;
}
static inline enum rvm_error rvm_device_acknowledge(rvm_handle device) {
  return rvm_call4(RVM_HVC_DEVICE_ACKNOWLEDGE, device, 0, 0, 0);
}
static inline enum rvm_error rvm_device_configuration(rvm_handle device, uint64_t offset, uint32_t* value) {
  struct rvm_registers r = {{RVM_HVC_DEVICE_CONFIGURATION, device, offset, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) *value = (uint32_t)r.x[1];
  return e;
}
static inline enum rvm_error rvm_device_submit(rvm_handle device, uint64_t queue,
                                               const struct rvm_device_buffer* buffers, uint64_t count,
                                               uint64_t* request) {
  struct rvm_registers r = {{RVM_HVC_DEVICE_SUBMIT, device, queue, rvm_guest_address(buffers), count, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK && request) *request = r.x[1];
  return e;
}
static inline enum rvm_error rvm_device_complete(rvm_handle device, uint64_t queue, uint64_t* request,
                                                 uint64_t* written) {
  struct rvm_registers r = {{RVM_HVC_DEVICE_COMPLETE, device, queue, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    if (request) *request = r.x[1];
    if (written) *written = r.x[2];
  }
  return e;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static inline enum rvm_error rvm_message_operation(uint64_t operation, uint64_t* x1,
                                                   uint64_t message[RVM_MESSAGE_REGISTERS]) {
  struct rvm_registers r = {
      {operation, *x1, message[0], message[1], message[2], message[3], message[4], message[5], message[6], message[7]}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    *x1 = r.x[1];
    for (unsigned i = 0; i < RVM_MESSAGE_REGISTERS; ++i) message[i] = r.x[2 + i];
  }
  return e;
}
/* Sends the message and waits for the answer, which replaces it. */
static inline enum rvm_error rvm_call(rvm_handle edge, uint64_t message[RVM_MESSAGE_REGISTERS]) {
  uint64_t x1 = edge;
  return rvm_message_operation(RVM_HVC_CALL, &x1, message);
}
/* Answers the current caller, if there is one, then waits for the next call. */
static inline enum rvm_error rvm_reply_wait(uint64_t* badge, uint64_t message[RVM_MESSAGE_REGISTERS]) {
  *badge = 0;
  return rvm_message_operation(RVM_HVC_REPLY_WAIT, badge, message);
}
static inline enum rvm_error rvm_reply(const uint64_t message[RVM_MESSAGE_REGISTERS]) {
  struct rvm_registers r = {{RVM_HVC_REPLY, 0, message[0], message[1], message[2], message[3], message[4], message[5],
                             message[6], message[7]}};
  return (enum rvm_error)rvm_invoke(&r);
}
static inline enum rvm_error rvm_send(rvm_handle edge, const void* bytes, uint64_t length, uint64_t deadline) {
  return rvm_call4(RVM_HVC_SEND, edge, rvm_guest_address(bytes), length, deadline);
}

/* Ends a turn: sends all of the messages or none, and records the digests. On an error other than of the whole, `refused`
 * (may be null) is the index of the message it is about. */
static inline enum rvm_error rvm_turn_commit(const struct rvm_turn_message* messages, uint64_t count, uint64_t deadline,
                                             uint64_t message_digest, uint64_t state_root, uint64_t* refused) {
  struct rvm_registers r = {
      {RVM_HVC_TURN_COMMIT, rvm_guest_address(messages), count, deadline, message_digest, state_root, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e != RVM_ERROR_OK && refused) *refused = r.x[1];
  return e;
}
/* Records that a turn ended without effect. */
static inline enum rvm_error rvm_turn_abort(uint64_t reason, uint64_t message_digest, uint64_t state_root) {
  return rvm_call4(RVM_HVC_TURN_ABORT, reason, message_digest, state_root, 0);
}

struct rvm_received {
  uint64_t badge, length, kind, edge; /* kind: RVM_MESSAGE_*; edge: id of the edge it came over */
};
/* `edge` 0 receives from any edge of this agent. On RVM_ERROR_TRUNCATED the message stays queued and `length` is the
 * size it needs. */
static inline enum rvm_error rvm_receive(rvm_handle edge, void* buffer, uint64_t size, uint64_t deadline,
                                         struct rvm_received* received) {
  struct rvm_registers r = {{RVM_HVC_RECEIVE, edge, rvm_guest_address(buffer), size, deadline, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    received->badge = r.x[1];
    received->length = r.x[2];
    received->kind = r.x[3];
    received->edge = r.x[4];
  }
  return e;
}
static inline enum rvm_error rvm_signal(rvm_handle agent, uint64_t bits) {
  return rvm_call4(RVM_HVC_SIGNAL, agent, bits, 0, 0);
}

struct rvm_new_edge {
  rvm_handle owner, sender, receiver; /* the creator's handle; the two ends' handles in their own tables */
};
static inline enum rvm_error rvm_edge_create(rvm_handle sender, rvm_handle receiver, uint64_t queue, uint64_t badge,
                                             struct rvm_new_edge* edge) {
  struct rvm_registers r = {{RVM_HVC_EDGE_CREATE, sender, receiver, queue, badge, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke_proven(&r);
  if (e == RVM_ERROR_OK) {
    edge->owner = (rvm_handle)r.x[1];
    edge->sender = (rvm_handle)r.x[2];
    edge->receiver = (rvm_handle)r.x[3];
  }
  return e;
}
static inline enum rvm_error rvm_edge_destroy(rvm_handle e) { return rvm_call4(RVM_HVC_EDGE_DESTROY, e, 0, 0, 0); }

/* ---- the witness log --------------------------------------------------------------------------------------------- */

struct rvm_witness_position {
  uint64_t records, sealed, durable;
};
static inline enum rvm_error rvm_witness_head(rvm_handle witness, struct rvm_witness_position* head) {
  struct rvm_registers r = {{RVM_HVC_WITNESS_HEAD, witness, 0, 0, 0, 0, 0, 0, 0, 0}};
  enum rvm_error e = (enum rvm_error)rvm_invoke(&r);
  if (e == RVM_ERROR_OK) {
    head->records = r.x[1];
    head->sealed = r.x[2];
    head->durable = r.x[3];
  }
  return e;
}
static inline enum rvm_error rvm_witness_read(rvm_handle witness, uint64_t sequence, uint8_t record[64]) {
  return rvm_call4(RVM_HVC_WITNESS_READ, witness, sequence, rvm_guest_address(record), 0);
}

/* ---- directory, arguments, printing ------------------------------------------------------------------------------ */

static inline int rvm_text_equal(const char* a, const char* b) {
  while (*a && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}

/* The handle of the capability with this manifest name and type (RVM_OBJECT_ANY: any), or RVM_INVALID_HANDLE. */
static inline rvm_handle rvm_find(const char* name, uint32_t type) {
  const struct rvm_agent_info* info = rvm_this_agent;
  for (uint32_t i = 0; i < info->directory_count && i < RVM_DIRECTORY_ENTRIES; ++i) {
    const struct rvm_directory_entry* e = &info->directory[i];
    if ((type == RVM_OBJECT_ANY || e->type == type) && rvm_text_equal(e->name, name)) return e->handle;
  }
  return RVM_INVALID_HANDLE;
}

/* Argument `index` of the manifest's `args`, or a null pointer. */
static inline const char* rvm_argument(unsigned index) {
  const char* p = rvm_this_agent->arguments;
  const char* end = p + RVM_ARGUMENT_BYTES;
  for (; p < end && *p; ++p, --index) {
    if (index == 0) return p;
    while (p < end && *p) ++p;
  }
  return 0;
}

/* Text being put together for one console_write; what does not fit is dropped. */
struct rvm_line {
  uint32_t length;
  char text[RVM_CONSOLE_BYTES_MAX];
};
static inline void rvm_line_character(struct rvm_line* line, char c) {
  if (line->length < RVM_CONSOLE_BYTES_MAX) line->text[line->length++] = c;
}
static inline void rvm_line_text(struct rvm_line* line, const char* text) {
  while (*text) rvm_line_character(line, *text++);
}
static inline void rvm_line_number(struct rvm_line* line, uint64_t value) {
  char digits[20];
  unsigned n = 0;
  do {
    digits[n++] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  while (n) rvm_line_character(line, digits[--n]);
}
static inline void rvm_line_hex(struct rvm_line* line, uint64_t value) {
  rvm_line_text(line, "0x");
  int shift = 60;
  while (shift > 0 && ((value >> shift) & 15) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) rvm_line_character(line, "0123456789abcdef"[(value >> shift) & 15]);
}
/* Ends the line and writes it. */
static inline enum rvm_error rvm_line_write(struct rvm_line* line) {
  if (line->length == RVM_CONSOLE_BYTES_MAX) line->length--;
  line->text[line->length++] = '\n';
  enum rvm_error e = rvm_console_write(rvm_find(RVM_DIRECTORY_CONSOLE, RVM_OBJECT_CONSOLE), line->text, line->length);
  line->length = 0;
  return e;
}
/* One line of plain text. */
static inline enum rvm_error rvm_print(const char* text) {
  struct rvm_line line;
  line.length = 0;
  rvm_line_text(&line, text);
  return rvm_line_write(&line);
}

static inline const char* rvm_error_name(enum rvm_error e) {
  switch ((int)e) {
#define RVM_X(name, value, failure_class, text) \
  case value: \
    return #name;
    RVM_ERROR_TABLE(RVM_X)
#undef RVM_X
    default:
      return "UNKNOWN";
  }
}

#ifdef __cplusplus
}
#endif

#endif
