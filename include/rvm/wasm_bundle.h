/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A WebAssembly agent is the image of the runtime (`wasm.elf`) with one more read-only segment behind its own: a bundle, which
 * holds the module and all that the manifest gives it. The host program makes it, the runtime reads it where it lies. The
 * kernel knows neither: it is a segment like any other, measured with the package and shared between the agents of the image.
 *
 * Little-endian. Offsets count from the start of the bundle, whose first byte is the first of a page; unused bytes are 0.
 */
#ifndef RVM_WASM_BUNDLE_H
#define RVM_WASM_BUNDLE_H

#include <stdint.h>

#define RVM_WASM_BUNDLE_MAGIC "RVMWASM1"

struct rvm_wasm_range {
  uint64_t offset;
  uint64_t bytes;
};

enum rvm_wasm_file_kind { RVM_WASM_FILE = 0, RVM_WASM_DIRECTORY = 1 };

/* A file or directory of the tree that the module sees, by its path from the root, without a leading or trailing '/'. */
struct rvm_wasm_file {
  struct rvm_wasm_range path; /* not ended by NUL */
  struct rvm_wasm_range contents;
  uint32_t kind; /* rvm_wasm_file_kind */
  uint32_t reserved;
};

enum rvm_wasm_bundle_flags {
  RVM_WASM_INTERPRETED = 1, /* the module is not compiled */
  RVM_WASM_TEMPLATE = 2     /* after its first turn the actor waits, to be forked */
};

struct rvm_wasm_bundle {
  char magic[8];
  uint32_t header_bytes; /* sizeof(struct rvm_wasm_bundle) */
  uint32_t flags;        /* rvm_wasm_bundle_flags */
  uint64_t total_bytes;
  struct rvm_wasm_range module;  /* the module, binary format */
  struct rvm_wasm_range environ; /* texts NAME=VALUE, each ended by NUL */
  struct rvm_wasm_range files;   /* rvm_wasm_file, ascending by path, every directory before what is in it */
  uint64_t seed;                 /* of what the module gets as random */
  uint64_t fuel;                 /* units for a command, or for each turn of an actor; 0 = no limit */
  uint64_t memory_bytes;         /* most its linear memory may grow to; 0 = what the heap has room for */
};

#ifdef __cplusplus
static_assert(sizeof(rvm_wasm_file) == 40);
static_assert(sizeof(rvm_wasm_bundle) == 96);
#endif

#endif
