// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Calls pong 100 000 times and checks every answer. The two live in different partitions; each call and each reply
// crosses from one stage-2 address space to the other in registers.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const Edge pong = find_edge("pong");
  require(static_cast<bool>(pong), "the manifest gives ping no edge named pong");
  const std::uint64_t rounds = argument_number(0, 100'000);

  const Nanoseconds start = now();
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const Message question{i, i * 3, ~i, 1, 2, 3, 4, 5};
    const Result<Message> answer = call(pong, question);
    require(answer.has_value(), "call ", i, " failed: ", error_of(answer));
    require((*answer)[0] == i + 1 && (*answer)[1] == i * 3 + 1 && (*answer)[7] == 6, "wrong answer to call ", i);
  }
  const Nanoseconds elapsed = now() - start;
  say(rounds, " calls to another partition, every answer checked, ", elapsed.count / (rounds == 0 ? 1 : rounds),
      " ns each");
  return 0;
}
