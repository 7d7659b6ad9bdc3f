// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Gives the core back at once.
#include "rvm/seed_agent.hpp"

int agent_main() {
  for (;;) (void)rvm::agent::invoke(RVM_HVC_YIELD);
}
