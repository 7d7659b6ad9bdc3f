// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prints a line on a leased virtio console (virtio 1.2 section 5.3): queue 1 is what the driver sends.
#include <cstring>

#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  constexpr std::uint64_t bit = 1;
  const auto printer = find<Device>("printer");
  require(lease_queues(printer, 10'000, bit).has_value(), "no lease");
  constexpr std::string_view text = "printed by an agent that leased the console\n";
  Heap heap;
  const auto line = heap.allocate<std::byte>(text.size());
  std::memcpy(line.data(), text.data(), text.size());
  const std::array buffers{device_reads(line)};
  require(submit(printer, 1, buffers).has_value(), "cannot submit");
  while (!complete(printer, 1)) {
    require(wait(1 << bit, now() + milliseconds(2'000)).has_value(), "the console does not answer");
    require(acknowledge(printer).has_value(), "cannot acknowledge");
  }
  require(release(printer).has_value(), "cannot release");
  return 0;
}
