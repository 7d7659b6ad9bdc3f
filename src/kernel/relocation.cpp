// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relocation.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "agents.hpp"
#include "belongings.hpp"
#include "boundaries.hpp"
#include "capabilities.hpp"
#include "evidence.hpp"
#include "leases.hpp"
#include "objects.hpp"
#include "rvm/advice/advisor.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

using Kind = Relocation::Kind;

bool may_change(const Partition& p) {
  return p.type == RVM_PARTITION_AGENT && p.mode == RVM_MODE_FLOW &&
         (p.state == PartitionState::running || p.state == PartitionState::suspended);
}

/// Those that are to move and still live, in the order of the request.
struct Movers {
  std::array<Agent*, maximum_agents_per_partition> agents{};
  std::size_t count = 0;

  [[nodiscard]] std::span<Agent* const> all() const { return std::span{agents}.first(count); }
};

Movers movers_of(State& s, const Relocation& r) {
  Movers movers;
  for (const AgentId id : std::span{r.agents}.first(r.count)) {
    Agent* const agent = s.agents.find(id);
    if (agent != nullptr && agent->partition->id == r.from && agent->state != AgentState::terminated)
      movers.agents[movers.count++] = agent;
  }
  return movers;
}

/// Whether anybody but who asks and the agents of `a` and `b`, or one of those with more than every agent has, has power over
/// `p`: then its boundary is not to be given up.
bool owned(State& s, const Partition& p, const Partition& a, const Partition& b, AgentId requester) {
  std::uint32_t looked_at = 0;
  for (cap::CapabilityRef root = p.holders.first_root; !root.empty();) {
    const cap::Capability& c = *s.capabilities.find(root);
    const Agent& agent = holder_of(s, root);
    const Partition& holder = s.partition_of(agent);
    const bool own =
        agent.id == requester || witness::is_own_partition(static_cast<std::uint8_t>(c.type()), c.object_id(),
                                                           c.rights().bits(), true, p.id.value);
    if ((&holder != &a && &holder != &b && agent.id != requester) || !own || c.has_children() ||
        ++looked_at > 2 * maximum_agents_per_partition)
      return true;
    root = c.next_sibling();
  }
  return false;
}

/// What must hold for the agents to move into `to`; of a split, which has no partition yet, nullptr.
Status check(State& s, const Relocation& r, const Movers& movers, Partition& from, Partition* to) {
  if (!may_change(from) || movers.count != r.count || r.count == 0) return fail(Error::bad_state);
  for (Agent* const agent : movers.all()) {
    if (agent->state != AgentState::running && agent->state != AgentState::suspended) return fail(Error::bad_state);
    if (holds_device(s, *agent)) return fail(Error::lease_conflict);
  }
  std::uint32_t all = 0;
  each_living(from, [&](const Agent&) { ++all; });
  if (capabilities_of(from) > maximum_census) return fail(Error::resource_limit);
  if (r.kind == Kind::merge) {
    // Those that ended are buried where they lived.
    if (from.agent_count != r.count) return fail(Error::bad_state);
    if (owned(s, from, from, *to, r.requester) || owned(s, *to, from, *to, r.requester))
      return fail(Error::capability_conflict);
  } else if (all <= r.count) {
    return fail(Error::bad_state);  // nobody would be left
  }
  // Each side keeps at least one record per epoch, and both together what there was.
  if (to == nullptr) return from.record_quota < 2 ? fail(Error::resource_limit) : Status{};
  if (!may_change(*to) || to == &from || to->state != from.state) return fail(Error::bad_state);
  std::uint32_t ends = 0;
  for (Agent* const agent : movers.all()) {
    ends += edge_ends_of(*agent);
    if (to->space.slot_contents(agent->slot, hal::Port::geometry().slot_bytes).pages != 0)
      return fail(Error::region_overlap);
  }
  if (to->agent_count + r.count > maximum_agents_per_partition || to->edge_count + ends > maximum_edges_per_partition)
    return fail(Error::resource_limit);
  return {};
}

