// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Starts the swarm with one signal per worker, collects what each found, and tells the story.
#include "traffic.hpp"

using namespace rvm::agent;

namespace {

/// A worker that has reported ends, and its edge with it, which `receive` mentions once: no news here.
traffic::Report next_report() {
  traffic::Report report{};
  for (int lost = 0; lost < 1000; ++lost) {
    const Result<Received> r = receive(Edge{}, std::as_writable_bytes(std::span{&report, 1}));
    if (r && r->length == sizeof report) return report;
    require(error_of(r) == Error::peer_gone, "cannot receive a report: ", error_of(r));
  }
  require(false, "a worker ended without a report");
  return report;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  std::uint64_t workers = 0;
  for (const rvm_directory_entry& e : directory())
    if (e.type == RVM_OBJECT_AGENT && std::string_view{e.name} != RVM_DIRECTORY_SELF) ++workers;
  say("64 agents live in 16 partitions; ", workers, " of them wait for my signal");

  const Nanoseconds start = now();
  for (const rvm_directory_entry& e : directory()) {
    if (e.type != RVM_OBJECT_AGENT || std::string_view{e.name} == RVM_DIRECTORY_SELF) continue;
    const Status s = signal(AgentRef{e.handle}, traffic::go);
    require(s.has_value(), "cannot signal ", e.name, ": ", error_of(s));
  }
  say("go: they call, send, share and move memory across partition boundaries");

  const Edge clerk = find_edge("clerk");
  traffic::Report total{};
  for (std::uint64_t reports = 1; reports <= workers; ++reports) {
    const traffic::Report report = next_report();
    total.calls += report.calls;
    total.messages += report.messages;
    total.bytes += report.bytes;
    total.shared += report.shared;
    total.moved += report.moved;
    total.errors += report.errors;
    const Result<Message> answer = call(clerk, Message{reports});
    if (!answer || (*answer)[7] != ~reports) ++total.errors;
    if (reports % 8 == 0 && reports < workers) say(reports, " of ", workers, " workers are done");
  }

  say("calls answered rightly:      ", total.calls);
  say("messages with right content: ", total.messages, " (", total.bytes / 1024, " KiB)");
  say("memory shared and read:      ", total.shared, " regions, moved to a new owner: ", total.moved);
  say("errors:                      ", total.errors);
  say("all of it took ", (now() - start).count / 1'000'000, " ms");
  return total.errors == 0 ? 0 : 1;
}
