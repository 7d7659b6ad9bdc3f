/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a WebAssembly agent written in C or C++ may ask of RVM: the host interface "rvm". Compile with
 * `clang --target=wasm32-wasi -I sdk/wasm`; an actor also with `-mexec-model=reactor`, since it has no main.
 *
 * A negative result is a refusal: minus an rvm_error of include/rvm/abi.h. An actor's messages leave, and the agents it spawns
 * begin, when its turn commits; if the turn is aborted, none of it has happened. */
#ifndef RVM_WASM_H
#define RVM_WASM_H

#include <stdint.h>

#define RVM_IMPORT(name) __attribute__((import_module("rvm"), import_name(#name)))

#ifdef __cplusplus
extern "C" {
#endif

/* The handle of a capability in the agent's directory, by the name that the manifest gave it. */
RVM_IMPORT(find) int32_t rvm_find(const char* name, uint32_t bytes);
/* Needs WRITE of the edge; at most 4096 bytes. */
RVM_IMPORT(send) int32_t rvm_send(int32_t edge, const void* message, uint32_t bytes);
/* Waits for a message, `edge` 0: from any; needs READ. Returns its length. Not for actors. */
RVM_IMPORT(receive) int32_t rvm_receive(int32_t edge, void* buffer, uint32_t bytes);
/* Whole pages of 64 KiB, zero; the address, or negative. */
RVM_IMPORT(alloc) int32_t rvm_alloc(uint32_t bytes);
RVM_IMPORT(free) int32_t rvm_free(int32_t address, uint32_t bytes);
/* Needs EXECUTE of the partition. Returns the new agent's handle; to an actor 0. */
RVM_IMPORT(spawn) int32_t rvm_spawn(int32_t partition, uint32_t image, uint32_t priority, uint64_t argument);
/* A copy of an actor that waits for a message, or of a template: needs EXECUTE of the partition and of that agent. Returns an edge by
 * which it can be sent messages; `answers` is the handle by which it can send some back, and means nothing to anybody else. It
 * begins when the turn commits. */
RVM_IMPORT(fork) int32_t rvm_fork(int32_t partition, int32_t original, uint32_t priority, int32_t* answers);
RVM_IMPORT(yield) void rvm_yield(void);
/* Nanoseconds since boot; in an actor, of the beginning of the turn. */
RVM_IMPORT(get_time) uint64_t rvm_get_time(void);
RVM_IMPORT(get_id) int32_t rvm_get_id(void);

/* What an actor exports. */
#define RVM_EXPORT(name) __attribute__((export_name(#name)))
/* Called once, as a turn, before the first message; may be left out. */
RVM_EXPORT(rvm_init) void rvm_init(void);
/* One turn. `edge` is the handle by which the directory knows where the message came from. */
RVM_EXPORT(rvm_on_message) void rvm_on_message(int32_t edge, const uint8_t* message, uint32_t bytes);

#ifdef __cplusplus
}
#endif

#endif
