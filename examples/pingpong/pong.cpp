// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A service: answers every call with its words plus one. It never ends; the machine stops when ping has.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const Error why = serve([](Badge, const Message& question) {
    Message answer = question;
    for (std::uint64_t& word : answer) word += 1;
    return answer;
  });
  say("stopped serving: ", why);
  return 1;
}
