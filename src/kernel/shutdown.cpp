// SPDX-License-Identifier: MIT OR Apache-2.0
#include "shutdown.hpp"

#include "agents.hpp"
#include "boundaries.hpp"
#include "dump.hpp"
#include "epoch.hpp"
#include "text.hpp"

namespace rvm::kernel {
namespace {

std::string_view reason_name(ShutdownReason reason) {
  switch (reason) {
    case ShutdownReason::requested:
      return "requested";
    case ShutdownReason::time:
      return "time";
    default:
      return "done";
  }
}

}  // namespace

void report_agent(const Agent& agent, std::string_view state) {
  Line line;
  line.text("rvm# {\"t\":\"agent\"")
      .field("id", agent.id.value)
      .field("partition", agent.partition->id.value)
      .key("name")
      .text("\"")
      .name(agent.name)
      .text("\"")
      .string("state", state)
      .field("exit", agent.exit_code)
      .field("cpu_ns", agent.cpu.value)
      .field("messages", agent.messages)
      .field("refused", agent.refused)
      .field("faults", agent.faults)
      .field("deadlines_met", agent.deadlines_met)
      .field("deadlines_missed", agent.deadlines_missed)
      .key("latency");
  if (agent.latency != nullptr) {
    line.text("{")
        .field("p50", agent.latency->quantile(500))
        .field("p99", agent.latency->quantile(990))
        .field("max", agent.latency->maximum())
        .text("}");
  } else {
    line.text("null");
  }
  line.text("}").print();
}

void finish_machine(Guard& guard) {
  State& s = *guard;
  for (std::uint32_t i = 1; i < s.core_count; ++i) {
    while (!s.cores[i].parked) {
      guard.unlock();
      hal::Port::relax();
      guard.relock();
    }
  }
  while (!s.epoch_edges.empty()) {
    Edge& edge = *s.epoch_edges.front();
    summarise_edge(s, edge);
    if (!edge.in_epoch_list) continue;
    if (!log().pump(UINT32_MAX)) break;  // the log is full and cannot be written
  }
  std::uint64_t switches = 0;
  for (std::uint32_t i = 0; i < s.core_count; ++i) switches += s.cores[i].switches;
  s.agents.for_each([&](Agent& agent) {
    if (agent.state != AgentState::terminated) report_agent(agent, agent.wait == Wait::none ? "ready" : "blocked");
  });
  if (s.dump_at_shutdown) {
    for (Burial buried = Burial::step; buried != Burial::nothing;) {
      buried = bury_step(s);
      if (buried == Burial::log_full && !log().pump(UINT32_MAX)) break;  // it cannot be written
    }
    dump_state(s);
  }
  report_boundaries(s);
  const Log::Head head = log().close();
  Line line;
  line.text("rvm# {\"t\":\"summary\"")
      .field("partitions", s.partitions_ever)
      .field("agents", s.agents_ever)
      .field("messages", s.messages)
      .field("switches", switches)
      .field("refused", s.refused)
      .field("faults", s.faults)
      .field("vmid_reclaims", s.vmid_reclaims)
      .field("throttled", s.throttled)
      .field("records", log().ring.reserved())
      .field("durable", log().ring.durable())
      .field("tree_size", head.tree_size)
      .key("root")
      .text("\"")
      .hex(head.root)
      .text("\"")
      .key("closed")
      .text(head.durable ? "true" : "false")
      .key("reason")
      .text("\"")
      .text(reason_name(s.stopping))
      .text("\"}")
      .print();
  hal::Port::power_off();
  for (;;) hal::Port::wait_for_interrupt();
}

}  // namespace rvm::kernel
