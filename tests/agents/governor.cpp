// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Splits "town" at random and merges it again, over and over, while its citizens talk; every eighth time the agent "migrant"
// goes to "annex" and back as well. Pages, partitions, edges and regions must be as many afterwards as before. Then it tells
// the citizens to stop. With an agent "victim" (examples/attacks), it begins when that has measured itself undisturbed and goes on until
// it has done so again. args: rounds, citizens, microseconds to sleep after a split and after a merge.
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr std::uint64_t done_undisturbed = 1;  // from the victim
constexpr std::uint64_t done_disturbed = 2;
constexpr std::uint64_t begin = 1;  // to the victim
/// Long messages in flight have a page each, and differ from one moment to the next.
constexpr std::uint64_t in_flight = 600;

rvm_machine_status machine() {
  rvm_machine_status status{};
  std::uint64_t cursor = 0;
  std::uint64_t entries = 0;
  const rvm_error e =
      rvm_system_read(find<Partition>("machine").raw, RVM_READ_MACHINE, &cursor, &status, sizeof status, &entries);
  require(e == RVM_ERROR_OK && entries == 1, "SYSTEM_READ: ", rvm_error_name(e));
  return status;
}

std::uint64_t next_random() {
  static std::uint64_t x = 88172645463325252;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return x;
}

/// Some of them, not all.
std::uint64_t some_of(std::uint64_t citizens) {
  const std::uint64_t all = (std::uint64_t{1} << citizens) - 1;
  for (;;) {
    const std::uint64_t members = next_random() & all;
    if (members != 0 && members != all) return members;
  }
}

/// On a computer that has too much to do, the cores where those run who are to move may take longer to answer than a move may wait.
template <typename Operation>
auto patiently(Operation operation) {
  auto done = operation();
  for (int i = 0; i < 100 && !done && done.error() == Error::timed_out; ++i) done = operation();
  return done;
}

class Governor {
 public:
  Governor() : town_(find<Partition>("town")), annex_(find<Partition>("annex")), migrant_(find<AgentRef>("migrant")) {}

  void round(std::uint64_t citizens, Nanoseconds pause) {
    ++rounds_;
    const std::uint64_t members = some_of(citizens);
    const auto made = patiently([&] { return split(town_, members); });
    require(made.has_value(), "PARTITION_SPLIT in round ", rounds_, ": ", error_of(made));
    if (migrant_ && rounds_ % 8 == 0) {
      const Status away = patiently([&] { return migrate(migrant_, annex_); });
      require(away.has_value(), "AGENT_MIGRATE: ", error_of(away));
      const Status back = patiently([&] { return migrate(migrant_, town_); });
      require(back.has_value(), "AGENT_MIGRATE back: ", error_of(back));
    }
    if (pause.count != 0) sleep_for(pause);
    const Status merged = patiently([&] { return merge(town_, *made); });
    require(merged.has_value(), "PARTITION_MERGE in round ", rounds_, ": ", error_of(merged));
  }
  [[nodiscard]] std::uint64_t rounds() const { return rounds_; }

 private:
  Partition town_, annex_;
  AgentRef migrant_;
  std::uint64_t rounds_ = 0;
};

bool is_done(AgentRef victim) { return victim && wait(done_disturbed, no_wait).has_value(); }

void expect_same(std::string_view what, std::uint64_t before, std::uint64_t after, std::uint64_t tolerance = 0) {
  const std::uint64_t apart = before > after ? before - after : after - before;
  require(apart <= tolerance, what, ": ", before, " before, ", after, " after");
}

void stop_all(std::uint64_t citizens) {
  for (std::uint64_t i = 0; i < citizens; ++i) {
    std::array<char, 8> name{'o', 'r', 'd', 'e', 'r', '-', 0, 0};
    std::size_t length = 6;
    if (i >= 10) name[length++] = static_cast<char>('0' + i / 10);
    name[length++] = static_cast<char>('0' + i % 10);
    const Status told = send_value(find_edge({name.data(), length}), std::uint64_t{1});
    require(told.has_value(), "cannot tell citizen ", i, ": ", error_of(told));
  }
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  constexpr std::uint64_t warm_up = 16;
  const std::uint64_t rounds = argument_number(0, 100);
  const std::uint64_t citizens = argument_number(1, 32);
  const Nanoseconds pause = microseconds(argument_number(2, 0));
  const auto victim = find<AgentRef>("victim");
  if (victim) {
    require(wait(done_undisturbed).has_value(), "wait failed");
    require(signal(victim, begin).has_value(), "cannot signal the victim");
  }
  Governor governor;
  const auto go_on = [&](std::uint64_t until) {
    while (victim ? !is_done(victim) : governor.rounds() < until) {
      governor.round(citizens, pause);
      if (pause.count != 0) sleep_for(pause);
    }
  };
  if (victim) {
    go_on(0);
  } else {
    go_on(warm_up);
    const rvm_machine_status before = machine();
    go_on(warm_up + rounds);
    const rvm_machine_status after = machine();
    expect_same("partitions", before.partitions, after.partitions);
    expect_same("agents", before.agents, after.agents);
    expect_same("edges", before.edges, after.edges);
    expect_same("regions", before.regions, after.regions);
    expect_same("free pages", before.pages_free, after.pages_free, in_flight);
    say(rounds, " rounds in ", (after.now_ns - before.now_ns) / 1'000'000, " ms, meanwhile ",
        after.messages - before.messages, " messages; free pages ", before.pages_free, " and ", after.pages_free);
  }
  say("governor: rounds=", governor.rounds());
  stop_all(citizens);
  return 0;
}
