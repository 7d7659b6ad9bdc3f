// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Leases the clock and keeps it for as long as the machine runs. args: the word that is the evidence.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const auto clock = find<Device>("clock");
  const rvm_evidence evidence = evidence_of(argument(0));
  require(lease_registers(clock, 1000, map_base(), 64, &evidence).has_value(), "no lease");
  for (;;) {
    sleep_for(milliseconds(100));
    require(renew(clock, 1000).has_value(), "cannot renew");
  }
}
