// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Answers every call with the same words; if the first is a number of times, then with how late it woke up on the average of them.
// It outranks the others, of which one never waits.
#include "rvm/seed_agent.hpp"

using namespace rvm::agent;

int agent_main() {
  uint64_t* const message = &rvm_information.x[2];
  while (reply_wait() == RVM_ERROR_OK) {
    if (message[0] == 0) continue;
    const auto times = static_cast<uint32_t>(message[0]);
    uint32_t late = 0;
    for (uint32_t i = 0; i < times; ++i) {
      const uint64_t at = now() + 1'000'000 + 10 * i;
      (void)sleep_until(at);
      late += static_cast<uint32_t>(now() - at);
    }
    message[0] = late / times;
  }
  return 1;
}