/// Lets everybody go on who was made to rest.
void let_go(State& s, const Relocation& r) {
  for (std::uint32_t i = 0; i < r.count; ++i) {
    Agent* const agent = s.agents.find(r.agents[i]);
    if (agent == nullptr || (r.held >> i & 1) == 0) continue;
    if (agent->state == AgentState::running && s.partition_of(*agent).state != PartitionState::suspended)
      unhold(s, *agent);
  }
}

/// Stops those that are to move. True when none of them executes any more.
bool all_at_rest(State& s, Relocation& r) {
  bool rest = true;
  for (std::uint32_t i = 0; i < r.count; ++i) {
    Agent* const agent = s.agents.find(r.agents[i]);
    if (agent == nullptr) continue;
    if (!agent->held) {
      hold(s, *agent);
      r.held |= std::uint64_t{1} << i;
    }
    rest = rest && !agent->executing;
  }
  return rest;
}

/// The living agents of a partition in ascending order of their index.
struct Members {
  std::array<const Agent*, maximum_agents_per_partition> agents{};
  std::size_t count = 0;
};

Members members_in_order(const Partition& p) {
  Members members;
  each_living(p, [&](const Agent& agent) {
    std::size_t i = members.count++;
    for (; i != 0 && index_of(agent) < index_of(*members.agents[i - 1]); --i) members.agents[i] = members.agents[i - 1];
    members.agents[i] = &agent;
  });
  return members;
}

/// Which of them move, as the record names them.
std::uint64_t mask_of(const Partition& p, const Relocation& r) {
  const auto ids = std::span{r.agents}.first(r.count);
  const Members living = members_in_order(p);
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < living.count; ++i) {
    if (std::ranges::find(ids, living.agents[i]->id) != ids.end()) mask |= std::uint64_t{1} << i;
  }
  return mask;
}

/// A new partition like `from`, with a part of what it may use: what moves, and of what is left its share by agents.
Result<Partition*> partition_for(State& s, const security::Permit& permit, Partition& from, std::uint32_t count,
                                 const Census& census) {
  const Partition* const slot = s.partitions.next();
  if (slot == nullptr || !slot->holders.empty()) return fail(Error::resource_limit);
  const std::uint32_t agents = census.agents();
  std::uint32_t quota = 0;
  if (from.account.quota != 0) {
    const std::uint32_t left = from.account.quota - from.account.used;
    // Its own tables: the root, and at worst one above each slot.
    const std::uint32_t tables = hal::Port::geometry().root_pages + count;
    if (left < tables) return fail(Error::no_memory);
    quota = census.pages() + tables + static_cast<std::uint32_t>(std::uint64_t{left - tables} * count / agents);
  }
  const std::uint32_t records = witness::split_record_quota(from.record_quota, count, agents);
  auto made = create_partition(s, permit,
                               {.name = name_of(from.name),
                                .type = from.type,
                                .mode = from.mode,
                                .page_quota = quota,
                                .record_quota = records,
                                .live = from.live});
  if (!made) return made;
  from.account.quota -= quota;
  set_record_quota(s, from, from.record_quota - records);
  (*made)->state = from.state;
  (*made)->home = from.home;
  return made;
}

/// Queues that an agent left unread when it ended, and which its partition goes on paying for.
void take_orphaned_queues(State& s, Partition& from, Partition& to) {
  if (from.account.used == hal::Port::geometry().root_pages) return;
  s.edges.for_each([&](Edge& edge) {
    if (edge.slots == nullptr || edge.payer != index_of(from).value) return;
    const std::uint32_t pages = hand_over_queue(s, edge, to);
    ensure(to.account.charge(pages).has_value());
    from.account.credit(pages);
  });
}

/// The absorbed partition is empty and ends.
void absorb(State& s, Partition& from, Partition& to) {
  set_record_quota(s, to, to.record_quota + from.record_quota);
  from.state = PartitionState::destroyed;
  release_partition(s, from);
}

