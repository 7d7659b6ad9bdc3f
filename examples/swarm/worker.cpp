// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An honest member. args: rounds of a busy phase, rounds of the idle one.
#include "member.hpp"

using namespace rvm::agent;
using namespace swarm;

extern "C" int agent_main(const rvm_agent_info*) {
  Member member;
  for (const Phase phase : {Phase::form, Phase::mix, Phase::turn, Phase::dissolve, Phase::again}) {
    require(wait(bit(phase)).has_value(), "wait failed");
    member.work(phase, [](std::uint64_t) {});
  }
  require(wait(bit(Phase::end)).has_value(), "wait failed");
  return 0;
}
