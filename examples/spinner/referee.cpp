// SPDX-License-Identifier: MIT OR Apache-2.0
//
// While the metronome ticks, how much processor time does each spinner get? They are equals, so it should be the same
// wherever the cores can be divided evenly among them; and nobody may get less than if all shared one core.
#include <algorithm>

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
  const Nanoseconds start = now();
  require(before.count >= 2, "the manifest gives too few spinners");
  require(wait(2).has_value(), "wait failed");
  const Times after = look();

  const std::uint64_t elapsed = (now() - start).count;

  std::uint64_t least = RVM_FOREVER;
  std::uint64_t greatest = 0;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < after.count; ++i) {
    const std::uint64_t used = after.cpu[i] - before.cpu[i];
    least = std::min(least, used);
    greatest = std::max(greatest, used);
    total += used;
  }
  const std::uint64_t cores = (total + elapsed / 2) / elapsed;
  say(after.count, " spinners on ", cores, cores == 1 ? " core" : " cores", " got between ", least / 1'000'000, " and ",
      greatest / 1'000'000, " ms of processor time each, in ", elapsed / 1'000'000, " ms");
  const bool equal = least * 10 >= greatest * 9;
  const bool enough = least * after.count * 10 >= elapsed * 8;  // the metronome has its part too
  if (cores <= 2) {
    say(equal ? "fair: within 10 % of one another" : "UNFAIR: more than 10 % apart");
    return equal ? 0 : 1;
  }
  say(enough ? "fair: each got at least an equal part of one core"
             : "UNFAIR: one got less than an equal part of one core");
  return enough ? 0 : 1;
}
