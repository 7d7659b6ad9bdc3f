// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A member that does its work as the others do, but from the third phase on also asks for what is not its own: it tries
// handles that it was never given. Each is refused and costs it trust. In the end it reads the memory of an agent with
// whose partition it had to do before it was isolated. args: rounds of a busy phase, rounds of the idle one.
#include "member.hpp"

using namespace rvm::agent;
using namespace swarm;

namespace {

constexpr std::uint64_t forged_per_phase = 60;
constexpr std::uint32_t first_generation = 1u << 16;
constexpr std::uint32_t own_slots = 40;  // more than the manifest gave it

/// Tries to end whatever a made-up handle might lead to. True if it did.
bool use_forged_handle(std::uint64_t number) {
  const AgentRef forged{static_cast<rvm_handle>(first_generation + own_slots + number)};
  return terminate(forged).has_value();
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  Member member;
  bool escaped = false;
  std::uint64_t victim = 0;
  for (const Phase phase : {Phase::form, Phase::mix, Phase::turn, Phase::dissolve, Phase::again}) {
    require(wait(bit(phase)).has_value(), "wait failed");
    const bool hostile = phase >= Phase::turn;
    if (phase == Phase::turn) say("attack: tried what is not its own");
    member.work(phase, [&](std::uint64_t round) {
      if (hostile && round < forged_per_phase && use_forged_handle(round)) escaped = true;
    });
    victim = member.first_peer();
  }
  require(wait(bit(Phase::reach)).has_value(), "wait failed");
  if (escaped) {
    say("attack: ESCAPED a forged handle was taken");
    return 1;
  }
  // The first word of the information page of another agent.
  const std::uint64_t address = victim * info().slot_size;
  std::uint64_t word = 0;
  asm volatile("ldr %0, [%1]" : "=r"(word) : "r"(address) : "memory");
  say("attack: ESCAPED it read ", hex(word), " from agent ", victim);
  return 1;
}
