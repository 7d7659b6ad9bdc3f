// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an agent for a microcontroller needs: the hypercalls that there are (rvm/seed.h), its capabilities by name, text.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rvm/seed.h"

extern "C" {
extern rvm_seed_information rvm_information;
/// The program starts here; what it returns is the agent's exit code.
int agent_main();
}

namespace rvm::agent {

using Handle = uint32_t;

/// The registers are x[0] to x[15]; the kernel changes them, hence the clobber.
inline uint64_t invoke(uint32_t operation) {
  rvm_information.x[0] = operation;
  asm volatile("svc #0" ::: "memory");
  return rvm_information.x[0];
}
inline uint64_t invoke(uint32_t operation, uint64_t a1, uint64_t a2 = 0, uint64_t a3 = 0, uint64_t a4 = 0) {
  uint64_t* const x = rvm_information.x;
  x[1] = a1;
  x[2] = a2;
  x[3] = a3;
  x[4] = a4;
  return invoke(operation);
}

/// By its name in the manifest; 0 if there is none.
inline Handle find(const char* name) {
  for (uint32_t i = 0; i < rvm_information.directory_count; ++i) {
    const rvm_seed_entry& entry = rvm_information.directory[i];
    size_t n = 0;
    while (n < sizeof entry.name && entry.name[n] == name[n] && name[n] != '\0') ++n;
    if (n < sizeof entry.name && entry.name[n] == name[n]) return entry.handle;
  }
  return 0;
}

inline uint64_t now() {
  (void)invoke(RVM_HVC_TIME);
  return rvm_information.x[1];
}
inline uint64_t sleep_until(uint64_t ns) { return invoke(RVM_HVC_SLEEP_UNTIL, ns); }
inline void say(const char* text) {
  size_t n = 0;
  while (text[n] != '\0') ++n;
  (void)invoke(RVM_HVC_CONSOLE_WRITE, find(RVM_DIRECTORY_CONSOLE), reinterpret_cast<uintptr_t>(text), n);
}
/// "TEXT: NUMBER"
void say(const char* text, uint64_t number);

/// The message is x[2] to x[9], and so is the answer.
inline uint64_t call(Handle edge) {
  rvm_information.x[1] = edge;
  return invoke(RVM_HVC_CALL);
}
inline uint64_t reply_wait() { return invoke(RVM_HVC_REPLY_WAIT); }
inline uint64_t send(Handle edge, const void* bytes, size_t length, uint64_t deadline) {
  return invoke(RVM_HVC_SEND, edge, reinterpret_cast<uintptr_t>(bytes), length, deadline);
}
inline uint64_t receive(Handle edge, void* bytes, size_t size, uint64_t deadline) {
  return invoke(RVM_HVC_RECEIVE, edge, reinterpret_cast<uintptr_t>(bytes), size, deadline);
}
[[noreturn]] inline void exit(int code) {
  for (;;) (void)invoke(RVM_HVC_EXIT, static_cast<uint64_t>(code));
}

}  // namespace rvm::agent
