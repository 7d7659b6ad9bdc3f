// SPDX-License-Identifier: MIT OR Apache-2.0
//
// args: "send N": once a period a kibibyte to "peer", N times; "receive": takes what comes; "spin": never rests.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  constexpr Nanoseconds period = microseconds(1700);  // no multiple of an epoch
  std::array<std::byte, 1024> kibibyte{};
  if (argument(0) == "spin") {
    for (volatile std::uint64_t turns = 0;;) turns = turns + 1;
  }
  if (argument(0) == "receive") {
    while (receive(Edge{}, kibibyte)) {
    }
    return 0;
  }
  const Edge peer = find_edge("peer");
  Nanoseconds next = now();
  for (std::uint64_t left = argument_number(1, 1); left != 0; --left) {
    next = next + period;
    sleep_until(next);
    require(send(peer, kibibyte).has_value(), "cannot send");
  }
  return 0;
}
