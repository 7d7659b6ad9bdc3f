/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Offsets that the assembly shares with the C++ structures. Each is checked by a static_assert beside its structure. */
#ifndef RVM_HAL_LAYOUT_H
#define RVM_HAL_LAYOUT_H

/* hal::Context */
#define RVM_CONTEXT_X30 240
#define RVM_CONTEXT_PC 248 /* must follow x30: they travel as a pair */
#define RVM_CONTEXT_STATE 256

/* hal::Core */
#define RVM_CORE_STACK 0
#define RVM_CORE_EMERGENCY 8
#define RVM_CORE_BOOT_TICKS 16
#define RVM_CORE_TICK_SCALE 24
#define RVM_CORE_BYTES 128

/* hal::Clock: nanoseconds = (ticks * scale) >> shift */
#define RVM_CLOCK_SHIFT 53

/* Stack of one core, from the lowest address: a page that is not mapped, the stack, the emergency stack. */
#define RVM_CORES 8
#define RVM_STACK_BYTES 0x8000
#define RVM_STACK_GUARD 0x1000
#define RVM_STACK_TOP 0x7000
#define RVM_STACKS (RVM_CORES + 1) /* the last one is the worker's */

#endif
