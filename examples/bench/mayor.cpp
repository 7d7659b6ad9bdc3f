// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What it costs to move an agent with a mebibyte of memory, to split a partition of 32 agents in halves, and to merge them. On one
// core nobody runs meanwhile, so that is the most that those who move can lose.
#include "measure.hpp"

using namespace bench;

namespace {

constexpr std::size_t count = 16;
constexpr std::uint64_t half = 0xffff;

template <typename Operation>
std::uint64_t measured(std::string_view what, Operation operation) {
  const std::uint64_t start = rvm_counter();
  const auto done = operation();
  const std::uint64_t end = rvm_counter();
  require(done.has_value(), what, ": ", error_of(done));
  return (end - start) * instructions_per_step;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const auto traveller = find<AgentRef>("traveller");
  const auto town = find<Partition>("town");
  const auto annex = find<Partition>("annex");
  sleep_for(milliseconds(5));  // until all wait
  std::array<std::uint64_t, 2 * count> migrations{};
  std::array<std::uint64_t, count> splits{};
  std::array<std::uint64_t, count> merges{};
  for (std::size_t i = 0; i < count; ++i) {
    migrations[2 * i] = measured("AGENT_MIGRATE", [&] { return migrate(traveller, annex); });
    migrations[2 * i + 1] = measured("AGENT_MIGRATE", [&] { return migrate(traveller, town); });
    Partition made;
    splits[i] = measured("PARTITION_SPLIT", [&] {
      const auto split_off = split(town, half);
      made = split_off.value_or(Partition{});
      return split_off;
    });
    merges[i] = measured("PARTITION_MERGE", [&] { return merge(town, made); });
  }
  report("migrate_1mib", median(migrations));
  report("split_32", median(splits));
  report("merge_32", median(merges));
  return 0;
}
