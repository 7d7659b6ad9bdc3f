/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A plugin of QEMU (docs/devel/tcg-plugins) that stops the emulator hard, as a power cut does, at the first end of a block after a
 * given number of instructions: nothing is flushed, nobody is told. Without a limit it prints how many there were.
 *   -plugin file=cut.so,limit=N */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*seen)(plugin_id, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb* block, void (*executed)(unsigned, void*), int flags,
                                          void* data);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void*), void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv);

static uint64_t limit = UINT64_MAX, count;

static void executed(unsigned core, void* instructions) {
  (void)core;
  count += (uintptr_t)instructions;
  if (count >= limit) _exit(0);
}

static void seen(plugin_id id, struct qemu_plugin_tb* block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_cb(block, executed, 0, (void*)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void ended(plugin_id id, void* data) {
  (void)id;
  (void)data;
  fprintf(stderr, "instructions: %" PRIu64 "\n", count);
}

int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "limit=", 6) == 0) limit = strtoull(argv[i] + 6, NULL, 10);
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, seen);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
