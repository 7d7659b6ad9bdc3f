// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A service: answers every call with its words plus one.
#include "rvm/seed_agent.hpp"

using namespace rvm::agent;

int agent_main() {
  while (reply_wait() == RVM_ERROR_OK) {
    for (unsigned i = 2; i < 10; ++i) ++rvm_information.x[i];
  }
  return 1;
}
