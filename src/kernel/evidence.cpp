// SPDX-License-Identifier: MIT OR Apache-2.0
#include "evidence.hpp"

#include "rvm/advice/advisor.hpp"

namespace rvm::kernel {

bool record(State& s, witness::Lane lane, witness::Fields fields) {
  const Nanoseconds now = hal::Port::now();
  if (!log().ring.emit(lane, fields, now)) return false;
  if (s.first_witness == never) s.first_witness = now;
  return true;
}

bool record_traffic(State& s, const Edge& edge) {
  return record(s, witness::Lane::ordinary,
                {.kind = witness::Kind::ipc_send,
                 .flags = 1,
                 .actor = edge.sender != nullptr ? s.partition_of(*edge.sender).id : hypervisor_partition,
                 .target = edge.id.value,
                 .payload = edge.epoch_messages | std::uint64_t{edge.epoch_refused} << 32,
                 .aux = edge.epoch_bytes});
}

void charge_record(State& s, PartitionId id) {
  Partition* const found = s.partitions.find(id);
  if (found == nullptr) return;  // the hypervisor
  Partition& actor = *found;
  const Nanoseconds now = hal::Port::now();
  actor.throttled_until = actor.records.take(1, now);
  const bool over = now < actor.throttled_until;
  if (over && !actor.flooding) {
    record(s, witness::Lane::reserved,
           {.kind = witness::Kind::witness_flood,
            .actor = actor.id,
            .target = actor.id.value,
            .payload = record_burst,
            .aux = actor.record_quota});
  }
  actor.flooding = over;
}

bool record_refusal(State& s, Agent& agent, std::uint64_t operation, Error error, std::uint64_t first_argument,
                    std::uint64_t second_argument) {
  Partition& p = s.partition_of(agent);
  const auto code = static_cast<std::uint16_t>((operation < RVM_HVC_LIMIT ? operation : 0xff) |
                                               static_cast<std::uint64_t>(error) << 8);
  if (!record(s, witness::Lane::reserved,
              {.kind = witness::Kind::proof_rejected,
               .flags = code,
               .actor = p.id,
               .target = agent.id.value,
               .payload = first_argument,
               .aux = second_argument})) {
    return false;
  }
  ++agent.refused;
  advice::distrust(index_of(agent), refusal_severity);
  ++p.refused;
  ++s.refused;
  charge_record(s, p.id);
  return true;
}

}  // namespace rvm::kernel
