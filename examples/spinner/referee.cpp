// SPDX-License-Identifier: MIT OR Apache-2.0
//
// While the metronome ticks, how much processor time does each spinner get? They are equals, so it should be the same.
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr std::size_t most = 32;
struct Times {
  std::array<std::uint64_t, most> cpu{};
  std::size_t count = 0;
};

Times look() {
  Times t;
  for (const rvm_directory_entry& e : directory()) {
    if (e.type != RVM_OBJECT_AGENT || !std::string_view{e.name}.starts_with("spinner") || t.count == most) continue;
    const Result<rvm_agent_state> state = information(AgentRef{e.handle});
    require(state.has_value(), "agent_info of ", e.name, ": ", error_of(state));
    t.cpu[t.count++] = state->cpu_ns;
  }
  return t;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  require(wait(1).has_value(), "wait failed");
  const Times before = look();
  require(before.count >= 2, "the manifest gives too few spinners");
  require(wait(2).has_value(), "wait failed");
  const Times after = look();

  std::uint64_t least = RVM_FOREVER;
  std::uint64_t greatest = 0;
  for (std::size_t i = 0; i < after.count; ++i) {
    const std::uint64_t used = after.cpu[i] - before.cpu[i];
    least = used < least ? used : least;
    greatest = used > greatest ? used : greatest;
  }
  say(after.count, " spinners got between ", least / 1'000'000, " and ", greatest / 1'000'000,
      " ms of processor time each");
  const bool fair = least * 10 >= greatest * 9;
  say(fair ? "fair: within 10 % of one another" : "UNFAIR: more than 10 % apart");
  return fair ? 0 : 1;
}
