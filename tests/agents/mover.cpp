// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Moves "subject" to the partition "elsewhere" when it is told to, by signal 1. On a computer that has too much to do the core where
// that runs may take longer to answer than a move may wait; then it is tried again.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  require(wait(1).has_value(), "wait failed");
  Status moved = migrate(find<AgentRef>("subject"), find<Partition>("elsewhere"));
  for (int i = 0; i < 100 && !moved && moved.error() == Error::timed_out; ++i)
    moved = migrate(find<AgentRef>("subject"), find<Partition>("elsewhere"));
  // It may have moved, and come to its end there, before this is asked again.
  require(moved || moved.error() == Error::peer_gone, "AGENT_MIGRATE: ", error_of(moved));
  return 0;
}