Result<security::Effect> migrate(State& s, const security::Permit& permit, const Relocation& r, const Movers& movers,
                                 Partition& from, Partition& to) {
  Census census{s, from, movers.all()};
  if (const Status room = census.room_in(to); !room) return fail(room.error());
  if (census.restriction() > maximum_restriction) return fail(Error::capability_conflict);
  const std::uint32_t records = witness::migrating_record_quota(from.record_quota, census.agents());
  const Moved moved = move_belongings(s, permit, from, to, movers.all(), census);
  set_record_quota(s, from, from.record_quota - records);
  set_record_quota(s, to, to.record_quota + records);
  return security::Effect{movers.agents[0]->id.value, pair_word(from.id.value, to.id.value),
                          pair_word(moved.restricted, moved.pages), r.reason};
}

Result<security::Effect> split(State& s, const security::Permit& permit, Relocation& r, const Movers& movers,
                               Partition& from) {
  Census census{s, from, movers.all()};
  if (census.restriction() > maximum_restriction) return fail(Error::capability_conflict);
  const std::uint64_t members = mask_of(from, r);
  const auto made = partition_for(s, permit, from, r.count, census);
  if (!made) return fail(made.error());
  (void)move_belongings(s, permit, from, **made, movers.all(), census);
  r.to = (*made)->id;
  return security::Effect{from.id.value, pair_word(r.to.value, (*made)->account.quota), members, r.reason};
}

Result<security::Effect> merge(State& s, const security::Permit& permit, const Relocation& r, const Movers& movers,
                               Partition& from, Partition& to) {
  Census census{s, from, movers.all()};
  if (const Status room = census.machine_has_room(); !room) return fail(room.error());
  // What the absorbed one may use comes with it, and is enough: what the agents need there they have here.
  to.account.quota = from.account.quota != 0 && to.account.quota != 0 ? to.account.quota + from.account.quota : 0;
  const std::uint32_t absorbed = from.id.value;
  (void)move_belongings(s, permit, from, to, movers.all(), census);
  take_orphaned_queues(s, from, to);
  absorb(s, from, to);
  return security::Effect{to.id.value, absorbed, r.count, r.reason};
}

constexpr witness::Kind kind_of(Kind kind) {
  return kind == Kind::migrate ? witness::Kind::partition_migrate
         : kind == Kind::split ? witness::Kind::partition_split
                               : witness::Kind::partition_merge;
}

/// For the report, since a partition may have ended by then.
struct Names {
  std::array<char, RVM_NAME_BYTES> from{}, to{}, agent{};
};
Names names_of(const Partition* from, const Partition* to, const Agent& first) {
  return {from->name, to != nullptr ? to->name : from->name, first.name};
}

/// It happened: the adviser, the scheduler and people are told.
void tell(State& s, const Relocation& r, const Movers& movers, const Names& names) {
  Boundaries& b = s.boundaries;
  ++(r.kind == Kind::split ? b.splits : r.kind == Kind::merge ? b.merges : b.migrations);
  for (Agent* const agent : movers.all()) {
    advice::agent_moved(index_of(*agent), index_of(*agent->partition).value);
    feel_pressure(s, *agent);
  }
  report_move(r, name_of(names.from), name_of(names.to), name_of(names.agent));
}

/// This core may have left one of those that move just now: their registers and the translation are still in it. Other cores changed
/// both before they released the lock.
void leave_translation(State& s, const Movers& movers) {
  Core& here = s.core(hal::Port::current_core());
  for (const Agent* const agent : movers.all()) {
    if (here.loaded != agent->context) continue;
    hal::Port::deactivate(here.loaded);
    here.loaded = nullptr;
    s.vmids.deactivate(here.index);
  }
}

/// What was asked for, as whoever asks again knows it. Of a split, whose new partition it could not know.
partition::RelocationVerdict asked(const Relocation& r) {
  partition::RelocationVerdict v{.kind = static_cast<std::uint8_t>(1 + static_cast<unsigned>(r.kind))};
  switch (r.kind) {
    case Kind::migrate:
      v.first = r.agents[0].value;
      v.second = r.to.value;
      break;
    case Kind::split:
      v.first = r.from.value;
      v.members = r.members;
      break;
    default:
      v.first = r.from.value;
      v.second = r.to.value;
      break;
  }
  return v;
}

