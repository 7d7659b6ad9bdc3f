/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A plugin of QEMU (docs/devel/tcg-plugins) that stops the emulator hard, as a power cut does: nothing is flushed, nobody is told.
 * limit: at the first end of a block after so many instructions. calls: before that semihosting call, of which the flash part takes
 * four for each word programmed. sleeps: before that WFI. Without any of them it prints how many there were.
 *   -plugin file=cut.so,limit=N or calls=N or sleeps=N */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*seen)(plugin_id, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb* block, void (*executed)(unsigned, void*), int flags,
                                          void* data);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void*), void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* instruction);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* instruction, void (*executed)(unsigned, void*),
                                            int flags, void* data);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv);

static const unsigned char semihosting_call[2] = {0xab, 0xbe};   /* BKPT #0xab */
static const unsigned char wait_for_interrupt[2] = {0x30, 0xbf}; /* WFI */

struct counter {
  const char* name; /* of the option that limits it */
  uint64_t count, limit;
};
static struct counter instructions = {"limit=", 0, UINT64_MAX};
static struct counter calls = {"calls=", 0, UINT64_MAX};
static struct counter sleeps = {"sleeps=", 0, UINT64_MAX};

static void advance(struct counter* counter, uint64_t by) {
  counter->count += by;
  if (counter->count >= counter->limit) _exit(0);
}

static void block_executed(unsigned core, void* length) {
  (void)core;
  advance(&instructions, (uintptr_t)length);
}

static void counted_executed(unsigned core, void* counter) {
  (void)core;
  advance(counter, 1);
}

static int is(const struct qemu_plugin_insn* instruction, const unsigned char code[2]) {
  return qemu_plugin_insn_size(instruction) == 2 && memcmp(qemu_plugin_insn_data(instruction), code, 2) == 0;
}

static void seen(plugin_id id, struct qemu_plugin_tb* block) {
  (void)id;
  const size_t length = qemu_plugin_tb_n_insns(block);
  for (size_t i = 0; i < length; ++i) {
    struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    struct counter* counter = is(instruction, semihosting_call)     ? &calls
                              : is(instruction, wait_for_interrupt) ? &sleeps
                                                                    : NULL;
    if (counter != NULL) qemu_plugin_register_vcpu_insn_exec_cb(instruction, counted_executed, 0, counter);
  }
  qemu_plugin_register_vcpu_tb_exec_cb(block, block_executed, 0, (void*)(uintptr_t)length);
}

static void ended(plugin_id id, void* data) {
  (void)id;
  (void)data;
  fprintf(stderr, "instructions: %" PRIu64 "\ncalls: %" PRIu64 "\nsleeps: %" PRIu64 "\n", instructions.count,
          calls.count, sleeps.count);
}

static void take_option(const char* option, struct counter* counter) {
  const size_t length = strlen(counter->name);
  if (strncmp(option, counter->name, length) == 0) counter->limit = strtoull(option + length, NULL, 10);
}

int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    take_option(argv[i], &instructions);
    take_option(argv[i], &calls);
    take_option(argv[i], &sleeps);
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, seen);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
