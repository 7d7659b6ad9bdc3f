/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Pointers and guest-physical addresses.
 *
 * For most agents they are the same. A program made with `rvm_agent(NAME WINDOW ...)` turns its stage 1 on before anything else
 * runs, and from then on its slot appears at RVM_WINDOW_BASE, wherever it is in guest-physical memory: the same program, started
 * or copied into another slot, finds everything at the address where it was. Stage 2 still says what may be written or executed.
 * What stage 1 does not map, the lowest 16 GiB above all, ends the agent with a fault.
 *
 * Such a program may map parts of its slot a second time, in the *views*: pieces of address space as large as the window and
 * aligned to that. Whatever lies at an offset of the slot has the same offset in the window and in every view, so one line turns
 * any pointer into its guest-physical address.
 */
#ifndef RVM_WINDOW_H
#define RVM_WINDOW_H

#include <stdint.h>

#include "rvm/abi.h"

#define RVM_WINDOW_BYTES ((uint64_t)1 << 34)
#define RVM_WINDOW_BASE RVM_WINDOW_BYTES
#define RVM_VIEW_BASE(index) (RVM_WINDOW_BASE + ((uint64_t)(index) + 1) * RVM_WINDOW_BYTES)

#ifdef __cplusplus
extern "C" {
#endif

#ifdef RVM_AGENT_WINDOW
/* What hypercalls take for a pointer, and the other way round. The information page is the slot's first. */
static inline uint64_t rvm_guest_address(const volatile void* pointer) {
  const struct rvm_agent_info* info = (const struct rvm_agent_info*)RVM_WINDOW_BASE;
  return info->slot_base + ((uint64_t)(uintptr_t)pointer & (RVM_WINDOW_BYTES - 1));
}
static inline void* rvm_pointer(uint64_t guest_address) {
  const struct rvm_agent_info* info = (const struct rvm_agent_info*)RVM_WINDOW_BASE;
  return (void*)(uintptr_t)(guest_address - info->slot_base + RVM_WINDOW_BASE);
}
#else
static inline uint64_t rvm_guest_address(const volatile void* pointer) { return (uint64_t)(uintptr_t)pointer; }
static inline void* rvm_pointer(uint64_t guest_address) { return (void*)(uintptr_t)guest_address; }
#endif

#ifdef __cplusplus
}
#endif

#endif
