// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A template: prepares something that takes a while, then waits, for ever, to be forked. Each fork has what was prepared, and
// answers a question with it.
#include <array>
#include <cstring>

#include "nursery.hpp"

using namespace rvm::agent;

namespace {

constexpr std::size_t table_size = 4096;
std::array<std::uint32_t, table_size> squares;

int serve() {
  nursery::Question question{};
  for (;;) {
    const auto received = receive(Edge{}, std::as_writable_bytes(std::span{&question, 1}));
    if (!received) return 0;  // its keeper is gone
    const nursery::Answer answer{.agent = self().agent, .value = squares[question.number % table_size]};
    if (!send(Edge{question.answer_on}, std::as_bytes(std::span{&answer, 1}))) return 2;
  }
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  for (std::uint32_t i = 0; i < table_size; ++i) squares[i] = i * i;
  (void)wait(UINT64_MAX);  // nobody signals a template
  return 1;
}

extern "C" int agent_forked(const rvm_agent_info*) { return serve(); }
