// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Owns ends of edges that attackers use and never reads them. Also the one who calls never-reply and waits in vain.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  for (const rvm_directory_entry& e : directory()) {
    if (e.type != RVM_OBJECT_EDGE || !std::string_view{e.name}.starts_with("reader")) continue;
    require(send_value(Edge{e.handle}, Message{}).has_value(), "cannot send");
  }
  if (const Edge silent = find_edge("silent")) (void)call(silent, Message{});
  for (;;) sleep_for(milliseconds(100));
}
