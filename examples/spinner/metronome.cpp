// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An agent with a deadline: every millisecond a job of about 25 microseconds, to be done before the next millisecond.
// The kernel counts deadlines met and missed; this agent looks at the clock itself as well. args: number of jobs.
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr Nanoseconds period = milliseconds(1);
constexpr std::uint64_t iterations = 6'250;  // four instructions each: 25 us when an instruction takes 1 ns

void work() {
  for (std::uint64_t i = 0; i < iterations; ++i) asm volatile("nop\n\tnop");
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const auto referee = find<AgentRef>("referee");
  const std::uint64_t jobs = argument_number(0, 1000);
  std::uint64_t missed = 0;
  Nanoseconds latest{};
  Nanoseconds release = now() + period;
  require(signal(referee, 1).has_value(), "cannot signal the referee");
  for (std::uint64_t job = 0; job < jobs; ++job) {
    sleep_until(release);
    const Nanoseconds start = now();
    if (start - release > latest) latest = start - release;
    work();
    if (now() > release + period) ++missed;
    release = release + period;
  }
  say(jobs, " jobs, one every millisecond; latest start ", latest.count / 1000,
      " us after its time; deadlines missed: ", missed);
  require(signal(referee, 2).has_value(), "cannot signal the referee");
  return missed == 0 ? 0 : 1;
}
