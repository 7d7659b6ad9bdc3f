// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One of thousands. Sends a page now and then to "friend-0" or "friend-1", and reads what comes. Whom it prefers changes with the
// season, of which there are as many as it is told to live through. args: milliseconds between two messages on average, seasons, seconds of one.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const std::uint64_t rest = argument_number(0, 1000);
  const std::uint64_t seasons = argument_number(1, 1);
  const Nanoseconds season = milliseconds(1000 * argument_number(2, 1));
  const std::array friends{find_edge("friend-0"), find_edge("friend-1")};
  std::array<std::byte, RVM_MESSAGE_BYTES_MAX> page{};
  std::uint64_t x = (info().agent_id + 1) * 0x9e3779b97f4a7c15;
  const auto random = [&x](std::uint64_t below) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return below == 0 ? 0 : x % below;
  };
  const Nanoseconds born = now();
  Nanoseconds next = born + microseconds(random(1000 * rest));
  std::uint64_t sent = 0;
  std::uint64_t read = 0;
  for (;;) {
    const Nanoseconds age = now() - born;
    if (age.count >= season.count * seasons) break;
    if (receive(Edge{}, page, next)) {
      ++read;
      continue;
    }
    // Nine of ten to the one that is in favour.
    const std::uint64_t favourite = age.count / season.count % 2;
    const Edge to = friends[random(10) == 0 ? 1 - favourite : favourite];
    if (send(to, page, no_wait)) ++sent;
    next = now() + microseconds(500 * rest + random(1000 * rest));
  }
  return sent + read == 0 ? 1 : 0;
}
