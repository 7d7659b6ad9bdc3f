// SPDX-License-Identifier: MIT OR Apache-2.0
#include "epoch.hpp"

#include "balance.hpp"
#include "boundaries.hpp"
#include "evidence.hpp"
#include "leases.hpp"
#include "relocation.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {

void age(State& s, Core& core) {
  if (--core.epochs_to_ageing != 0) return;
  core.epochs_to_ageing = ageing_epochs;
  if (core.current == nullptr || core.ready->empty() || sched::flow_maximum < core.current->effective) return;
  const sched::NodeIndex index = core.ready->first_below(core.age_cursor);
  Agent& agent = s.agents.at(index);
  core.age_cursor = agent.node.level;
  const Nanoseconds patience{s.epoch_length.value * ageing_epochs};
  if (core.next_epoch < agent.queued_at + patience || sched::flow_maximum < agent.node.level) return;
  // One turn at the level of whoever runs now; its own level returns when it next leaves the queue.
  core.ready->remove(s, index);
  core.ready->push_front(s, index, core.current->effective);
  core.slice_end = Nanoseconds{0};
  core.reschedule = true;
}

void summarise_edge(State& s, Edge& edge) {
  if (!edge.in_epoch_list) return;
  if (!record_traffic(s, edge)) return;  // kept, and merged with the next summary
  edge.past_messages += edge.epoch_messages;
  edge.past_bytes += edge.epoch_bytes;
  count_traffic(s, edge);
  edge.epoch_messages = edge.epoch_bytes = edge.epoch_refused = 0;
  edge.in_epoch_list = false;
  s.epoch_edges.remove(edge);
}

void end_epoch(State& s, Nanoseconds now) {
  ++s.epoch;
  expire_leases(s, now);
  expire_relocation(s, now);
  for (std::uint32_t i = 0; i < edge_summaries_per_epoch && !s.epoch_edges.empty(); ++i) {
    Edge& edge = *s.epoch_edges.front();
    summarise_edge(s, edge);
    if (edge.in_epoch_list) break;
  }
  begin_boundary_epoch(s);
  balance_cores(s);
  std::uint64_t switches = 0;
  std::uint64_t ready = 0;
  for (std::uint32_t i = 0; i < s.core_count; ++i) {
    switches += s.cores[i].switches;
    ready += s.cores[i].ready->size() + (s.cores[i].current != nullptr ? 1 : 0);
  }
  if (switches != s.switches_at_epoch || s.messages != s.messages_at_epoch) {
    if (record(s, witness::Lane::ordinary,
               {.kind = witness::Kind::scheduler_epoch,
                .flags = static_cast<std::uint16_t>(ready),
                .target = s.core_count,
                .payload = s.epoch,
                .aux = switches - s.switches_at_epoch})) {
      s.switches_at_epoch = switches;
      s.messages_at_epoch = s.messages;
    }
  }
  if (s.accept_shutdown_byte && hal::Port::console_read() == 0x03) begin_shutdown(s, ShutdownReason::requested);
  if (now >= s.run_until) begin_shutdown(s, ShutdownReason::time);
  if (s.working_agents == 0) begin_shutdown(s, ShutdownReason::done);
}

}  // namespace rvm::kernel
