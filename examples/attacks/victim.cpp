// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Does the same piece of work twice, once before and once during the attacks, and compares what it cost: processor time
// of its own, which under instruction counting is its number of instructions. Its memory must be as it left it.
// On several emulated cores the clock also runs while another core has its turn, so there only memory and result count.
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr std::uint64_t done_undisturbed = 1;  // to the director
constexpr std::uint64_t done_disturbed = 2;
constexpr std::uint64_t attacks_begin = 1;  // from the director

/// A walk through `table` that changes as it goes; the result depends on every step.
std::uint64_t work(std::span<std::uint64_t> table, std::uint64_t rounds) {
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = i * 0x9e3779b97f4a7c15;
  std::uint64_t x = 1;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    std::uint64_t& cell = table[x % table.size()];
    cell = cell * 5 + x;
    x += cell >> 7;
  }
  std::uint64_t sum = x;
  for (const std::uint64_t cell : table) sum = sum * 31 + cell;
  return sum;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const auto director = find<AgentRef>("director");
  const std::uint64_t rounds = argument_number(0, 1'000'000);
  Heap heap;
  const std::span table = heap.allocate<std::uint64_t>(16 * 1024);
  const std::span keepsake = heap.allocate<std::uint64_t>(8 * 1024);
  require(!table.empty() && !keepsake.empty(), "the heap is too small");
  for (std::size_t i = 0; i < keepsake.size(); ++i) keepsake[i] = ~i;

  (void)work(table, rounds / 16);  // first touch of everything is behind us
  Nanoseconds start = cpu_time();
  const std::uint64_t expected = work(table, rounds);
  const std::uint64_t undisturbed = (cpu_time() - start).count;

  require(signal(director, done_undisturbed).has_value(), "cannot signal the director");
  require(wait(attacks_begin).has_value(), "wait failed");

  start = cpu_time();
  const std::uint64_t result = work(table, rounds);
  const std::uint64_t disturbed = (cpu_time() - start).count;

  bool intact = result == expected;
  for (std::size_t i = 0; i < keepsake.size(); ++i) intact = intact && keepsake[i] == ~i;
  require(signal(director, done_disturbed).has_value(), "cannot signal the director");
  require(intact, "its memory or its result was changed");
  // The first agent's home is core 1 if there is one.
  if (self().core != 0) {
    say("the same result and memory as before the attacks");
    return 0;
  }
  say("victim: undisturbed=", undisturbed, " disturbed=", disturbed);
  const std::uint64_t difference = disturbed > undisturbed ? disturbed - undisturbed : undisturbed - disturbed;
  require(difference * 20 <= undisturbed, "more than 5 % away from its undisturbed time");
  say("the same result and memory as before the attacks, within 5 % of the undisturbed time");
  return 0;
}