/// It is over. The verdict waits with the agent that asked, so that others can have theirs moved meanwhile; for the adviser here.
void finish(State& s) {
  Relocation& r = s.relocation;
  let_go(s, r);
  r.phase = Relocation::Phase::finished;
  if (r.requester.value == 0) return;
  if (Agent* const requester = s.agents.find(r.requester); requester != nullptr) {
    requester->verdict = asked(r);
    requester->verdict.error = r.verdict ? Error::ok : r.verdict.error();
    requester->verdict.made = r.kind == Kind::split ? r.to.value : 0;
  }
  r = {};
}

/// All have come to rest: it happens now.
void carry_out(State& s) {
  Relocation& r = s.relocation;
  Partition* const from = s.partitions.find(r.from);
  Partition* const to = r.kind == Kind::split ? nullptr : s.partitions.find(r.to);
  r.verdict = fail(Error::peer_gone);
  if (from != nullptr && (to != nullptr || r.kind == Kind::split)) {
    const Movers movers = movers_of(s, r);
    r.verdict = check(s, r, movers, *from, to);
    if (r.verdict) {
      leave_translation(s, movers);
      const Names names = names_of(from, to, *movers.agents[0]);
      r.verdict = perform(s, r.by, kind_of(r.kind), [&](const security::Permit& permit) -> Result<security::Effect> {
        switch (r.kind) {
          case Kind::migrate:
            return migrate(s, permit, r, movers, *from, *to);
          case Kind::split:
            return split(s, permit, r, movers, *from);
          default:
            return merge(s, permit, r, movers, *from, *to);
        }
      });
      if (r.verdict) tell(s, r, movers, names);
    }
  }
  finish(s);
}

}  // namespace

void choose_members(const Partition& p, std::uint64_t members, Relocation& into) {
  const Members living = members_in_order(p);
  for (std::size_t i = 0; i < living.count; ++i) {
    if ((members >> i & 1) != 0) into.agents[into.count++] = living.agents[i]->id;
  }
}

Status check_relocation(State& s, const Relocation& request) {
  Partition* const from = s.partitions.find(request.from);
  Partition* const to = s.partitions.find(request.to);
  if (from == nullptr || (to == nullptr && request.kind != Kind::split)) return fail(Error::peer_gone);
  return check(s, request, movers_of(s, request), *from, to);
}

Status begin_relocation(State& s, const Relocation& request) {
  if (s.relocation.phase != Relocation::Phase::none) return fail(Error::bad_state);
  if (const Status possible = check_relocation(s, request); !possible) return possible;
  s.relocation = request;
  s.relocation.phase = Relocation::Phase::stopping;
  s.relocation.begun = hal::Port::now();
  settle_relocation(s);
  return {};
}

void settle_relocation(State& s) {
  if (s.relocation.phase == Relocation::Phase::stopping && all_at_rest(s, s.relocation)) carry_out(s);
}

bool is_same_request(const Relocation& a, const Relocation& b) { return asked(a).answers(asked(b)); }

std::optional<Status> take_verdict(Agent& requester, const Relocation& wanted, PartitionId& made) {
  const partition::RelocationVerdict verdict = std::exchange(requester.verdict, {});
  if (!verdict.answers(asked(wanted))) return std::nullopt;
  made = PartitionId{verdict.made};
  return verdict.error == Error::ok ? Status{} : fail(verdict.error);
}

Status take_verdict(State& s, PartitionId& made) {
  const Status verdict = s.relocation.verdict;
  made = s.relocation.to;
  s.relocation = {};
  return verdict;
}

void abandon_relocation(State& s) {
  if (s.relocation.phase == Relocation::Phase::stopping) let_go(s, s.relocation);
  s.relocation = {};
}

void expire_relocation(State& s, Nanoseconds now) {
  Relocation& r = s.relocation;
  if (r.phase != Relocation::Phase::stopping || now < r.begun + relocation_limit) return;
  // Without room for the record it is given up with the next epoch.
  if (!record(s, witness::Lane::reserved,
              {.kind = witness::Kind::migration_timeout,
               .target = r.from.value,
               .payload = r.to.value,
               .aux = now.value - r.begun.value}))
    return;
  r.verdict = fail(Error::timed_out);
  finish(s);
}

}  // namespace rvm::kernel
