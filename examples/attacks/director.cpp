// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs the show: lets the victim work alone, starts all attackers at once, plays the honest partner in the attacks that
// need one, and ends when the victim is done.
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

/// Shares one page, holding `word`, over the edge of that name.
Region share_page(std::string_view edge, std::uint64_t address, std::uint64_t word) {
  const Result<Region> region = create_region(1);
  require(region.has_value(), "region_create: ", error_of(region));
  require(map(*region, address, Access::read_write).has_value(), "cannot map");
  memory_at<std::uint64_t>(address, 1)[0] = word;
  const Status s = share(*region, find_edge(edge), Rights::read | Rights::prove);
  require(s.has_value(), "region_share: ", error_of(s));
  return *region;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  require(wait(1).has_value(), "the victim never finished its undisturbed run");
  for (const rvm_directory_entry& e : directory()) {
    if (e.type != RVM_OBJECT_AGENT || !std::string_view{e.name}.starts_with("herald")) continue;
    const Status s = signal(AgentRef{e.handle}, 1);
    require(s.has_value(), "cannot signal ", e.name, ": ", error_of(s));
  }
  say("the victim has worked undisturbed; now the attackers are let loose");
  require(signal(find<AgentRef>("victim"), 1).has_value(), "cannot signal the victim");

  constexpr std::uint64_t word = 0x600d600d600d600d;
  const std::uint64_t first_page = map_base();
  const std::uint64_t second_page = map_base() + 0x10000;
  const Region kept = share_page("shared", first_page, word);
  const Region withdrawn = share_page("withdrawn", second_page, word);

  // A server that dies with our call in its hands.
  const Result<Message> answer = call(find_edge("deserter"), Message{1});
  require(!answer && answer.error() == Error::peer_gone, "the deserter's caller was told ", error_of(answer));

  sleep_for(milliseconds(20));
  require(unshare(withdrawn).has_value(), "cannot unshare");
  require(wait(2).has_value(), "the victim never finished");
  sleep_for(milliseconds(20));
  require(memory_at<std::uint64_t>(first_page, 1)[0] == word && memory_at<std::uint64_t>(second_page, 1)[0] == word,
          "shared memory was changed by a reader");
  require(destroy(kept).has_value() && destroy(withdrawn).has_value(), "cannot destroy the regions");
  say("the victim is done; whoever still loops is stopped now");
  return 0;
}
