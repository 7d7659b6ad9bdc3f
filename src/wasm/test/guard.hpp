// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Guarded memories on Linux: what a partition does with its translation tables and its vectors is done here with mprotect
// and a signal handler.
#pragma once

#include <sys/mman.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#if defined(__aarch64__)
  #include <ucontext.h>
#endif

#include "rvm/wasm/types.hpp"

namespace rvm::wasm::test {

/// Host::resize.
inline bool resize_guarded(void* /*user*/, std::byte* base, std::uint64_t before, std::uint64_t bytes) {
  if (bytes == 0) return mprotect(base, guarded_bytes, PROT_NONE) == 0;
  if (bytes < before) return mprotect(base + bytes, before - bytes, PROT_NONE) == 0;
  return mprotect(base + before, bytes - before, PROT_READ | PROT_WRITE) == 0;
}

struct GuardedCode {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uintptr_t target = 0;
};
inline std::vector<GuardedCode>& guarded_code() {
  static std::vector<GuardedCode> all;
  return all;
}

#if defined(__aarch64__)
inline void on_fault(int /*signal*/, siginfo_t* /*info*/, void* context) {
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  for (const GuardedCode& code : guarded_code()) {
    if (machine.pc < code.begin || machine.pc >= code.end) continue;
    machine.pc = code.target;
    return;
  }
  std::signal(SIGSEGV, SIG_DFL);  // the engine's own fault: happens again
}
#endif

/// From now on a fault of this code leads to `target` bytes from its begin. Code that lay there before is forgotten.
inline void expect_faults(std::span<const std::byte> code, std::uint32_t target) {
  const auto begin = reinterpret_cast<std::uintptr_t>(code.data());
  const std::uintptr_t end = begin + code.size();
  std::erase_if(guarded_code(), [&](const GuardedCode& old) { return old.begin < end && begin < old.end; });
  guarded_code().push_back({begin, end, begin + target});
#if defined(__aarch64__)
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSEGV, &action, nullptr) != 0) std::abort();
#endif
}

}  // namespace rvm::wasm::test
