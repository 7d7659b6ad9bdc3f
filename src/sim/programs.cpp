// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the agents do. Most arguments are such as a program would pass, or nearly; some are stale, forged or absurd.
#include <algorithm>
#include <cstring>

#include "objects.hpp"
#include "simulation.hpp"

namespace rvm::sim {
namespace {

struct Weight {
  std::uint8_t operation;
  std::uint8_t ordinary;    ///< how often an agent does it
  std::uint8_t supervisor;  ///< how often the agent does it that keeps the swarm alive
};

constexpr std::array weights{
    Weight{RVM_HVC_NULL, 1, 1},
    Weight{RVM_HVC_TIME, 1, 1},
    Weight{RVM_HVC_YIELD, 8, 10},
    Weight{RVM_HVC_SLEEP_UNTIL, 4, 6},
    Weight{RVM_HVC_EXIT, 1, 0},
    Weight{RVM_HVC_CONSOLE_WRITE, 2, 1},
    Weight{RVM_HVC_WAIT, 4, 1},
    Weight{RVM_HVC_SELF, 1, 1},
    Weight{RVM_HVC_PARTITION_CREATE, 1, 4},
    Weight{RVM_HVC_PARTITION_DESTROY, 1, 2},
    Weight{RVM_HVC_PARTITION_SUSPEND, 1, 1},
    Weight{RVM_HVC_PARTITION_RESUME, 2, 4},
    Weight{RVM_HVC_PARTITION_INFO, 1, 1},
    Weight{RVM_HVC_PARTITION_SPLIT, 1, 5},
    Weight{RVM_HVC_PARTITION_MERGE, 1, 6},
    Weight{RVM_HVC_AGENT_SPAWN, 2, 6},
    Weight{RVM_HVC_AGENT_FORK, 4, 6},
    Weight{RVM_HVC_AGENT_TERMINATE, 1, 1},
    Weight{RVM_HVC_AGENT_MIGRATE, 2, 6},
    Weight{RVM_HVC_AGENT_INFO, 1, 1},
    Weight{RVM_HVC_AGENT_SUSPEND, 2, 2},
    Weight{RVM_HVC_AGENT_RESUME, 2, 6},
    Weight{RVM_HVC_CAP_DERIVE, 10, 8},
    Weight{RVM_HVC_CAP_REVOKE, 6, 8},
    Weight{RVM_HVC_CAP_DROP, 3, 3},
    Weight{RVM_HVC_CAP_TRANSFER, 6, 6},
    Weight{RVM_HVC_CAP_INSPECT, 2, 1},
    Weight{RVM_HVC_CAP_OBTAIN, 2, 2},
    Weight{RVM_HVC_REGION_CREATE, 6, 3},
    Weight{RVM_HVC_REGION_DESTROY, 3, 2},
    Weight{RVM_HVC_REGION_MAP, 12, 4},
    Weight{RVM_HVC_REGION_UNMAP, 5, 2},
    Weight{RVM_HVC_REGION_SHARE, 10, 6},
    Weight{RVM_HVC_REGION_UNSHARE, 4, 3},
    Weight{RVM_HVC_REGION_TRANSFER, 4, 3},
    Weight{RVM_HVC_MEMORY_SEAL, 2, 1},
    Weight{RVM_HVC_CALL, 10, 0},
    Weight{RVM_HVC_REPLY_WAIT, 8, 0},
    Weight{RVM_HVC_REPLY, 4, 2},
    Weight{RVM_HVC_SEND, 14, 6},
    Weight{RVM_HVC_RECEIVE, 16, 6},
    Weight{RVM_HVC_SIGNAL, 5, 4},
    Weight{RVM_HVC_EDGE_CREATE, 4, 16},
    Weight{RVM_HVC_EDGE_DESTROY, 1, 2},
    Weight{RVM_HVC_WITNESS_HEAD, 1, 1},
    Weight{RVM_HVC_WITNESS_READ, 1, 1},
    Weight{RVM_HVC_SYSTEM_READ, 2, 2},
    Weight{RVM_HVC_TURN_COMMIT, 8, 3},
    Weight{RVM_HVC_TURN_ABORT, 1, 1},
    Weight{RVM_HVC_LEASE_GRANT, 12, 2},
    Weight{RVM_HVC_LEASE_RENEW, 2, 1},
    Weight{RVM_HVC_LEASE_RELEASE, 1, 1},
    Weight{RVM_HVC_LEASE_INFO, 1, 1},
    Weight{RVM_HVC_DEVICE_ACKNOWLEDGE, 1, 1},
    Weight{RVM_HVC_DEVICE_CONFIGURATION, 1, 1},
    Weight{RVM_HVC_DEVICE_SUBMIT, 2, 1},
    Weight{RVM_HVC_DEVICE_COMPLETE, 2, 1},
};

constexpr std::uint32_t total(std::uint8_t Weight::* member) {
  std::uint32_t sum = 0;
  for (const Weight& w : weights) sum += w.*member;
  return sum;
}

std::uint64_t weighted(std::uint8_t Weight::* member, std::uint32_t sum, Random& random) {
  std::uint32_t at = random.below(sum);
  for (const Weight& w : weights) {
    if (at < w.*member) return w.operation;
    at -= w.*member;
  }
  return RVM_HVC_YIELD;
}

struct Demand {
  ObjectType type = ObjectType::none;
  std::uint32_t rights = 0;
  std::uint8_t tier = 1;
};
constexpr std::array<Demand, RVM_HVC_LIMIT> demands = [] {
  enum : std::uint8_t { P1 = 1, P2, P3, P2_P3 };  // as the table spells them
  std::array<Demand, RVM_HVC_LIMIT> table{};
#define RVM_X(name, number, object, needed, tier, doc) \
  table[number] = {static_cast<ObjectType>(RVM_OBJECT_##object), needed | (tier >= P2 ? RVM_RIGHT_PROVE : 0u), tier};
  RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
  return table;
}();

/// Made by an agent, empty, and with room for an agent.
bool is_fresh(const Partition& p) {
  return p.agent_count == 0 && p.state == kernel::PartitionState::created && p.type != RVM_PARTITION_ROOT &&
         (p.account.quota == 0 || p.account.quota >= 60);
}
/// Made by an agent, and has run or never will.
bool is_used_up(const Partition& p) {
  return kernel::name_of(p.name) == std::string_view{"dynamic"} &&
         (p.vmid.raw != 0 || (p.agent_count == 0 && !is_fresh(p)));
}

}  // namespace

bool Simulation::is_supervisor(const Agent& agent) const {
  return kernel::name_of(agent.name) == std::string_view{"supervisor"};
}

std::uint64_t Simulation::choose_operation(const Agent& agent, Random& random) {
  const bool supervisor = is_supervisor(agent);
  if (random.one_in(40)) {
    const std::uint64_t any = random.one_in(8) ? random.next() : random.below(RVM_HVC_LIMIT + 4);
    const bool endless = any == RVM_HVC_EXIT || any == RVM_HVC_CALL || any == RVM_HVC_REPLY_WAIT;
    return supervisor && endless ? RVM_HVC_YIELD : any;
  }
  static constexpr std::uint32_t ordinary = total(&Weight::ordinary);
  static constexpr std::uint32_t supervising = total(&Weight::supervisor);
  if (supervisor) {
    if (state_->agents.live() > 20)
      return random.pick(
          {RVM_HVC_AGENT_TERMINATE, RVM_HVC_AGENT_TERMINATE, RVM_HVC_AGENT_TERMINATE, RVM_HVC_PARTITION_DESTROY});
    if (state_->agents.live() < 6)
      return random.pick({RVM_HVC_AGENT_SPAWN, RVM_HVC_AGENT_SPAWN, RVM_HVC_PARTITION_CREATE});
    if (state_->partitions.live() > 12) return RVM_HVC_PARTITION_DESTROY;
    if (agent.capabilities->used() > 200) return RVM_HVC_CAP_REVOKE;
    if (profile_.churn && !random.one_in(4)) {
      // Partitions are made, run once and are destroyed, until VMIDs run out.
      const auto has = [&](std::uint32_t rights, bool (*wanted)(const Partition&)) {
        return handle_for(agent, ObjectType::partition, rights, random, [&](const SeenCapability& c) {
                 const Partition* p = state_->partitions.find(PartitionId{c.object.id});
                 return p != nullptr && wanted(*p);
               }) != 0;
      };
      const bool empty = has(RVM_RIGHT_EXECUTE, is_fresh);
      const bool used = has(RVM_RIGHT_REVOKE | RVM_RIGHT_PROVE, is_used_up);
      if (empty) return RVM_HVC_AGENT_SPAWN;
      return used ? RVM_HVC_PARTITION_DESTROY
                  : random.pick(
                        {RVM_HVC_PARTITION_CREATE, RVM_HVC_PARTITION_CREATE, RVM_HVC_YIELD, RVM_HVC_SLEEP_UNTIL});
    }
    return weighted(&Weight::supervisor, supervising, random);
  }
  if (agent.caller != nullptr && random.one_in(2)) return random.pick({RVM_HVC_REPLY, RVM_HVC_REPLY_WAIT});
  if (!agent.pending.empty() && random.one_in(4)) return RVM_HVC_RECEIVE;
  if (const kernel::Device* const device = held_by(agent); device != nullptr && !random.one_in(3)) {
    if (device->queues.value == 0)
      return random.pick({RVM_HVC_LEASE_RENEW, RVM_HVC_LEASE_RELEASE, RVM_HVC_DEVICE_ACKNOWLEDGE});
    const std::uint32_t kind = random.below(16);
    if (!machine_.hardware.devices[device->port].done.empty() && kind < 12) return RVM_HVC_DEVICE_COMPLETE;
    if (kind < 7) return RVM_HVC_DEVICE_SUBMIT;
    if (kind < 12) return RVM_HVC_DEVICE_COMPLETE;
    return random.pick({RVM_HVC_DEVICE_ACKNOWLEDGE, RVM_HVC_DEVICE_CONFIGURATION, RVM_HVC_LEASE_RENEW,
                        RVM_HVC_LEASE_RELEASE, RVM_HVC_LEASE_INFO, RVM_HVC_REGION_MAP});
  }
  const std::uint64_t operation = weighted(&Weight::ordinary, ordinary, random);
  const bool needs_edge = operation == RVM_HVC_CALL || operation == RVM_HVC_SEND || operation == RVM_HVC_TURN_COMMIT ||
                          operation == RVM_HVC_REGION_SHARE || operation == RVM_HVC_REGION_TRANSFER ||
                          operation == RVM_HVC_CAP_TRANSFER;
  return needs_edge && agent.outbound.empty() && !random.one_in(4) ? std::uint64_t{RVM_HVC_EDGE_CREATE} : operation;
}

std::uint32_t Simulation::handle_for(const Agent& agent, ObjectType type, std::uint32_t rights, Random& random,
                                     const std::function<bool(const SeenCapability&)>& wanted) {
  const std::uint16_t index = kernel::index_of(agent);
  const auto first = std::lower_bound(capabilities_.begin(), capabilities_.end(), std::uint32_t{index} << 16,
                                      [](const SeenCapability& c, std::uint32_t key) { return c.key() < key; });
  std::uint32_t found = 0;
  std::uint32_t count = 0;
  for (auto c = first; c != capabilities_.end() && c->ref.agent.value == index; ++c) {
    if (!c->live || (type != ObjectType::any && c->object.type != type) || (c->rights & rights) != rights) continue;
    if (wanted && !wanted(*c)) continue;
    if (random.below(++count) == 0) found = c->handle();
  }
  return found;
}

std::uint64_t Simulation::own_address(const Agent& agent, Random& random) {
  const rvm_agent_info& info = *agent.information;
  switch (random.below(12)) {
    case 0: {
      if (random.one_in(2)) return info.slot_base;
      // Somebody else's heap.
      const std::uint32_t index = random.below(static_cast<std::uint32_t>(agents_.size()) + 2);
      return info.heap_base - agent.slot.value + index * machine_.hardware.geometry.slot_bytes + random.below(64) * 64;
    }
    case 1:
      return info.image_base;
    case 2:
      return info.heap_base + info.heap_size - random.below(64);
    case 3:
      return info.map_base + random.below(16) * page_bytes;
    case 4:
      return hostile_value(agent, random);
    default:
      return info.heap_base + random.below(static_cast<std::uint32_t>(info.heap_size) / 8 - 16) * 8;
  }
}

std::uint64_t Simulation::hostile_value(const Agent& agent, Random& random) {
  switch (random.below(8)) {
    case 0:
      return random.pick({0, 1, 2, 3, 7, 64, 127, 128, 255, 256, 4095, 4096, 4097, 65535, 65536});
    case 1:
      return random.pick({UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 4095, std::uint64_t{1} << 63, std::uint64_t{1} << 40,
                          (std::uint64_t{1} << 40) - 4096, (std::uint64_t{1} << 44) - 1, std::uint64_t{1} << 32});
    case 2:  // a handle with a generation that is near
      return (random.below(256)) | (random.below(4)) << 16;
    case 3: {  // somebody else's handle
      if (capabilities_.empty()) return 1;
      return capabilities_[random.below(static_cast<std::uint32_t>(capabilities_.size()))].handle();
    }
    case 4:
      return views_[kernel::index_of(agent)].old_handles[random.below(8)];
    case 5:  // a handle with a slot that wraps into the table
      return (handle_for(agent, ObjectType::any, 0, random) + random.pick({0, 256})) |
             random.pick({0, std::uint64_t{1} << 31, std::uint64_t{1} << 32});
    case 6:
      return machine_.hardware.now.value + random.below(3'000'000);
    default:
      return random.next();
  }
}

void Simulation::choose_observation(const Agent& agent, std::uint64_t operation, hal::Context& registers,
                                    Random& random) {
  const auto set = [&](unsigned i, std::uint64_t value) { registers.reg(i) = value; };
  if (!random.one_in(8)) {
    set(1, handle_for(agent, ObjectType::partition, demands[operation].rights, random,
                      [](const SeenCapability& c) { return c.object.id == 0; }));
  }
  if (operation == RVM_HVC_SYSTEM_READ) {
    set(2, random.below(6));
    set(3, random.pick({0, 0, 1, 255, 256, random.below(20'000)}));
    set(4, own_address(agent, random));
    set(5, random.pick({0, 39, 40, 80, 136, 4096, 4096, 4096, 4097}));
    return;
  }
  const bool agents = random.one_in(2);
  set(2, random.one_in(8) ? random.below(8) : std::uint64_t{agents ? RVM_OBJECT_AGENT : RVM_OBJECT_PARTITION});
  set(3, random.below(24) | std::uint64_t{random.below(3)} << 16);
  set(4, random.pick({RVM_RIGHT_READ, RVM_RIGHT_READ | RVM_RIGHT_WRITE, RVM_RIGHT_ALL, random.below(256)}));
  if (const auto source = named(agent, registers.reg(1)); source && !random.one_in(4)) {
    const std::uint64_t wanted = registers.reg(4) & source->rights;
    if (wanted != 0) set(4, wanted);
  }
}

void Simulation::choose_arguments(const Agent& agent, std::uint64_t operation, hal::Context& registers,
                                  Random& random) {
  const auto set = [&](unsigned i, std::uint64_t value) { registers.reg(i) = value; };
  for (unsigned i = 1; i < 10; ++i) set(i, hostile_value(agent, random));
  const bool supervisor = is_supervisor(agent);
  if (operation >= demands.size() || (!supervisor && random.one_in(20))) return;
  const Demand& demand = demands[operation];
  const std::uint64_t now = machine_.hardware.now.value;
  const rvm_agent_info& info = *agent.information;
  const auto soon = [&] { return now + random.below(1'500'000); };
  const auto deadline = [&]() -> std::uint64_t {
    if (supervisor) return random.pick({0, soon()});
    return random.pick({0, 0, soon(), soon(), UINT64_MAX});
  };
  const auto mine = [&](const SeenCapability& c) {
    const Edge* edge = state_->edges.find(EdgeId{c.object.id});
    return edge != nullptr && edge->sender == &agent;
  };
  const auto sending = [&] { return handle_for(agent, ObjectType::edge, RVM_RIGHT_WRITE, random, mine); };
  const auto some_rights = [&]() -> std::uint64_t {
    return random.pick({RVM_RIGHT_READ, RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_PROVE, RVM_RIGHT_ALL,
                        RVM_RIGHT_ALL, 1 + random.below(127),
                        RVM_RIGHT_READ | RVM_RIGHT_GRANT_ONCE | RVM_RIGHT_REVOKE | RVM_RIGHT_PROVE, random.below(256)});
  };
  // x1: mostly a capability that will do, sometimes one with too few rights, of another type, or none of ours.
  if (demand.type != ObjectType::none) {
    const std::uint32_t kind = random.below(16);
    std::uint32_t handle = 0;
    if (kind < 13) {
      const bool edges = operation == RVM_HVC_CALL || operation == RVM_HVC_SEND;
      handle = edges ? sending() : handle_for(agent, demand.type, demand.rights, random);
    } else if (kind == 13) {
      handle = handle_for(agent, demand.type, 0, random);
    } else if (kind == 14) {
      handle = handle_for(agent, ObjectType::any, 0, random);
    }
    if (handle != 0) set(1, handle);
  }
  switch (operation) {
    case RVM_HVC_SLEEP_UNTIL:
      set(1, soon());
      break;
    case RVM_HVC_CONSOLE_WRITE:
      set(2, info.heap_base + random.below(1000));
      set(3, random.below(80));
      break;
    case RVM_HVC_WAIT:
      set(1, random.pick({1, 2, 3, UINT64_MAX, random.next()}));
      set(2, deadline());
      break;
    case RVM_HVC_PARTITION_CREATE:
      set(1, handle_for(agent, ObjectType::partition, RVM_RIGHT_WRITE, random,
                        [](const SeenCapability& c) { return c.object.id == 0; }));
      set(2, random.pick({0, 20, 60, 100, 200, 400}));
      break;
    case RVM_HVC_PARTITION_DESTROY:
    case RVM_HVC_PARTITION_SUSPEND:
      if (supervisor) {
        set(1, handle_for(agent, ObjectType::partition, demand.rights, random, [&](const SeenCapability& c) {
              const Partition* p = state_->partitions.find(PartitionId{c.object.id});
              return p != nullptr && (!profile_.churn || is_used_up(*p));
            }));
      }
      break;
    case RVM_HVC_AGENT_TERMINATE:
      if (supervisor) {
        // One that waits for what may never come, if there is one.
        const auto stuck = [&](const SeenCapability& c) {
          const Agent* a = state_->agents.find(AgentId{c.object.id});
          return a != nullptr && a != &agent && a->wait != Wait::none && !a->node.timed();
        };
        set(1, handle_for(agent, ObjectType::agent, demand.rights, random, stuck));
      }
      break;
    case RVM_HVC_PARTITION_RESUME:
      if (supervisor && !random.one_in(4)) {
        set(1, handle_for(agent, ObjectType::partition, demand.rights, random, [&](const SeenCapability& c) {
              const Partition* p = state_->partitions.find(PartitionId{c.object.id});
              return p != nullptr && p->state == kernel::PartitionState::suspended;
            }));
      }
      break;
    case RVM_HVC_AGENT_FORK:
    case RVM_HVC_AGENT_SPAWN:
      if (supervisor || random.one_in(2)) {
        set(1, handle_for(agent, ObjectType::partition, demand.rights, random, [&](const SeenCapability& c) {
              const Partition* p = state_->partitions.find(PartitionId{c.object.id});
              return p != nullptr && (!profile_.churn || !supervisor || is_fresh(*p));
            }));
      }
      set(2, random.one_in(20) ? 1 : 0);
      set(3, random.pick({10, 40, 50, 50, 51}));
      if (operation == RVM_HVC_AGENT_FORK) choose_fork(agent, registers, random);
      break;
    case RVM_HVC_AGENT_MIGRATE:
    case RVM_HVC_PARTITION_SPLIT:
    case RVM_HVC_PARTITION_MERGE:
      choose_relocation(agent, operation, registers, random);
      break;
    case RVM_HVC_MEMORY_SEAL:
      choose_seal(agent, registers, random);
      break;
    case RVM_HVC_CAP_DERIVE: {
      const std::uint32_t right = random.one_in(3) ? RVM_RIGHT_GRANT_ONCE : RVM_RIGHT_GRANT;
      if (!random.one_in(6)) set(1, handle_for(agent, ObjectType::any, right, random));
      set(2, some_rights());
      if (!random.one_in(3)) {
        if (const auto source = named(agent, registers.reg(1))) {
          const std::uint64_t wanted = registers.reg(2) & source->rights;
          if (wanted != 0) set(2, wanted);
        }
      }
      set(3, random.pick({0, 7, random.next()}));
      break;
    }
    case RVM_HVC_CAP_REVOKE:
    case RVM_HVC_CAP_DROP:
      if (supervisor) {
        // Not what it needs to keep the swarm going, while there is something else.
        set(1, handle_for(agent, ObjectType::any, demand.rights, random, [&](const SeenCapability& c) {
              const bool dead =
                  (c.object.type == ObjectType::partition && c.object.id != 0 &&
                   state_->partitions.find(PartitionId{c.object.id}) == nullptr) ||
                  (c.object.type == ObjectType::agent && state_->agents.find(AgentId{c.object.id}) == nullptr);
              return dead || c.depth != 0 || c.object.type == ObjectType::edge || c.object.type == ObjectType::region;
            }));
      }
      break;
    case RVM_HVC_CAP_TRANSFER:
      set(1, handle_for(agent, ObjectType::any, RVM_RIGHT_GRANT, random, [&](const SeenCapability& c) {
            return !supervisor || c.depth != 0 || c.object.type == ObjectType::edge ||
                   c.object.type == ObjectType::region;
          }));
      if (!random.one_in(10)) set(2, sending());
      break;
    case RVM_HVC_REGION_CREATE:
      if (!random.one_in(10)) {
        set(1, handle_for(agent, ObjectType::partition, RVM_RIGHT_WRITE, random,
                          [&](const SeenCapability& c) { return c.object.id == agent.partition->id.value; }));
      }
      set(2, random.pick({1, 1, 2, 3, 4, 9, 32, 512, 513, 0}));
      break;
    case RVM_HVC_REGION_MAP:
      if (!random.one_in(8)) {
        set(1, handle_for(agent, ObjectType::region, RVM_RIGHT_READ, random,
                          [](const SeenCapability& c) { return c.mapped_at == 0; }));
      }
      set(2, info.map_base + random.below(24) * 8 * page_bytes);
      if (random.one_in(12)) set(2, own_address(agent, random));
      set(3, random.pick({RVM_MAP_READ, RVM_MAP_READ | RVM_MAP_WRITE, RVM_MAP_READ | RVM_MAP_WRITE,
                          RVM_MAP_READ | RVM_MAP_EXECUTE, random.below(9)}));
      break;
    case RVM_HVC_REGION_UNMAP:
      if (!random.one_in(8)) {
        set(1, handle_for(agent, ObjectType::region, RVM_RIGHT_READ, random,
                          [](const SeenCapability& c) { return c.mapped_at != 0; }));
      }
      break;
    case RVM_HVC_REGION_SHARE:
      if (!random.one_in(10)) set(2, sending());
      set(3, some_rights());
      if (const auto source = named(agent, registers.reg(1)); source && !random.one_in(4)) {
        const std::uint64_t wanted = registers.reg(3) & source->rights;
        if (wanted != 0) set(3, wanted);
      }
      break;
    case RVM_HVC_REGION_TRANSFER:
      if (!random.one_in(10)) set(2, sending());
      break;
    case RVM_HVC_SEND:
      set(2, own_address(agent, random));
      set(3, random.pick({0, 1, 8, 16, 64, 239, 240, 241, 1000, 4096, 4097, random.below(5000)}));
      set(4, deadline());
      break;
    case RVM_HVC_RECEIVE:
      set(1, random.one_in(3) ? handle_for(agent, ObjectType::edge, RVM_RIGHT_READ, random) : 0);
      set(2, own_address(agent, random));
      set(3, random.pick({0, 8, 64, 240, 4096, 4096, 4096, 4096, 8192}));
      set(4, deadline());
      break;
    case RVM_HVC_EDGE_CREATE:
      set(2, handle_for(agent, ObjectType::agent, RVM_RIGHT_WRITE, random, [&](const SeenCapability& c) {
            const auto sender = named(agent, registers.reg(1));
            return !sender || sender->object.id != c.object.id || random.one_in(20);
          }));
      set(3, random.pick({1, 2, 4, 16, 64, 3, 0}));
      set(4, random.pick({0, 0, random.next()}));
      break;
    case RVM_HVC_CAP_OBTAIN:
    case RVM_HVC_SYSTEM_READ:
      choose_observation(agent, operation, registers, random);
      break;
    case RVM_HVC_WITNESS_READ:
      set(2, kernel::log().ring.sealed() - random.below(300));
      set(3, own_address(agent, random));
      break;
    default:
      choose_device_arguments(agent, operation, registers, random);
      break;
  }
}

/// Whether the agent that keeps the swarm alive would stop itself, or let others do so.
bool Simulation::is_suicide(const Agent& agent, std::uint64_t operation, hal::Context& registers) {
  if (!is_supervisor(agent)) return false;
  switch (operation) {
    case RVM_HVC_AGENT_SUSPEND:
    case RVM_HVC_AGENT_TERMINATE:
    case RVM_HVC_CAP_TRANSFER:
    case RVM_HVC_CAP_REVOKE:
    case RVM_HVC_CAP_DROP:
      break;
    default:
      return false;
  }
  const auto object = named(agent, registers.reg(1));
  return object && ((object->object.type == ObjectType::agent && object->object.id == agent.id.value) ||
                    (object->object.type == ObjectType::partition && object->object.id == 0));
}

/// The proof that an operation of tier P2 wants in x8-x15: mostly right, sometimes wrong in one way.
void Simulation::present_proof(Agent& agent, hal::Context& registers, Random& random) {
  if (registers.reg(0) >= demands.size() || demands[registers.reg(0)].tier < 2) return;
  AgentView& v = view(agent);
  const std::uint64_t now = machine_.hardware.now.value;
  rvm_proof_subject subject{};
  std::memcpy(subject.domain, RVM_PROOF_DOMAIN, sizeof subject.domain);
  subject.abi_version = RVM_ABI_VERSION;
  subject.operation = static_cast<std::uint32_t>(registers.reg(0));
  subject.partition_id = agent.partition->id.value;
  subject.agent_id = agent.id.value;
  for (unsigned i = 0; i < 7; ++i) subject.arguments[i] = registers.reg(1 + i);
  subject.nonce = v.next_nonce;
  v.next_nonce += 1 + random.below(3);
  subject.not_before_ns = now - std::min<std::uint64_t>(now, random.below(1000));
  subject.not_after_ns = now + 5'000'000 + random.below(1'000'000);
  subject.tier = tier_of(agent, registers.reg(0));
  const std::uint32_t flaw = random.below(80);
  if (flaw == 0) {
    const std::uint64_t highest = v.used_nonces.empty() ? 0 : *v.used_nonces.rbegin();
    subject.nonce = highest - std::min<std::uint64_t>(highest, random.below(6000));
  }
  if (flaw == 1) subject.not_before_ns = now - std::min<std::uint64_t>(now, 200'000);
  if (flaw == 1) subject.not_after_ns = now - std::min<std::uint64_t>(now, 100'000);
  if (flaw == 2) subject.not_before_ns = now + 1'000'000;
  if (flaw == 3) subject.not_after_ns = subject.not_before_ns + RVM_PROOF_VALIDITY_MAX_NS + 1;
  if (flaw == 4) --subject.tier;
  if (flaw == 5) ++subject.arguments[random.below(7)];
  if (flaw == 6) ++subject.agent_id;
  if (flaw == 7 && !v.used_nonces.empty()) subject.nonce = *v.used_nonces.begin();
  if (flaw == 8) {
    subject.nonce += random.below(10'000);
    v.next_nonce = subject.nonce + 1;
  }
  crypto::Digest digest = crypto::sha256(std::as_bytes(std::span{&subject, 1}));
  if (flaw == 9) digest[random.below(32)] ^= static_cast<std::byte>(1u << random.below(8));
  for (unsigned i = 0; i < 4; ++i) std::memcpy(&registers.reg(8 + i), digest.data() + std::size_t{8} * i, 8);
  registers.reg(12) = subject.nonce;
  registers.reg(13) = subject.not_before_ns;
  registers.reg(14) = subject.not_after_ns;
  registers.reg(15) = subject.tier;
}

/// Whether the agent still executes on this core: what it touched may have ended it, or let another one run.
bool Simulation::executes(std::uint32_t core, const Agent& agent) const {
  return up_ && machine_.standing(core) == Standing::agent && state_->cores[core].current == &agent &&
         agent.state == kernel::AgentState::running;
}

/// Writes what the chosen operation will read. False: the agent lost the core over it, and the operation is off.
bool Simulation::prepare_memory(std::uint32_t core, const Agent& agent, hal::Context& registers, Random& random) {
  const std::uint32_t id = agent.id.value;
  const std::uint64_t boot = boots_;
  switch (registers.reg(0)) {
    case RVM_HVC_SEND:
      fill_buffer(core, agent, registers.reg(2), std::min<std::uint64_t>(registers.reg(3), 4096), random);
      break;
    case RVM_HVC_TURN_COMMIT:
      if (!is_supervisor(agent) && random.one_in(20)) break;  // anything
      return choose_turn(core, agent, registers, random) && boots_ == boot && executes(core, agent);
    case RVM_HVC_LEASE_GRANT:
      write_evidence(core, registers.reg(7), random);
      break;
    case RVM_HVC_DEVICE_SUBMIT:
      write_buffer_list(core, agent, registers.reg(3), random);
      break;
    default:
      return true;
  }
  return boots_ == boot && executes(core, agent) && agent.id.value == id;
}

/// Fresh bytes where the agent may write, so that messages differ.
void Simulation::fill_buffer(std::uint32_t core, const Agent& agent, std::uint64_t at, std::uint64_t length,
                             Random& random) {
  for (const std::uint64_t offset : {std::uint64_t{0}, length / 2, length > 8 ? length - 8 : 0}) {
    const std::uint64_t address = (at + offset) & ~std::uint64_t{7};
    const std::uint64_t value = random.next();
    if (random.one_in(4)) continue;  // whatever is there, and if that is nothing yet
    if (!store(core, address, value) && !executes(core, agent)) return;
  }
}

/// Loads and stores, so that the TLB holds what it may hold.
void Simulation::touch_memory(std::uint32_t core, Agent& agent, Random& random) {
  AgentView& v = view(agent);
  const std::uint64_t boot = boots_;
  for (std::uint32_t i = 0, n = 1 + random.below(4); i < n; ++i) {
    std::uint64_t at = own_address(agent, random);
    if (random.one_in(6)) at = agent.information->stack_top - 8 - random.below(500) * 8;
    if (random.one_in(2) && v.last_mapped[0] != 0) at = v.last_mapped[random.below(2)] + random.below(3) * page_bytes;
    at &= ~std::uint64_t{7};
    // Beyond what it may touch is a fault that the program would not survive: it looks before it leaps.
    if (random.one_in(2)) {
      (void)store(core, at, random.next());
    } else {
      load(core, at);
    }
    if (boots_ != boot || !executes(core, agent)) return;
  }
}

}  // namespace rvm::sim
