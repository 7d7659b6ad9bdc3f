// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Answers every call with what it was asked, in the two instructions that take least.
#include "measure.hpp"

extern "C" int agent_main(const rvm_agent_info*) {
  asm volatile("1: mov x0, %0\n\thvc #0\n\tb 1b" ::"i"(RVM_HVC_REPLY_WAIT)
               : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "memory");
  return 1;
}
