// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Lives in the attacker's partition, tells it the numbers of its handles, lends it one region in the proper way, and ends when
// it is told to.
#include "neighbour.hpp"

#include <span>

#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  attacks::Told told{};
  for (rvm_handle& handle : told.regions) {
    const Result<Region> made = create_region(1);
    require(made.has_value(), "no region: ", error_of(made));
    handle = made->raw;
  }
  const Edge attacker = find_edge("attacker");
  require(send(attacker, std::as_bytes(std::span{&told, 1})).has_value(), "cannot send");
  const Region lent{told.regions[0]};
  require(map(lent, map_base(), Access::read_write).has_value(), "cannot map");
  memory_at<std::uint64_t>(map_base(), 1)[0] = attacks::lent_word;
  require(share(lent, attacker, Rights::read | Rights::prove).has_value(), "cannot share");
  require(wait(1).has_value(), "cannot wait");
  return 0;
}
