// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Wakes every 137 us for ever and does nothing; the kernel keeps a histogram of how late it was woken.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  for (Nanoseconds release = now();; release = release + Nanoseconds{137'000}) sleep_until(release);
}
