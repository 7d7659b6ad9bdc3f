// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Lets the victim (examples/attacks/victim.cpp) work alone, then starts everyone who waits for a message on an edge whose name begins
// with "go", lets the victim work beside them, and ends when it is done.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  require(wait(1).has_value(), "the victim never finished its undisturbed run");
  std::uint64_t started = 0;
  for (const rvm_directory_entry& e : directory()) {
    if (e.type != RVM_OBJECT_EDGE || !std::string_view{e.name}.starts_with("go")) continue;
    const rvm_error sent = rvm_send(e.handle, "go", 2, RVM_FOREVER);
    require(sent == RVM_ERROR_OK, "cannot start ", e.name, ": ", static_cast<Error>(sent));
    ++started;
  }
  require(signal(find<AgentRef>("victim"), 1).has_value(), "cannot signal the victim");
  require(wait(2).has_value(), "the victim never finished");
  say("started ", started, "; the victim is done");
  return 0;
}
