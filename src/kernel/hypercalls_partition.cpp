// SPDX-License-Identifier: MIT OR Apache-2.0
#include <span>

#include "agents.hpp"
#include "capabilities.hpp"
#include "evidence.hpp"
#include "hypercalls.hpp"
#include "leases.hpp"
#include "objects.hpp"
#include "rvm/advice/advisor.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

/// A new capability for the caller on an object it just made; on failure the object is undone by `undo`.
template <typename Undo>
Outcome give(const Request& r, ObjectType type, std::uint32_t object, Undo undo) {
  const auto placed = mint(r.s, r.authority, r.caller, type, object, rights::all);
  if (!placed) {
    undo();
    return placed.error();
  }
  r.result(1, placed->handle.to_abi());
  r.result(2, object);
  return Error::ok;
}

/// The hypercall is repeated once something was given back.
Outcome after(Burial buried, const Request& r) {
  return buried == Burial::step ? Outcome::repeat(r.registers) : Outcome{Error::witness_log_full};
}

}  // namespace

Outcome again(const Request& r) {
  r.registers.rewind_call();
  block(r.s, r.core, Wait::throttled, hal::Port::now() + Nanoseconds{20'000});
  return Outcome::waiting();
}

Outcome partition_create(const Request& r) {
  if (r.object_id() != hypervisor_partition.value) return Error::wrong_type;
  if (r.argument(2) > UINT32_MAX) return Error::bad_argument;
  if (!slot_ready(r.s, r.s.partitions)) return Outcome::repeat(r.registers);
  Partition* made = nullptr;
  const Status done =
      perform(r.s, r.authority, witness::Kind::partition_create,
              [&](const security::Permit& permit) -> Result<security::Effect> {
                auto p = create_partition(r.s, permit,
                                          {.name = "dynamic", .page_quota = static_cast<std::uint32_t>(r.argument(2))});
                if (!p) return fail(p.error());
                made = *p;
                return security::Effect{made->id.value, pair_word(made->record_quota, made->account.quota),
                                        name_word("dynamic"), static_cast<std::uint16_t>(made->type)};
              });
  if (!done) return done;
  return give(r, ObjectType::partition, made->id.value, [&] {
    (void)perform(
        r.s, r.authority, witness::Kind::partition_destroy,
        [&](const security::Permit& permit) -> Result<security::Effect> {
          const std::uint32_t id = made->id.value;
          ensure(destroy_partition(r.s, permit, *made).progress == cap::Progress::done);  // it holds nothing yet
          return security::Effect{id};
        },
        witness::Lane::reserved);
  });
}

Outcome partition_destroy(const Request& r) {
  Partition* const p = r.object_partition();
  if (p == nullptr) return Error::peer_gone;
  if (p == &r.partition || p->type == RVM_PARTITION_ROOT) return Error::bad_state;
  const std::uint32_t id = p->id.value;
  if (p->state != PartitionState::destroyed) {  // nobody enters any more
    const Status closed = perform(r.s, r.authority, witness::Kind::partition_destroy,
                                  [&](const security::Permit&) -> Result<security::Effect> {
                                    p->state = PartitionState::destroyed;
                                    return security::Effect{id, p->account.used, 0, security::record_unfinished};
                                  });
    if (!closed) return closed;
  }
  // Then everybody leaves it, one at a time.
  for (Agent* a = p->agents.front(); a != nullptr; a = partition::List<Agent, &Agent::partition_link>::after(*a)) {
    if (a->state == AgentState::terminated) continue;
    if (!end(r.s, *a, r.authority, Ending::terminated, 0)) return Error::witness_log_full;
    return Outcome::repeat(r.registers);
  }
  if (const Burial buried = bury_step_of(r.s, *p); buried != Burial::nothing) return after(buried, r);
  if (p->agent_count != 0) return again(r);
  cap::ObjectCapabilities& holders = p->holders;
  Destruction step;
  const Status done = perform(r.s, r.authority, witness::Kind::partition_destroy,
                              [&](const security::Permit& permit) -> Result<security::Effect> {
                                const std::uint32_t pages = p->account.used;
                                step = destroy_partition(r.s, permit, *p);
                                const bool more = step.progress == cap::Progress::more;
                                return security::Effect{id, pages, pair_word(step.capabilities, step.regions),
                                                        more ? security::record_unfinished : std::uint16_t{0}};
                              });
  if (!done) return done;
  if (step.progress == cap::Progress::more) return Outcome::repeat(r.registers);
  // Whoever still names it, the caller included. What one step does not reach goes when its slot is used again.
  (void)revoke_holders(r.s, holders, id);
  return Error::ok;
}

namespace {

/// Of the hypervisor: its coherence engine. Who may only make partitions may not.
Outcome pause_adviser(const Request& r, bool paused) {
  if (!r.capability().rights().contains(rights::execute)) return Error::rights;
  if (!advice::present() || advice::paused() == paused) return Error::bad_state;
  return perform(r.s, r.authority, paused ? witness::Kind::partition_suspend : witness::Kind::partition_resume,
                 [&](const security::Permit&) -> Result<security::Effect> {
                   advice::pause(paused);
                   return security::Effect{hypervisor_partition.value};
                 });
}

}  // namespace

Outcome partition_suspend(const Request& r) {
  if (r.object_id() == hypervisor_partition.value) return pause_adviser(r, true);
  Partition* const p = r.object_partition();
  if (p == nullptr) return Error::peer_gone;
  if (!partition::permitted(p->state, PartitionState::suspended) || p->type == RVM_PARTITION_ROOT)
    return Error::bad_state;
  return perform(
      r.s, r.authority, witness::Kind::partition_suspend, [&](const security::Permit&) -> Result<security::Effect> {
        p->state = PartitionState::suspended;
        for (Agent* a = p->agents.front(); a != nullptr; a = partition::List<Agent, &Agent::partition_link>::after(*a))
          hold(r.s, *a);
        return security::Effect{p->id.value};
      });
}

Outcome partition_resume(const Request& r) {
  if (r.object_id() == hypervisor_partition.value) return pause_adviser(r, false);
  Partition* const p = r.object_partition();
  if (p == nullptr) return Error::peer_gone;
  if (p->state != PartitionState::suspended) return Error::bad_state;
  return perform(r.s, r.authority, witness::Kind::partition_resume,
                 [&](const security::Permit&) -> Result<security::Effect> {
                   p->state = PartitionState::running;
                   for (Agent* a = p->agents.front(); a != nullptr;
                        a = partition::List<Agent, &Agent::partition_link>::after(*a)) {
                     if (a->state == AgentState::running) unhold(r.s, *a);
                   }
                   return security::Effect{p->id.value};
                 });
}

Outcome partition_info(const Request& r) {
  if (r.object_id() == hypervisor_partition.value) {
    const memory::PageAllocator<hal::Port>& pages = r.s.pages;
    r.result(1, hypervisor_partition.value);
    r.result(2, static_cast<std::uint64_t>(PartitionState::running));
    r.result(3, r.s.agents.live());
    r.result(4, pages.total_pages() - pages.free_pages());
    r.result(5, pages.total_pages());
    return Error::ok;
  }
  const Partition* const p = r.object_partition();
  if (p == nullptr) return Error::peer_gone;
  r.result(1, p->id.value);
  r.result(2, static_cast<std::uint64_t>(p->state));
  r.result(3, p->agent_count);
  r.result(4, p->account.used);
  r.result(5, p->account.quota);
  return Error::ok;
}

namespace {

// Nobody makes an agent that outranks itself, except where the EXECUTE right is for a reflex partition: it says just that.
bool may_give_priority(const Request& r, std::uint64_t priority) {
  return priority <= sched::urgency_maximum && (r.caller.base >= sched::reflex_base || priority <= r.caller.urgency);
}

/// Whether nothing changes its memory meanwhile: it waits for a message or a signal, and no device works for it.
bool may_be_forked(State& s, const Agent& agent) {
  const bool whole = agent.state == AgentState::running || agent.state == AgentState::suspended;
  return whole && (agent.wait == Wait::receive || agent.wait == Wait::signal) && !holds_device(s, agent);
}

}  // namespace

Outcome agent_spawn(const Request& r) {
  Partition* const p = r.object_partition();
  if (p == nullptr) return Error::peer_gone;
  const std::uint64_t image = r.argument(2);
  const std::uint64_t priority = r.argument(3);
  if (image >= r.s.package.images().size() || !may_give_priority(r, priority)) return Error::bad_argument;
  if (const Burial buried = bury_step_of(r.s, *p); buried != Burial::nothing) return after(buried, r);
  if (!slot_ready(r.s, r.s.agents)) return Outcome::repeat(r.registers);
  Agent* made = nullptr;
  const Status done = perform(
      r.s, r.authority, witness::Kind::task_spawn, [&](const security::Permit& permit) -> Result<security::Effect> {
        const auto& entry = r.s.package.images()[static_cast<std::size_t>(image)];
        std::array<char, RVM_NAME_BYTES> name{};
        copy_name(name, entry.name);
        auto agent = spawn(r.s, permit,
                           {.partition = *p,
                            .image = static_cast<std::uint32_t>(image),
                            .name = name_of(name),
                            .priority = static_cast<std::uint32_t>(priority),
                            .argument = r.argument(4)});
        if (!agent) return fail(agent.error());
        made = *agent;
        return security::Effect{made->id.value, pair_word(p->id.value, static_cast<std::uint32_t>(priority)),
                                name_word(name_of(made->name)), static_cast<std::uint16_t>(image)};
      });
  if (!done) return done;
  const Outcome given =
      give(r, ObjectType::agent, made->id.value, [&] { (void)end(r.s, *made, r.authority, Ending::terminated, 0); });
  if (given.error() == Error::ok) start(r.s, *made);
  return given;
}

Outcome agent_fork(const Request& r) {
  Partition* const p = r.object_partition();
  if (p == nullptr) return Error::peer_gone;
  const auto capability = r.second(2, ObjectType::agent, rights::execute);
  if (!capability) return capability.error();
  Agent* const original = r.s.agents.find(AgentId{(*capability)->object_id()});
  if (original == nullptr) return Error::peer_gone;
  const std::uint64_t priority = r.argument(3);
  if (!may_give_priority(r, priority)) return Error::bad_argument;
  if (!may_be_forked(r.s, *original)) return Error::bad_state;
  if (const Burial buried = bury_step_of(r.s, *p); buried != Burial::nothing) return after(buried, r);
  if (!slot_ready(r.s, r.s.agents)) return Outcome::repeat(r.registers);
  Agent* made = nullptr;
  const Status done = perform(
      r.s, r.authority, witness::Kind::task_fork, [&](const security::Permit& permit) -> Result<security::Effect> {
        auto agent = spawn(r.s, permit,
                           {.partition = *p,
                            .image = original->image,
                            .name = name_of(original->name),
                            .priority = static_cast<std::uint32_t>(priority),
                            .argument = r.argument(4),
                            .arguments = std::as_bytes(std::span{original->information->arguments}),
                            .original = original});
        if (!agent) return fail(agent.error());
        made = *agent;
        start_suspended(r.s, *made);
        return security::Effect{made->id.value, pair_word(p->id.value, static_cast<std::uint32_t>(priority)),
                                original->id.value, static_cast<std::uint16_t>(original->image)};
      });
  if (!done) return done;
  return give(r, ObjectType::agent, made->id.value, [&] { (void)end(r.s, *made, r.authority, Ending::terminated, 0); });
}

Outcome agent_terminate(const Request& r) {
  Agent* const agent = r.object_agent();
  if (agent == nullptr || agent->state == AgentState::terminated) return Error::peer_gone;
  const bool self = agent == &r.caller;
  if (!end(r.s, *agent, r.authority, Ending::terminated, 0)) return Error::witness_log_full;
  return self ? Outcome::waiting() : Outcome{Error::ok};
}

Outcome agent_info(const Request& r) {
  const AgentId id{r.object_id()};
  if (Agent* agent = r.s.agents.find(id)) {
    if (agent->executing && agent->core == r.core.index.value) charge(r.core, hal::Port::now());
    r.result(1, agent->id.value);
    r.result(2, static_cast<std::uint64_t>(agent->state));
    r.result(3, r.s.partition_of(*agent).id.value);
    r.result(4, agent->cpu.value);
    r.result(5, agent->exit_code);
    return Error::ok;
  }
  const Agent& slot = r.s.agents.at(partition::Pool<Agent>::index_of(id));
  if (slot.previous_id != id) return Error::peer_gone;
  r.result(1, id.value);
  r.result(2, static_cast<std::uint64_t>(AgentState::terminated));
  r.result(3, 0);
  r.result(4, 0);
  r.result(5, slot.exit_code);
  return Error::ok;
}

Outcome agent_suspend(const Request& r) {
  Agent* const agent = r.object_agent();
  if (agent == nullptr) return Error::peer_gone;
  if (!partition::permitted(agent->state, AgentState::suspended)) return Error::bad_state;
  return perform(r.s, r.authority, witness::Kind::task_suspend,
                 [&](const security::Permit&) -> Result<security::Effect> {
                   hold(r.s, *agent);
                   agent->state = AgentState::suspended;
                   return security::Effect{agent->id.value};
                 });
}

Outcome agent_resume(const Request& r) {
  Agent* const agent = r.object_agent();
  if (agent == nullptr) return Error::peer_gone;
  if (agent->state != AgentState::suspended) return Error::bad_state;
  return perform(r.s, r.authority, witness::Kind::task_resume,
                 [&](const security::Permit&) -> Result<security::Effect> {
                   agent->state = AgentState::running;
                   if (r.s.partition_of(*agent).state != PartitionState::suspended) unhold(r.s, *agent);
                   return security::Effect{agent->id.value};
                 });
}

}  // namespace rvm::kernel
