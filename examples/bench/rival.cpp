// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The other spinner of the pre-emption measurement: notes its gaps in the second half of the shared region.
#include "measure.hpp"

using namespace bench;

extern "C" int agent_main(const rvm_agent_info*) {
  std::array<std::byte, sizeof(rvm_capability_message)> buffer{};
  const Result<Received> r = receive(find_edge("bench"), buffer);
  require(r && r->kind == MessageKind::region, "no region arrived: ", error_of(r));
  const Region region{std::bit_cast<rvm_capability_message>(buffer).handle};
  require(map(region, map_base(), Access::read_write).has_value(), "cannot map the region");
  Logs& logs = memory_at<Logs>(map_base(), 1)[0];
  watch(logs.rival);
  finish(logs.rival_done, logs.bench_done);
  return 0;
}
