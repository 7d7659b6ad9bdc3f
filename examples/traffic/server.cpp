// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Answers calls with the words of the question reversed and inverted. A service: never ends.
#include <algorithm>

#include "traffic.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const Error why = serve([](Badge, const Message& question) {
    Message answer{};
    for (std::size_t w = 0; w < question.size(); ++w) answer[w] = ~question[question.size() - 1 - w];
    return answer;
  });
  say("stopped serving: ", why);
  return 1;
}
