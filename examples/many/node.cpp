// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One of several hundred agents in a ring, each in a partition of its own. Tokens go round and round; node 0 counts the
// laps and at the end sends a last token, behind which everyone stops. args: own number, laps, tokens.
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

struct Token {
  std::uint64_t lap;
  std::uint64_t hops;
  std::uint64_t last;  ///< 1: stop after passing it on
};

Token take(Edge previous) {
  Token token{};
  const Result<Received> r = receive(previous, std::as_writable_bytes(std::span{&token, 1}));
  require(r.has_value() && r->length == sizeof token, "receive: ", error_of(r));
  return token;
}
void pass(Edge next, Token token) {
  ++token.hops;
  const Status s = send_value(next, token);
  require(s.has_value(), "send: ", error_of(s));
}

/// Every node but the first: pass on what comes, and count it.
int follow(Edge previous, Edge next, std::uint64_t expected) {
  std::uint64_t seen = 0;
  for (;;) {
    const Token token = take(previous);
    pass(next, token);
    if (token.last != 0) break;
    ++seen;
  }
  require(seen == expected, "saw ", seen, " tokens, not ", expected);
  return 0;
}

int lead(Edge previous, Edge next, std::uint64_t laps, std::uint64_t tokens) {
  const Nanoseconds start = now();
  for (std::uint64_t t = 0; t < tokens; ++t) pass(next, Token{1, 0, 0});
  std::uint64_t hops = 0;
  for (std::uint64_t arrived = 0; arrived < laps * tokens; ++arrived) {
    Token token = take(previous);
    if (token.lap == laps) {
      hops += token.hops;
      continue;
    }
    ++token.lap;
    pass(next, token);
  }
  pass(next, Token{0, 0, 1});
  const Token last = take(previous);
  require(last.last == 1, "a token came after the last one");
  say(last.hops, " partitions are alive at once; ", tokens, " tokens went round ", laps, " times: ", hops, " hops in ",
      (now() - start).count / 1'000'000, " ms");
  require(hops == last.hops * laps * tokens, "a hop is missing");
  return 0;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const Edge previous = find_edge("previous");
  const Edge next = find_edge("next");
  require(previous && next, "an edge is missing");
  const std::uint64_t laps = argument_number(1, 10);
  const std::uint64_t tokens = argument_number(2, 4);
  return argument_number(0, 0) == 0 ? lead(previous, next, laps, tokens) : follow(previous, next, laps * tokens);
}
