// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Passes the director's signal on to every agent it has a capability for: one directory has no room for all attackers.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  require(wait(1).has_value(), "wait failed");
  for (const rvm_directory_entry& e : directory()) {
    if (e.type != RVM_OBJECT_AGENT || std::string_view{e.name} == RVM_DIRECTORY_SELF) continue;
    const Status s = signal(AgentRef{e.handle}, 1);
    require(s.has_value(), "cannot signal ", e.name, ": ", error_of(s));
  }
  return 0;
}
