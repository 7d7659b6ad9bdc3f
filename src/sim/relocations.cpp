// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Agents that change partitions: what is asked for, and what must have come of it. Where everybody is follows from the records alone;
// what the capability tables, the quotas and the memory say has to fit. The rule by which regions are placed is checked by replay.cpp.
#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "objects.hpp"
#include "simulation.hpp"

namespace rvm::sim {
namespace {

using witness::Kind;

constexpr std::uint8_t own_rights = RVM_RIGHT_READ | RVM_RIGHT_WRITE;

std::uint32_t high(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }
std::uint32_t low(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

bool may_change(const Partition& p) {
  return p.type == RVM_PARTITION_AGENT && p.mode == RVM_MODE_FLOW &&
         (p.state == kernel::PartitionState::running || p.state == kernel::PartitionState::suspended);
}

bool has_ended(const Agent& a) { return a.state == kernel::AgentState::terminated; }

std::uint32_t living(const Partition& p) {
  std::uint32_t count = 0;
  for (Agent* a = p.agents.front(); a != nullptr; a = partition::List<Agent, &Agent::partition_link>::after(*a))
    count += has_ended(*a) ? 0 : 1;
  return count;
}

const SeenCapability* find(const std::vector<SeenCapability>& all, cap::CapabilityRef ref) {
  const std::uint32_t key = std::uint32_t{ref.agent.value} << 16 | ref.slot;
  const auto at = std::ranges::lower_bound(all, key, {}, &SeenCapability::key);
  return at != all.end() && at->key() == key ? &*at : nullptr;
}

}  // namespace

// --- what is asked for ---

/// Whether nobody but `agent`, and its own agents as every agent, has power over a partition: then it may be merged.
bool Simulation::is_governed_alone(const Agent& agent, const Partition& p) const {
  return std::ranges::none_of(capabilities_, [&](const SeenCapability& c) {
    if (c.object.type != ObjectType::partition || c.object.id != p.id.value) return false;
    if (!c.parent.empty()) return true;
    if (&holder(c) == &agent) return false;
    return (c.rights & ~unsigned{own_rights}) != 0 || holder(c).partition != &p;
  });
}

void Simulation::choose_relocation(const Agent& agent, std::uint64_t operation, hal::Context& registers,
                                   Random& random) {
  constexpr std::uint32_t governing = RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE;
  const auto a_partition = [&](std::uint32_t rights, auto wanted) -> std::uint64_t {
    return handle_for(agent, ObjectType::partition, rights, random, [&](const SeenCapability& c) {
      const Partition* const p = state_->partitions.find(PartitionId{c.object.id});
      return p != nullptr && may_change(*p) && wanted(*p);
    });
  };
  switch (operation) {
    case RVM_HVC_AGENT_MIGRATE: {
      const Partition* from = nullptr;
      const std::uint32_t mover = handle_for(agent, ObjectType::agent, RVM_RIGHT_EXECUTE | RVM_RIGHT_PROVE, random,
                                             [&](const SeenCapability& c) {
                                               const Agent* const a = state_->agents.find(AgentId{c.object.id});
                                               return a != nullptr && a != &agent && !has_ended(*a) &&
                                                      may_change(*a->partition) && living(*a->partition) > 1;
                                             });
      if (!random.one_in(8)) registers.reg(1) = mover;
      if (const auto c = named(agent, mover)) from = state_->agents.find(AgentId{c->object.id})->partition;
      if (!random.one_in(8)) {
        registers.reg(2) = a_partition(RVM_RIGHT_EXECUTE, [&](const Partition& p) {
          return &p != from && (from == nullptr || p.state == from->state);
        });
      }
      break;
    }
    case RVM_HVC_PARTITION_SPLIT: {
      if (!random.one_in(8)) {
        registers.reg(1) = a_partition(governing | RVM_RIGHT_PROVE, [](const Partition& p) { return living(p) > 1; });
      }
      const auto c = named(agent, registers.reg(1));
      const Partition* const from = c ? state_->partitions.find(PartitionId{c->object.id}) : nullptr;
      const std::uint32_t count = from != nullptr ? std::min(living(*from), 31u) : 2;
      registers.reg(2) = 1 + random.below((1u << std::max(count, 2u)) - 2);
      if (random.one_in(10)) registers.reg(2) = random.pick({0, (1u << count) - 1, 1u << count, UINT64_MAX});
      break;
    }
    default: {
      if (random.one_in(8)) break;
      const bool any = random.one_in(8);
      const auto fits = [&](const Partition& p) { return any || is_governed_alone(agent, p); };
      registers.reg(1) = a_partition(governing | RVM_RIGHT_PROVE, fits);
      const auto into = named(agent, registers.reg(1));
      registers.reg(2) = a_partition(
          governing, [&](const Partition& p) { return fits(p) && (!into || p.id.value != into->object.id || any); });
      break;
    }
  }
}

// --- where everybody is ---

void Simulation::note_home(const witness::Record& r) {
  Home& home = homes_[r.target_object & 0xffff];
  if (r.action_kind == Kind::task_terminate) {
    home.lives = false;
  } else {
    home = {r.target_object, high(r.payload), true};
  }
}

void Simulation::note_relocation(const witness::Record& r) {
  Relocated moved{.kind = r.action_kind, .movers = {}, .remaining = {}};
  switch (r.action_kind) {
    case Kind::partition_migrate:
      moved.from = high(r.payload);
      moved.to = low(r.payload);
      break;
    case Kind::partition_split:
      moved.from = r.target_object;
      moved.to = high(r.payload);
      moved.pages = low(r.payload);
      partitions_.push_back(moved.to);
      break;
    default:
      moved.from = low(r.payload);
      moved.to = r.target_object;
      break;
  }
  unsigned rank = 0;
  for (std::size_t i = 0; i < homes_.size(); ++i) {
    Home& home = homes_[i];
    if (!home.lives || home.partition != moved.from) continue;
    const bool leaves = r.action_kind == Kind::partition_migrate ? home.agent == r.target_object
                        : r.action_kind == Kind::partition_split ? (r.aux >> rank & 1) != 0
                                                                 : true;
    ++rank;
    (leaves ? moved.movers : moved.remaining).insert(static_cast<std::uint16_t>(i));
  }
  for (const std::uint16_t i : moved.movers) homes_[i].partition = moved.to;
  const std::size_t said = r.action_kind == Kind::partition_migrate ? 1
                           : r.action_kind == Kind::partition_split ? static_cast<std::size_t>(std::popcount(r.aux))
                                                                    : static_cast<std::size_t>(r.aux);
  require(moved.movers.size() == said && moved.from != moved.to, "relocation",
          "a record says that others moved than could");
  require(r.action_kind == Kind::partition_merge || !moved.remaining.empty(), "relocation",
          "nobody is left in a partition that goes on");
  relocated_.push_back(std::move(moved));
  ++coverage.relocations;
  if (r.actor_partition == 0) ++coverage.advised;
  full_scan_due_ = true;
}

/// The partition in whose tables an address now lies that the agent reached when it made its call: it, or whose slot that is, may
/// have moved since.
Partition& Simulation::reached(const Agent& agent, const Attempt& attempt, std::uint64_t at) {
  const std::uint64_t index = at / machine_.hardware.geometry.slot_bytes;
  if (attempt.home == agent.partition->id.value || index == 0 || index >= state_->agents.capacity())
    return *agent.partition;
  const Agent& there = state_->agents.at(static_cast<std::uint16_t>(index));
  return there.id.value != 0 ? *there.partition : *agent.partition;
}

// --- what must have come of it ---

/// The record of a relocation that the attempt asked for, as carried out since it began.
const witness::Record* Simulation::relocation_record(const Attempt& attempt) const {
  const Kind kind = attempt.operation == RVM_HVC_AGENT_MIGRATE     ? Kind::partition_migrate
                    : attempt.operation == RVM_HVC_PARTITION_SPLIT ? Kind::partition_split
                                                                   : Kind::partition_merge;
  for (std::uint64_t i = attempt.first_record; i < records_.size(); ++i) {
    const witness::Record& r = records_[i];
    if (r.action_kind == kind && (r.flags & security::record_failed) == 0 && r.actor_partition == attempt.home &&
        attempt.object && r.target_object == attempt.object->object.id)
      return &r;
  }
  return nullptr;
}

void Simulation::judge_relocation_success(const Agent& agent, const Attempt& attempt) {
  const std::uint32_t power =
      attempt.operation == RVM_HVC_AGENT_MIGRATE ? RVM_RIGHT_EXECUTE : RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE;
  switch (attempt.operation) {
    case RVM_HVC_AGENT_MIGRATE:
    case RVM_HVC_PARTITION_MERGE: {
      require(attempt.second && attempt.second->object.type == ObjectType::partition &&
                  (attempt.second->rights & power) == power,
              "authority", "agents were moved without authority over both partitions");
      const witness::Record* const r = relocation_record(attempt);
      require(r != nullptr && low(r->payload) == attempt.second->object.id, "relocation",
              "agents were moved elsewhere than was asked for");
      if (attempt.operation == RVM_HVC_PARTITION_MERGE) {
        require(state_->partitions.find(PartitionId{attempt.second->object.id}) == nullptr, "relocation",
                "a partition that was merged into another is still there");
      }
      break;
    }
    case RVM_HVC_PARTITION_SPLIT: {
      const witness::Record* const r = relocation_record(attempt);
      require(r != nullptr && std::popcount(r->aux) == std::popcount(attempt.x[2]) &&
                  agent.context->reg(2) == high(r->payload),
              "relocation", "others left a partition than was asked for, or for another one");
      if (agent.context->reg(1) == RVM_INVALID_HANDLE) break;  // there was no slot for it
      const auto c = named(agent, agent.context->reg(1));
      require(c && c->object.type == ObjectType::partition && c->object.id == agent.context->reg(2) && c->depth == 0 &&
                  c->rights == RVM_RIGHT_ALL,
              "new-capability", "PARTITION_SPLIT gave a capability to something else");
      break;
    }
    default:
      break;
  }
}

/// What a capability leads to by now: one that a mover had to its own partition, to the one that it is in. `alone`: nothing was derived
/// from it.
std::uint32_t Simulation::object_now(const SeenCapability& before, bool alone) const {
  std::uint32_t object = before.object.id;
  if (before.object.type != ObjectType::partition || !before.parent.empty() || !alone ||
      (before.rights & ~unsigned{own_rights}) != 0)
    return object;
  for (const Relocated& r : relocated_) {
    if (object == r.from && r.movers.contains(before.ref.agent.value)) object = r.to;
  }
  return object;
}

/// Whether agents of one side have capabilities to a region.
bool Simulation::has_on(const std::vector<SeenCapability>& all, std::uint32_t region,
                        const std::set<std::uint16_t>& side) const {
  return std::ranges::any_of(all, [&](const SeenCapability& c) {
    return c.object.type == ObjectType::region && c.object.id == region && side.contains(c.ref.agent.value) &&
           homes_[c.ref.agent.value].lives;
  });
}

/// Whether a relocation took rights from a capability: agents of both sides could reach its region, one of them by it or by what it was
/// derived from.
bool Simulation::may_be_restricted(const SeenCapability& c, const std::vector<SeenCapability>& before) const {
  if (c.object.type != ObjectType::region) return false;
  return std::ranges::any_of(relocated_, [&](const Relocated& r) {
    const auto both = [&](const std::set<std::uint16_t>& side) {
      return has_on(capabilities_, c.object.id, side) || has_on(before, c.object.id, side);
    };
    if (!both(r.movers) || !both(r.remaining)) return false;
    for (const auto* all : {&capabilities_, &before}) {
      for (const SeenCapability* up = find(*all, c.ref); up != nullptr;
           up = up->parent.empty() ? nullptr : find(*all, up->parent)) {
        const std::uint16_t index = up->ref.agent.value;
        if (r.movers.contains(index) || r.remaining.contains(index)) return true;
      }
    }
    return false;
  });
}

/// Nobody loses rights, or permissions of a mapping, but by GRANT_ONCE and by relocations.
void Simulation::require_loss_explained(const SeenCapability& old, const SeenCapability& now,
                                        const std::vector<SeenCapability>& before) const {
  const std::uint32_t lost = old.rights & ~std::uint32_t{now.rights};
  const bool mapped_alike = old.access == now.access || old.mapped_at != now.mapped_at;
  if ((lost & ~unsigned{RVM_RIGHT_GRANT_ONCE}) == 0 && mapped_alike) return;
  const bool to_read = now.mapped_at == 0 || now.access == Access::read;
  const bool left_behind = lost == 0 && has_ended(holder(now)) && !relocated_.empty();
  require(to_read && (left_behind || (now.rights == (old.rights & RVM_RIGHT_READ) && may_be_restricted(now, before))),
          "mutation-recorded", "a capability lost rights, or a mapping permissions, and no relocation took them");
}

/// After a scan: everybody is where the records say, what both sides can reach is read-only for both, and nobody gained quotas.
void Simulation::judge_boundaries() {
  each_agent([&](Agent& a) {
    const Home& home = homes_[kernel::index_of(a)];
    require(home.agent == a.id.value && home.partition == a.partition->id.value, "relocation", [&] {
      return "agent " + std::to_string(a.id.value) + " is in partition " + std::to_string(a.partition->id.value) +
             ", and the records say " + std::to_string(home.partition);
    });
    require(has_ended(a) || a.information->partition_id == a.partition->id.value, "relocation",
            "an agent is told that it is in another partition");
  });
  for (const Relocated& r : relocated_) check_shared(r);
  check_quotas();
  relocated_.clear();
}

void Simulation::check_shared(const Relocated& r) const {
  for (const SeenCapability& c : capabilities_) {
    const std::uint16_t index = c.ref.agent.value;
    if (c.object.type == ObjectType::partition && r.movers.contains(index) && homes_[index].lives) {
      require(c.object.id != r.from || (c.rights & ~unsigned{own_rights}) != 0 || !c.parent.empty() ||
                  state_->capabilities.find(c.ref)->has_children(),
              "relocation", "an agent that moved still has the capability of those in its old partition");
    }
    if (c.object.type != ObjectType::region || !has_on(capabilities_, c.object.id, r.movers)) continue;
    const bool mapped_to_read = c.mapped_at == 0 || c.access == Access::read;
    const bool left_behind = holder(c).partition->id.value == r.from && has_ended(holder(c));
    require(!left_behind || mapped_to_read, "shared-read",
            "what agents that left can reach is written where they were, through an ended agent's mapping");
    const bool side = (r.movers.contains(index) || r.remaining.contains(index)) && homes_[index].lives;
    if (!side || !has_on(capabilities_, c.object.id, r.remaining)) continue;
    require((c.rights & ~unsigned{RVM_RIGHT_READ}) == 0 && mapped_to_read, "shared-read",
            "agents of both sides can reach a region, and one can do more than read it");
  }
}

void Simulation::check_quotas() {
  const std::map<std::uint32_t, Quotas> before = std::exchange(quotas_, {});
  each_partition([&](Partition& p) { quotas_[p.id.value] = {p.account.quota, p.record_quota}; });
  if (relocated_.size() > 1) return;  // each alone is looked at often enough
  std::map<std::uint32_t, Quotas> expected = before;
  for (const Relocated& r : relocated_) {
    const Quotas from = before.contains(r.from) ? before.at(r.from) : Quotas{};
    if (r.kind == Kind::partition_split) {
      const Quotas made = quotas_.contains(r.to) ? quotas_.at(r.to) : Quotas{r.pages, 0};
      require((made.pages != 0) == (from.pages != 0) && made.records != 0 && made.records < from.records, "quota",
              "a split gave a partition something out of nothing, or nothing");
      expected[r.to] = {r.pages, made.records};
      expected[r.from] = {from.pages - made.pages, from.records - made.records};
    } else if (r.kind == Kind::partition_migrate) {
      const auto share = from.records / static_cast<std::uint32_t>(r.movers.size() + r.remaining.size());
      expected[r.from].records -= share;
      expected[r.to].records += share;
    } else if (r.kind == Kind::partition_merge) {
      Quotas& to = expected[r.to];
      to = {to.pages != 0 && from.pages != 0 ? to.pages + from.pages : 0, to.records + from.records};
    }
  }
  for (const auto& [id, now] : quotas_) {
    const auto found = expected.find(id);
    if (found == expected.end()) continue;
    require(found->second.pages == now.pages && found->second.records == now.records, "quota", [&] {
      return "partition " + std::to_string(id) + " may use " + std::to_string(now.pages) + " pages and " +
             std::to_string(now.records) + " records, not " + std::to_string(found->second.pages) + " and " +
             std::to_string(found->second.records);
    });
  }
}

}  // namespace rvm::sim
