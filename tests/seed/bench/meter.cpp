// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prints "OPERATION: INSTRUCTIONS". The clock counts instructions (-icount shift=0: one in a nanosecond).
#include "rvm/seed_agent.hpp"

using namespace rvm::agent;

namespace {

constexpr uint32_t rounds = 256;

/// Of one round, without the loop itself.
template <typename Work>
uint32_t cost(uint32_t times, Work work) {
  const uint64_t a = now();
  for (uint32_t i = 0; i < times; ++i) asm volatile("" ::: "memory");
  const uint64_t b = now();
  for (uint32_t i = 0; i < times; ++i) work();
  const uint64_t c = now();
  return (static_cast<uint32_t>(c - b) - static_cast<uint32_t>(b - a)) / times;
}

}  // namespace

int agent_main() {
  const Handle echo = find("echo");
  const uint32_t null = cost(rounds, [] { (void)invoke(RVM_HVC_NULL); });
  const uint32_t pair = cost(rounds, [] { (void)invoke(RVM_HVC_YIELD); });
  rvm_information.x[2] = 0;
  const uint32_t round_trip = cost(rounds, [=] { (void)call(echo); });
  const uint32_t refusal = cost(16, [] { (void)invoke(RVM_HVC_LIMIT); });
  // What the timer interrupts is the next line.
  rvm_information.x[2] = 64;
  (void)call(echo);
  for (uint32_t i = 0; i < 30'000'000; ++i) asm volatile("" ::: "memory");
  rvm_information.x[2] = 0;
  (void)call(echo);
  const auto late = static_cast<uint32_t>(rvm_information.x[2]);
  say("null", null);
  say("switch", pair / 2);
  say("call_reply", round_trip);
  say("refusal", refusal);
  say("wake", late);
  return 0;
}
