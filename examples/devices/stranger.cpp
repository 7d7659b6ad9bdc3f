// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An agent of a partition that nobody trusts with DMA, which holds a capability to the disk nevertheless.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const auto disk = find<Device>("disk");
  const Error answer = error_of(lease_queues(disk, 10));
  require(answer == Error::dma_refused, "a lease of a device with DMA gives ", answer);
  const std::array<std::byte, 8> buffer{};
  const std::array buffers{device_reads(buffer)};
  require(error_of(submit(disk, 0, buffers)) == Error::no_lease, "a request without a lease");
  require(error_of(release(disk)) == Error::no_lease, "another's lease can be ended");
  say("refused, as it should be");
  return 0;
}
