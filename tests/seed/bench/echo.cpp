// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Answers every call with the same words.
#include "rvm/seed_agent.hpp"

int agent_main() {
  while (rvm::agent::reply_wait() == RVM_ERROR_OK) {
  }
  return 1;
}
