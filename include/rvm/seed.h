/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The hypercall interface (rvm/abi.h) on microcontrollers. It is the same but for the carrier: registers x0-x15 are sixteen words
 * of 64 bits at the beginning of the agent's information, and the instruction is `SVC #0`. C-compatible. */
#ifndef RVM_SEED_H
#define RVM_SEED_H

#include "rvm/abi.h"

#define RVM_SEED_DIRECTORY_ENTRIES 7u
#define RVM_SEED_MESSAGE_BYTES_MAX 48u /* of SEND */
#define RVM_SEED_CONSOLE_BYTES_MAX 96u

struct rvm_seed_entry {
  char name[12]; /* NUL-terminated */
  uint32_t handle;
};

/* In the agent's own memory, at the address in r0 at entry. */
struct rvm_seed_information {
  uint64_t x[16];
  uint32_t agent_id;
  uint32_t partition_id;
  uint32_t restarts; /* how often it was started again after a fault */
  uint32_t directory_count;
  struct rvm_seed_entry directory[RVM_SEED_DIRECTORY_ENTRIES];
};

#endif
