// SPDX-License-Identifier: MIT OR Apache-2.0
//
// On a signal, yields a little more often than the benchmark does in one batch.
#include "measure.hpp"

using namespace bench;

extern "C" int agent_main(const rvm_agent_info*) {
  for (;;) {
    if (!wait(begin)) return 1;
    std::uint64_t rounds = 80;
    asm volatile("1: mov x0, %1\n\thvc #0\n\tsubs %0, %0, #1\n\tb.ne 1b"
                 : "+r"(rounds)
                 : "i"(RVM_HVC_YIELD)
                 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "cc", "memory");
  }
}
