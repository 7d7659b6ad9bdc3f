// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What whoever watches the machine sees of it, and how it gets hold of what it sees. Both through a capability to the
// hypervisor. Nothing that is measured here costs those who are watched: counters are read where they lie.
#include <algorithm>
#include <array>
#include <cstring>

#include "capabilities.hpp"
#include "evidence.hpp"
#include "hypercalls.hpp"
#include "objects.hpp"
#include "rvm/advice/advisor.hpp"

namespace rvm::kernel {
namespace {

/// Slots of a table that one call looks at: free ones take a few instructions each.
constexpr std::uint64_t slots_per_call = 256;

union Entry {
  rvm_machine_status machine;
  rvm_partition_status partition;
  rvm_agent_status agent;
  rvm_edge_status edge;
};

// The ABI's numbers are the kernel's own.
static_assert(RVM_PARTITION_STATE_SUSPENDED == static_cast<unsigned>(PartitionState::suspended) &&
              RVM_PARTITION_STATE_DESTROYED == static_cast<unsigned>(PartitionState::destroyed));
static_assert(RVM_AGENT_STATE_SUSPENDED == static_cast<unsigned>(AgentState::suspended) &&
              RVM_AGENT_STATE_TERMINATED == static_cast<unsigned>(AgentState::terminated));
static_assert(RVM_WAIT_CALL == static_cast<unsigned>(Wait::call) &&
              RVM_WAIT_SIGNAL == static_cast<unsigned>(Wait::signal) &&
              RVM_WAIT_BUDGET == static_cast<unsigned>(Wait::budget));

void describe(State& s, rvm_machine_status& to) {
  const witness::Ring& ring = log().ring;
  to = {.now_ns = hal::Port::now().value,
        .epoch = s.epoch,
        .epoch_ns = s.epoch_length.value,
        .pages = s.pages.total_pages(),
        .pages_free = s.pages.free_pages(),
        .messages = s.messages,
        .switches = 0,
        .refused = s.refused,
        .faults = s.faults,
        .throttled = s.throttled,
        .vmid_reclaims = s.vmid_reclaims,
        .records = ring.reserved(),
        .sealed = ring.sealed(),
        .durable = ring.durable(),
        .cores = s.core_count,
        .ready = 0,
        .partitions = s.partitions.live(),
        .agents = s.agents.live(),
        .edges = s.edges.live(),
        .regions = s.regions.live()};
  for (std::uint32_t i = 0; i < s.core_count; ++i) {
    to.switches += s.cores[i].switches;
    to.ready += s.cores[i].ready->size() + (s.cores[i].current != nullptr ? 1 : 0);
  }
}

void describe(const Partition& p, rvm_partition_status& to) {
  const bool known = advice::present();
  const advice::Signals signals = advice::signals(index_of(p).value);
  to = {.id = p.id.value,
        .agents = p.agent_count,
        .edges = p.edge_count,
        .pages = p.account.used,
        .page_quota = p.account.quota,
        .record_quota = p.record_quota,
        .state = static_cast<std::uint8_t>(p.state),
        .type = static_cast<std::uint8_t>(p.type),
        .mode = static_cast<std::uint8_t>(p.mode),
        .condition =
            static_cast<std::uint8_t>((p.flooding ? RVM_PARTITION_THROTTLED : 0) | (p.live ? 0 : RVM_PARTITION_STATIC)),
        .coherence_bp = known ? signals.coherence.value : std::uint16_t{RVM_UNKNOWN},
        .pressure_bp = known ? signals.pressure.value : std::uint16_t{RVM_UNKNOWN},
        .cohesion_bp = known ? signals.cohesion.value : std::uint16_t{RVM_UNKNOWN},
        .reserved = {},
        .refused = p.refused,
        .name = {}};
  std::memcpy(to.name, p.name.data(), sizeof to.name);
}

void describe(const Agent& a, rvm_agent_status& to) {
  to = {.id = a.id.value,
        .partition = a.partition->id.value,
        .priority = a.base.value,
        .faults = a.faults,
        .affinity = static_cast<std::int16_t>(a.affinity),
        .core = static_cast<std::uint8_t>(a.core),
        .state = static_cast<std::uint8_t>(a.state),
        .wait = static_cast<std::uint8_t>(a.wait),
        .condition = static_cast<std::uint8_t>((a.service ? RVM_AGENT_IS_SERVICE : 0) | (a.held ? RVM_AGENT_HELD : 0) |
                                               (a.executing ? RVM_AGENT_EXECUTING : 0)),
        .reserved = 0,
        .cpu_ns = a.cpu.value,
        .messages = a.messages,
        .refused = a.refused,
        .name = {}};
  // Of one that executes now, up to now.
  if (a.executing) to.cpu_ns += hal::Port::now().value - a.resumed_at.value;
  std::memcpy(to.name, a.name.data(), sizeof to.name);
}

void describe(const Edge& e, rvm_edge_status& to) {
  const std::uint64_t weight = advice::weight(partition::Pool<Edge>::index_of(e.id));
  to = {.id = e.id.value,
        .sender = e.sender != nullptr ? e.sender->id.value : 0,
        .receiver = e.receiver != nullptr ? e.receiver->id.value : 0,
        .queued = static_cast<std::uint16_t>(e.count),
        .capacity = static_cast<std::uint16_t>(e.capacity),
        .messages = e.past_messages + e.epoch_messages,
        .bytes = e.past_bytes + e.epoch_bytes,
        .weight = static_cast<std::uint32_t>(std::min<std::uint64_t>(UINT32_MAX, weight)),
        .reserved = 0};
}

struct Table {
  std::size_t slots = 0;
  std::size_t entry_bytes = 0;
};
Table table_of(State& s, std::uint64_t what) {
  switch (what) {
    case RVM_READ_MACHINE:
      return {1, sizeof(rvm_machine_status)};
    case RVM_READ_PARTITIONS:
      return {s.partitions.capacity(), sizeof(rvm_partition_status)};
    case RVM_READ_AGENTS:
      return {s.agents.capacity(), sizeof(rvm_agent_status)};
    case RVM_READ_EDGES:
      return {s.edges.capacity(), sizeof(rvm_edge_status)};
    default:
      return {};
  }
}

template <typename Pool, typename To>
bool describe_slot(Pool& pool, std::uint64_t slot, To& to) {
  const auto& object = pool.at(static_cast<std::uint16_t>(slot));
  if (object.id.value == 0) return false;
  describe(object, to);
  return true;
}

/// False: nothing is there.
bool describe_slot(State& s, std::uint64_t what, std::uint64_t slot, Entry& to) {
  switch (what) {
    case RVM_READ_PARTITIONS:
      return describe_slot(s.partitions, slot, to.partition);
    case RVM_READ_AGENTS:
      return describe_slot(s.agents, slot, to.agent);
    case RVM_READ_EDGES:
      return describe_slot(s.edges, slot, to.edge);
    default:
      describe(s, to.machine);
      return true;
  }
}

}  // namespace

Outcome system_read(const Request& r) {
  if (r.object_id() != hypervisor_partition.value) return Error::wrong_type;
  const std::uint64_t what = r.argument(2);
  std::uint64_t slot = r.argument(3);
  const Table table = table_of(r.s, what);
  const std::uint64_t bytes = r.argument(5);
  if (table.slots == 0 || slot >= table.slots || bytes < table.entry_bytes || bytes > page_bytes)
    return Error::bad_argument;
  const std::uint64_t end = std::min<std::uint64_t>(table.slots, slot + slots_per_call);
  const std::uint64_t room = bytes / table.entry_bytes;
  // Put together first, so that a refusal leaves the caller's memory as it was.
  std::array<std::byte, page_bytes> entries;
  std::size_t written = 0;
  for (Entry entry; slot < end && written < room; ++slot) {
    if (!describe_slot(r.s, what, slot, entry)) continue;
    std::memcpy(&entries[written++ * table.entry_bytes], &entry, table.entry_bytes);
  }
  if (auto copied = copy_out(r.s, r.partition, GuestAddress{r.argument(4)},
                             std::span{entries}.first(written * table.entry_bytes));
      !copied)
    return copied;
  r.result(1, written);
  r.result(2, slot < table.slots ? slot : 0);
  return Error::ok;
}

Outcome cap_obtain(const Request& r) {
  if (r.object_id() != hypervisor_partition.value) return Error::wrong_type;
  const std::uint64_t id = r.argument(3);
  const std::uint64_t wanted = r.argument(4);
  if (id > UINT32_MAX || wanted == 0 || (wanted & ~std::uint64_t{RVM_RIGHT_ALL}) != 0) return Error::bad_argument;
  if (!r.capability().rights().contains(Rights{wanted})) return Error::rights;
  const auto object = static_cast<std::uint32_t>(id);
  ObjectType type = ObjectType::partition;
  if (r.argument(2) == RVM_OBJECT_PARTITION) {
    if (r.s.partitions.find(PartitionId{object}) == nullptr) return Error::peer_gone;
  } else if (r.argument(2) == RVM_OBJECT_AGENT) {
    type = ObjectType::agent;
    const Agent* const agent = r.s.agents.find(AgentId{object});
    if (agent == nullptr || agent->state == AgentState::terminated) return Error::peer_gone;
  } else {
    return Error::bad_argument;
  }
  const auto placed = mint(r.s, r.authority, r.caller, type, object, Rights{wanted});
  if (!placed) return placed.error();
  r.result(1, placed->handle.to_abi());
  return Error::ok;
}

}  // namespace rvm::kernel
