// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Moves "subject" to the partition "elsewhere" when it is told to, by signal 1.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  require(wait(1).has_value(), "wait failed");
  const Status moved = migrate(find<AgentRef>("subject"), find<Partition>("elsewhere"));
  require(moved.has_value(), "AGENT_MIGRATE: ", error_of(moved));
  return 0;
}
