// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A job every two milliseconds with one to do it in: asks the oracle, checks the answer, and tells rogue how many it has done.
#include "rvm/seed_agent.hpp"

using namespace rvm::agent;

namespace {
constexpr uint64_t period = 2'000'000;
// What rogue is after. Volatile, so that it lies where a thief would look.
volatile uint32_t secret = 0x5ec7'e700;
}  // namespace

int agent_main() {
  const Handle oracle = find("oracle"), rogue = find("rogue");
  uint64_t next = now() + period;
  for (uint32_t job = 0; job < 2000; ++job, next += period) {
    (void)sleep_until(next);
    rvm_information.x[2] = job;
    if (call(oracle) != RVM_ERROR_OK || rvm_information.x[2] != job + 1) return 1;
    secret = secret + 1;
    (void)send(rogue, &job, sizeof job, 0);  // full when rogue is down: that is rogue's loss
  }
  (void)sleep_until(now());
  say("jobs done: all 2000, secret kept");
  return secret == 0x5ec7'e700 + 2000 ? 0 : 1;
}
