// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A refusal is a record. Says how many it has caused before each sleep, and at the end how long all of it took.
#include "rvm/seed_agent.hpp"

using namespace rvm::agent;

int agent_main() {
  constexpr uint32_t rounds = 40, period_us = 100'000;
  const uint64_t begin = now();
  for (uint32_t i = 1; i <= rounds; ++i) {
    (void)invoke(RVM_HVC_LIMIT);
    say("refused", i);
    (void)sleep_until(begin + uint64_t{i * period_us} * 1000);
  }
  say("slept late by", now() - begin - uint64_t{rounds * period_us} * 1000);
  return 0;
}
