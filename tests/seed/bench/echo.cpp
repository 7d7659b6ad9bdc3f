// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Outranks the others. Asked with a number of times, it answers at once, and then sleeps and wakes as often; asked with 0, it tells
// how late it woke up on the average.
#include "rvm/seed_agent.hpp"

using namespace rvm::agent;

int agent_main() {
  uint64_t* const message = &rvm_information.x[2];
  uint32_t late = 0;
  while (reply_wait() == RVM_ERROR_OK) {
    const auto times = static_cast<uint32_t>(message[0]);
    message[0] = late;
    if (times == 0) continue;
    (void)invoke(RVM_HVC_REPLY);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < times; ++i) {
      const uint64_t at = now() + 1'000'010 + 10 * i;  // not always at the same part of a tick
      (void)sleep_until(at);
      sum += static_cast<uint32_t>(now() - at);
    }
    late = sum / times;
  }
  return 1;
}
