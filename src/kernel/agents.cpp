// SPDX-License-Identifier: MIT OR Apache-2.0
#include "agents.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "arena.hpp"
#include "boundaries.hpp"
#include "capabilities.hpp"
#include "evidence.hpp"
#include "ipc.hpp"
#include "leases.hpp"
#include "objects.hpp"
#include "rvm/advice/advisor.hpp"
#include "rvm/proof/nonce_window.hpp"
#include "scheduler.hpp"
#include "shutdown.hpp"

namespace rvm::kernel {
namespace {

/// What the kernel keeps of an agent out of its reach. The context is first: its page is freed by its address.
struct KernelPage {
  hal::Context context;
  proof::NonceWindow nonces;
};
static_assert(sizeof(KernelPage) <= page_bytes);

void fill_information(State& s, Agent& agent, const SpawnRequest& request, const rvm_package_image& image,
                      const SlotLayout& layout) {
  rvm_agent_info& info = *agent.information;
  std::memcpy(info.magic, "RVMAGENT", sizeof info.magic);
  info.abi_version = RVM_ABI_VERSION;
  info.agent_id = agent.id.value;
  info.partition_id = request.partition.id.value;
  info.argument = request.argument;
  info.slot_base = layout.base.value;
  info.slot_size = hal::Port::geometry().slot_bytes;
  info.image_base = layout.image.value;
  info.image_size = image.bytes;
  info.stack_top = layout.stack_top.value;
  info.heap_base = layout.heap.value;
  info.heap_size = std::uint64_t{image.heap_pages} * page_bytes;
  info.map_base = layout.map.value;
  info.boot_ns = s.package.header().wall_clock_ns;
  info.forked_from = request.original != nullptr ? request.original->id.value : 0;
  std::memcpy(info.name, agent.name.data(), agent.name.size());
  std::ranges::copy(request.arguments, std::as_writable_bytes(std::span{info.arguments}).begin());
}

/// The last step: what the kernel kept of it, and its slot.
void forget(State& s, Agent& agent) {
  Partition& p = s.partition_of(agent);
  free_table(s, agent);
  if (agent.context != nullptr) free_charged_page(s, agent, agent.context);
  if (agent.latency != nullptr) free_charged_page(s, agent, agent.latency);
  p.agents.remove(agent);
  --p.agent_count;
  const AgentId id = agent.id;
  const std::uint64_t exit_code = agent.exit_code;
  s.agents.release(agent);
  agent.previous_id = id;
  agent.exit_code = exit_code;
}

/// Everybody who waits for the agent learns that it is gone.
void tell_peers(State& s, Agent& agent) {
  abandon_caller(s, agent);
  turn_away_callers(s, agent);
  if (agent.callee != nullptr) {
    if (agent.wait == Wait::accept) {
      agent.callee->callers.remove(agent);
    } else if (agent.callee->caller == &agent) {
      agent.callee->caller = nullptr;
    }
    agent.callee = nullptr;
  }
  while (!agent.outbound.empty()) detach_sender(s, *agent.outbound.front());
  while (!agent.inbound.empty()) detach_receiver(s, *agent.inbound.front());
}

void take_apart(State& s, Agent& agent, std::string_view state) {
  if (!agent.service) --s.working_agents;
  tell_peers(s, agent);
  report_agent(agent, state);
  s.ended.push_back(agent);
}

std::string_view ending_name(Ending ending) {
  switch (ending) {
    case Ending::exited:
      return "exited";
    case Ending::faulted:
      return "faulted";
    default:
      return "terminated";
  }
}

}  // namespace

void add_to_directory(Agent& agent, std::string_view name, std::uint32_t handle, ObjectType type) {
  rvm_agent_info& info = *agent.information;
  if (info.directory_count == RVM_DIRECTORY_ENTRIES) return;
  rvm_directory_entry& entry = info.directory[info.directory_count++];
  name.copy(entry.name, sizeof entry.name - 1);
  entry.handle = handle;
  entry.type = static_cast<std::uint32_t>(type);
}

Result<Agent*> spawn(State& s, const security::Permit&, const SpawnRequest& request) {
  Partition& p = request.partition;
  if (request.image >= s.package.images().size()) return fail(Error::bad_argument);
  if (p.state != PartitionState::running && p.state != PartitionState::created) return fail(Error::bad_state);
  if (p.agent_count == maximum_agents_per_partition) return fail(Error::resource_limit);
  const rvm_package_image& image = s.package.images()[request.image];

  const auto slot = s.agents.allocate();
  if (!slot) return fail(slot.error());
  Agent& agent = **slot;
  agent.partition = &p;
  p.agents.push_back(agent);
  ++p.agent_count;
  const SlotLayout layout{GuestAddress{partition::Pool<Agent>::index_of(agent.id) * hal::Port::geometry().slot_bytes},
                          image};
  agent.image = request.image;
  agent.slot = layout.base;
  agent.map_base = layout.map;

  auto build = [&]() -> Status {
    const Status loaded = request.original != nullptr ? fork_arena(s, *request.original, agent, layout)
                                                      : load_arena(s, agent, image, layout);
    if (!loaded) return loaded;
    const auto page = charged_page(s, agent);
    if (!page) return fail(page.error());
    auto* const mine = new (*page) KernelPage{};
    agent.context = &mine->context;
    agent.nonces = &mine->nonces;
    agent.context->initialise(offset(layout.image, image.entry), layout.base.value);
    if (request.deadline.value != 0) {
      const auto histogram = charged_page(s, agent);
      if (!histogram) return fail(histogram.error());
      static_assert(sizeof(sched::Histogram) <= page_bytes);
      agent.latency = new (*histogram) sched::Histogram{};
    }
    const auto information = p.space.translate(layout.base);
    if (!information) return fail(Error::internal);
    agent.information = reinterpret_cast<rvm_agent_info*>(hal::Port::to_pointer(information->address));
    copy_name(agent.name, request.name);
    fill_information(s, agent, request, image, layout);
    return open_table(s, agent);
  };
  if (const Status built = build(); !built) {
    while (release_arena_step(s, agent)) {
    }
    forget(s, agent);
    return fail(built.error());
  }
  hal::Port::publish_tables();
  agent.urgency = static_cast<std::uint16_t>(request.priority);
  agent.effective = agent.base = base_priority(agent);
  agent.affinity = request.affinity;
  agent.service = request.service;
  agent.period = request.period;
  agent.budget = agent.budget_left = request.budget;
  agent.deadline = request.deadline;
  if (!agent.service) ++s.working_agents;
  ++s.agents_ever;
  if (p.state == PartitionState::created) p.state = PartitionState::running;
  agent_known(agent);
  return &agent;
}

namespace {

void begin(State& s, Agent& agent, AgentState state) {
  ensure(partition::permitted(agent.state, state));
  agent.state = state;
  agent.core = agent.affinity >= 0 ? static_cast<std::uint32_t>(agent.affinity) % s.core_count : agent.partition->home;
}

}  // namespace

void start(State& s, Agent& agent) {
  begin(s, agent, AgentState::running);
  make_ready(s, agent);
}

void start_suspended(State& s, Agent& agent) {
  begin(s, agent, AgentState::suspended);
  agent.held = true;
}

bool end(State& s, Agent& agent, const security::Authority& by, Ending ending, std::uint64_t detail) {
  ensure(partition::permitted(agent.state, AgentState::terminated));
  bool executing_elsewhere = false;
  const Status done = perform(
      s, by, witness::Kind::task_terminate,
      [&](const security::Permit&) -> Result<security::Effect> {
        agent.exit_code = detail;
        agent.ending = static_cast<std::uint8_t>(ending);
        executing_elsewhere = !detach(s, agent);
        agent.state = AgentState::terminated;
        advice::agent_ended(index_of(agent));
        end_leases_of(s, agent);  // now: where another core executes it, the rest comes later
        return security::Effect{agent.id.value, detail, agent.cpu.value, static_cast<std::uint16_t>(ending)};
      },
      witness::Lane::reserved);
  if (!done) return false;
  if (executing_elsewhere) {
    agent.doomed = true;
    return true;
  }
  if (agent.executing) {
    Core& core = s.cores[agent.core];
    charge(core, hal::Port::now());
    agent.executing = false;
    core.current = nullptr;
    core.loaded = nullptr;  // its registers are worth nothing any more
  }
  take_apart(s, agent, ending_name(ending));
  return true;
}

void finish_doomed(State& s, Agent& agent) { take_apart(s, agent, ending_name(static_cast<Ending>(agent.ending))); }

namespace {

/// One step. What it held goes first, mappings included; then its arena; in the end its slot.
Burial bury(State& s, Agent& agent) {
  if (agent.capabilities->used() != 0) return close_table_step(s, agent).status ? Burial::step : Burial::log_full;
  if (release_arena_step(s, agent)) return Burial::step;
  s.ended.remove(agent);
  forget(s, agent);
  return Burial::step;
}

Burial bury(State& s, RegionObject& region) {
  const Status done = perform(
      s, security::Authority::hypervisor(), witness::Kind::region_destroy,
      [&](const security::Permit&) -> Result<security::Effect> {
        const security::Effect effect{region.id.value,
                                      pair_word(s.partitions.at(region.owner).id.value, region.region.pages())};
        destroy_region(s, region);
        return effect;
      },
      witness::Lane::reserved);
  return done ? Burial::step : Burial::log_full;
}

}  // namespace

Burial bury_step(State& s) {
  if (RegionObject* const region = s.orphans.front()) return bury(s, *region);
  Agent* const ended = s.ended.front();
  return ended != nullptr ? bury(s, *ended) : Burial::nothing;
}

Burial bury_step_of(State& s, const Partition& p) {
  for (RegionObject* r = s.orphans.front(); r != nullptr;
       r = partition::List<RegionObject, &RegionObject::orphan_link>::after(*r)) {
    if (r->owner == index_of(p).value) return bury(s, *r);
  }
  for (Agent* a = s.ended.front(); a != nullptr; a = partition::List<Agent, &Agent::ended_link>::after(*a)) {
    if (a->partition == &p) return bury(s, *a);
  }
  return Burial::nothing;
}

void hold(State& s, Agent& agent) {
  if (agent.held) return;
  agent.held = true;
  if (agent.executing) {
    (void)detach(s, agent);  // its core puts it aside
  } else if (agent.node.queued()) {
    s.cores[agent.core].ready->remove(s, index_of(agent));
  }
}

void unhold(State& s, Agent& agent) {
  if (!agent.held) return;
  agent.held = false;
  if (agent.runnable() && !agent.executing) make_ready(s, agent);
}

}  // namespace rvm::kernel
