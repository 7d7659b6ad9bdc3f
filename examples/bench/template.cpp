// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Waits to be forked; a fork waits as well.
#include "rvm/agent.hpp"

namespace {

int idle() {
  for (;;) (void)rvm::agent::wait(UINT64_MAX);
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) { return idle(); }
extern "C" int agent_forked(const rvm_agent_info*) { return idle(); }
