// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Owns ends of edges that attackers use and never reads them. Also the one who calls never-reply and waits in vain.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  if (const Edge silent = find_edge("silent")) (void)call(silent, Message{});
  for (;;) sleep_for(milliseconds(100));
}
