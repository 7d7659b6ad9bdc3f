// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Never yields, never calls the kernel, never ends. Only the timer takes the core away from it.
#include "rvm/agent.hpp"

extern "C" int agent_main(const rvm_agent_info*) {
  for (;;) asm volatile("");
}
