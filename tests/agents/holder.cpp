// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Gets two regions, passes them on, maps both, derives from the first as often as told, says so upwards, and then reads
// both for ever. Reading the first while the second says that it was taken back is exit code 42; a fault is what should
// come instead. args: number of capabilities to derive, number of edges "holder-N" below, the bit to signal to "parent".
#include <atomic>

#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

Region receive_region() {
  std::array<std::byte, sizeof(rvm_capability_message)> buffer{};
  const Result<Received> r = receive(find_edge("above"), buffer);
  require(r && r->kind == MessageKind::region, "no region arrived: ", error_of(r));
  return Region{std::bit_cast<rvm_capability_message>(buffer).handle};
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const std::uint64_t copies = argument_number(0, 1);
  const std::uint64_t below = argument_number(1, 0);
  const std::uint64_t bit = argument_number(2, 0);
  const Region secret = receive_region();
  const Region flag = receive_region();
  for (std::uint64_t i = 0; i < below; ++i) {
    std::array<char, 9> name{'h', 'o', 'l', 'd', 'e', 'r', '-', '0', '0'};
    name[7] = static_cast<char>('0' + i / 10);
    name[8] = static_cast<char>('0' + i % 10);
    const Edge edge = find_edge({name.data(), name.size()});
    require(share(secret, edge, Rights::all) && share(flag, edge, Rights::all), "cannot share");
  }
  require(map(secret, map_base(), Access::read).has_value(), "cannot map the first region");
  require(map(flag, map_base() + RVM_PAGE_SIZE, Access::read).has_value(), "cannot map the second region");
  for (std::uint64_t i = 0; i < copies; ++i) {
    require(derive(secret, Rights::read).has_value(), "cannot derive");
  }
  std::uint64_t ready = 0;
  while (ready != (std::uint64_t{1} << below) - 1) {
    const auto bits = wait(~std::uint64_t{0});
    require(bits.has_value(), "wait failed");
    ready |= *bits;
  }
  require(signal(find<AgentRef>("parent"), std::uint64_t{1} << bit).has_value(), "cannot signal");
  std::atomic_ref taken{memory_at<std::uint64_t>(map_base() + RVM_PAGE_SIZE, 1)[0]};
  const std::atomic_ref value{memory_at<std::uint64_t>(map_base(), 1)[0]};
  for (;;) {
    const bool was_taken = taken.load() != 0;
    const std::uint64_t seen = value.load();
    if (was_taken || seen != 42) return 42;
    yield();
  }
}
