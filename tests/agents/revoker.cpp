// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shares a region with everybody behind its edges, waits until all hold it, takes it back, and at once raises a flag in
// another region that all can read. args: number of edges "holder-NN", and for how many milliseconds it
// goes on afterwards.
#include <atomic>

#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const std::uint64_t edges = argument_number(0, 1);
  const Result<Region> secret = create_region(1);
  const Result<Region> flag = create_region(1);
  require(secret && flag, "no region");
  const std::uint64_t flag_at = map_base() + RVM_PAGE_SIZE;
  require(map(*secret, map_base(), Access::read_write) && map(*flag, flag_at, Access::read_write), "cannot map");
  memory_at<std::uint64_t>(map_base(), 1)[0] = 42;
  for (std::uint64_t i = 0; i < edges; ++i) {
    std::array<char, 9> name{'h', 'o', 'l', 'd', 'e', 'r', '-', '0', '0'};
    name[7] = static_cast<char>('0' + i / 10);
    name[8] = static_cast<char>('0' + i % 10);
    const Edge edge = find_edge({name.data(), name.size()});
    require(share(*secret, edge, Rights::all) && share(*flag, edge, Rights::all), "cannot share");
  }
  std::uint64_t ready = 0;
  while (ready != (std::uint64_t{1} << edges) - 1) {
    const auto bits = wait(~std::uint64_t{0});
    require(bits.has_value(), "wait failed");
    ready |= *bits;
  }
  sleep_for(milliseconds(5));
  const Nanoseconds before = now();
  require(unshare(*secret).has_value(), "cannot unshare");
  std::atomic_ref{memory_at<std::uint64_t>(flag_at, 1)[0]}.store(1);
  const Nanoseconds took = now() - before;
  say("revoked in ", took.count / 1000, " us");
  sleep_for(milliseconds(argument_number(1, 20)));
  require(memory_at<std::uint64_t>(map_base(), 1)[0] == 42, "its own mapping is gone");
  return 0;
}
