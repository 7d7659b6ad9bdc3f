// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Raises seedlings: forks of a template, in its own partition. When all keepers have raised theirs, which a token tells that goes
// round, it asks each of them one question and checks the answer.
//   args: number of this keeper, number of seedlings
#include <array>
#include <charconv>

#include "nursery.hpp"

using namespace rvm::agent;

namespace {

constexpr std::size_t most = 30;  // a partition has room for 128 ends of edges, and each seedling needs 4

struct Seedling {
  AgentRef agent;
  std::uint64_t id = 0;
  Edge question;
  Edge answers;
  rvm_handle answer_on = 0;  ///< the same edge, as the seedling knows it
};

std::uint64_t number(unsigned index) {
  const std::string_view text = argument(index);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Seedling raise(Partition home, AgentRef original, AgentRef me) {
  Seedling s;
  rvm_error e = RVM_ERROR_BAD_STATE;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    e = rvm_agent_fork(home.raw, original.raw, 0, 0, &s.agent.raw, &s.id);
    if (e != RVM_ERROR_BAD_STATE) break;
    sleep_for(milliseconds(20));  // the template is not ready yet
  }
  require(e == RVM_ERROR_OK, "cannot fork: ", rvm_error_name(e));
  const Result<EdgeEnds> down = create_edge(me, s.agent, 1);
  require(down.has_value(), "no edge to a seedling: ", error_of(down));
  const Result<EdgeEnds> up = create_edge(s.agent, me, 1);
  require(up.has_value(), "no edge from a seedling: ", error_of(up));
  s.question = Edge{down->sender};
  s.answers = Edge{up->receiver};
  s.answer_on = up->sender;
  require(resume(s.agent).has_value(), "a seedling does not start");
  return s;
}

/// Returns when every keeper has called it: the token has been everywhere once, and comes by a second time.
void meet_the_others(bool first) {
  const Edge next = find_edge("next");
  const Edge previous = find_edge("previous");
  std::array<std::byte, 1> token{};
  if (first) require(send(next, token).has_value(), "no next keeper");
  for (int round = 0; round < 2; ++round) {
    require(receive(previous, token).has_value(), "no keeper before");
    if (!first || round == 0) require(send(next, token).has_value(), "no next keeper");
  }
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const std::size_t count = number(1);
  require(count <= most, "at most ", most, " seedlings");
  std::array<Seedling, most> seedlings{};
  const auto all = std::span{seedlings}.first(count);
  for (Seedling& s : all)
    s = raise(find<Partition>("home"), find<AgentRef>("template"), find<AgentRef>(RVM_DIRECTORY_SELF));
  meet_the_others(number(0) == 0);
  for (const Seedling& s : all) {
    const nursery::Question question{.answer_on = s.answer_on, .number = static_cast<std::uint32_t>(s.id % 1000)};
    require(send(s.question, std::as_bytes(std::span{&question, 1})).has_value(), "a seedling takes no question");
    nursery::Answer answer{};
    const auto received = receive(s.answers, std::as_writable_bytes(std::span{&answer, 1}));
    require(received.has_value(), "no answer: ", error_of(received));
    require(answer.agent == s.id, "answer of ", answer.agent, " instead of ", s.id);
    require(answer.value == std::uint64_t{question.number} * question.number, "a wrong answer: ", answer.value);
  }
  for (const Seedling& s : all) require(terminate(s.agent).has_value(), "a seedling is gone already");
  say(count, " seedlings answered");
  return 0;
}
