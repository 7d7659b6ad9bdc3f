// SPDX-License-Identifier: MIT OR Apache-2.0
#include "test/swarm.hpp"

namespace rvm::coherence {

using test::ModelCut;
using test::Swarm;

namespace {
constexpr Capacity small{128, 1024, 32};
}

TEST_CASE("engine: an agent whose weight is elsewhere is proposed for migration, after it lasted") {
  Swarm swarm(small);
  swarm.carry_out = false;
  for (std::uint32_t n = 0; n < 4; ++n) swarm.agent(n, 0);
  for (std::uint32_t n = 4; n < 8; ++n) swarm.agent(n, 1);
  for (int i = 0; i < 20; ++i) {
    for (std::uint32_t n = 1; n < 4; ++n) swarm.send(1, n, 200), swarm.send(n, 1, 200);
    for (std::uint32_t n = 4; n < 8; ++n) swarm.send(4, n, 200), swarm.send(n, 4, 200), swarm.send(0, n, 100);
    swarm.send(0, 1, 100);
    swarm.epoch();
    if (i < 4) CHECK(swarm.proposals.empty());
  }
  REQUIRE(swarm.proposals.size() == 1);
  CHECK(swarm.proposals[0].action == Action::migrate);
  CHECK(swarm.proposals[0].agent.value == 0);
  CHECK(swarm.proposals[0].from.value == 0);
  CHECK(swarm.proposals[0].to.value == 1);
  CHECK(swarm.proposals[0].weight > 0);
}

}  // namespace rvm::coherence
