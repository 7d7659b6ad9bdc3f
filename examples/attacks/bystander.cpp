// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Owns ends of edges that attackers use and never reads them. Also the one who calls never-reply and waits in vain.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const Edge reader = find_edge("reader");
  require(send_value(reader, Message{}).has_value(), "cannot send");
  if (const Edge silent = find_edge("silent")) (void)call(silent, Message{});
  for (;;) sleep_for(milliseconds(100));
}
