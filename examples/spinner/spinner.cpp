// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Never calls the kernel, never waits, never ends. Only the timer takes the core away from it. The YIELD hint now and then
// is for the machine, not for the hypervisor, which does not see it: an emulator that runs its cores in turn goes to the
// next one.
#include "rvm/agent.hpp"

extern "C" int agent_main(const rvm_agent_info*) {
  for (;;) {
    for (int i = 0; i < 4000; ++i) asm volatile("");
    asm volatile("yield");
  }
}
