// SPDX-License-Identifier: MIT OR Apache-2.0
#include "agents.hpp"

#include <cstring>

#include "evidence.hpp"
#include "ipc.hpp"
#include "manifest.hpp"
#include "rvm/seed.h"
#include "scheduler.hpp"
#include "text.hpp"

namespace rvm::kernel {
namespace {

const ManifestAgent& entry_of(const Agent& agent) { return manifest.agents[agent.image]; }

/// What the linker knows of the program. Sound: the address is that of an image that the build made (manifest.hpp).
const ProgramHeader& program_of(const Agent& agent) {
  return *reinterpret_cast<const ProgramHeader*>(entry_of(agent).program);
}

std::byte* at(std::uint32_t address) { return reinterpret_cast<std::byte*>(address); }

void take_down(State& s, Core& core, Agent& agent) {
  agent.state = AgentState::terminated;
  leave(core);
  if (!agent.service) --s.working_agents;
  turn_away_callers(s, agent);
  // Ends of edges: nobody sends to it any more, nobody waits for it.
  for (Edge* e = agent.inbound.front(); e != nullptr; e = partition::List<Edge, &Edge::inbound_link>::after(*e)) {
    e->receiver = nullptr;
    if (e->sender->wait == Wait::space && e->sender->wait_edge == e) wake_to_retry(s, *e->sender);
  }
  core.reschedule = true;
}

void report_fault(const Agent& agent, const hal::Fault& fault) {
  Line{}
      .text("rvm# {\"t\":\"fault\"")
      .field("agent", agent.id.value)
      .field("kind", static_cast<std::uint64_t>(fault.kind))
      .field("address", fault.address.value)
      .field("syndrome", fault.syndrome)
      .field("restarts", agent.faults)
      .text("}")
      .print();
}

Status end_recorded(State& s, Core& core, Agent& agent, const security::Authority& by, std::uint16_t how,
                    std::uint64_t detail) {
  return perform(
      s, by, witness::Kind::task_terminate,
      [&](const security::Permit&) -> Result<security::Effect> {
        abandon_caller(s, agent);
        take_down(s, core, agent);
        return security::Effect{agent.id.value, detail, agent.cpu.value, how};
      },
      witness::Lane::reserved);
}

}  // namespace

void begin(State& s, Agent& agent) {
  const ProgramHeader& program = program_of(agent);
  const std::uint32_t loaded = program.data_end - program.data_start;
  std::memset(at(entry_of(agent).data), 0, entry_of(agent).data_bytes);
  std::memcpy(at(program.data_start), at(program.data_load), loaded);
  auto& information = *reinterpret_cast<rvm_seed_information*>(program.information);  // in the agent's memory, zeroed
  information.agent_id = agent.id.value;
  information.partition_id = s.partition_of(agent).id.value;
  information.restarts = agent.faults;
  const auto tell = [&](const char* name, cap::CapabilityRef ref) {
    rvm_seed_entry& to = information.directory[information.directory_count++];
    std::string_view{name}.copy(to.name, sizeof to.name - 1);
    to.handle = cap::CapabilityTable::handle_of(*s.capabilities.find(ref)).to_abi();
  };
  std::uint16_t slot = 0;
  for (const witness::StandardCapability& c : witness::standard_capabilities)
    tell(c.name.data(), {table_of(agent), ++slot});
  for (const ManifestEdge& edge : manifest.edges) {
    if (edge.sender == agent.image) tell(edge.name, {table_of(agent), ++slot});
    if (edge.receiver == agent.image) tell(edge.peer_name, {table_of(agent), ++slot});
  }
  agent.context->registers = &reinterpret_cast<hal::CallRegisters&>(information.x);  // sixteen words, as declared there
  agent.context->initialise(program.entry, program.information, program.stack_top, false);
}

void contain(State& s, Core& core, Agent& agent, const hal::Fault& fault) {
  const Nanoseconds before = hal::Port::now();
  const bool again = agent.faults < entry_of(agent).restarts_max;
  // What it did, under its own name; then what becomes of it, by the hypervisor. Both or none.
  if (log().ring.free_slots(witness::Lane::reserved) < 2) {
    block(s, core, Wait::throttled, before + seed::turn);  // and then it runs into the same fault again
    return;
  }
  record(s, witness::Lane::reserved,
         {.kind = witness::Kind::recovery_enter,
          .flags = static_cast<std::uint16_t>((again ? 1u : 2u) | static_cast<unsigned>(fault.kind) << 8),
          .actor = s.partition_of(agent).id,
          .target = agent.id.value,
          .payload = fault.address.value,
          .aux = fault.syndrome});
  ++agent.faults;
  ++s.faults;
  report_fault(agent, fault);
  constexpr std::uint16_t faulted = 1;
  if (!again) {
    (void)end_recorded(s, core, agent, security::Authority::hypervisor(), faulted, fault.address.value);
    return;
  }
  (void)perform(
      s, security::Authority::hypervisor(), witness::Kind::recovery_exit,
      [&](const security::Permit&) -> Result<security::Effect> {
        abandon_caller(s, agent);
        begin(s, agent);
        return security::Effect{agent.id.value, 0, hal::Port::now().value - before.value, 1};
      },
      witness::Lane::reserved);
}

bool end(State& s, Core& core, Agent& agent, std::uint64_t exit_code) {
  constexpr std::uint16_t exited = 0;
  return end_recorded(s, core, agent, security::Authority::self(s.partition_of(agent).id), exited, exit_code)
      .has_value();
}

}  // namespace rvm::kernel
