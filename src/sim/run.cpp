// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "objects.hpp"
#include "simulation.hpp"

namespace rvm::sim {

void Simulation::note(const std::string& text) {
  if (options_.trace) options_.trace(steps_done_, text);
}

void Simulation::step(std::uint32_t index) {
  Random random{options_.seed, index};
  steps_done_ = index;
  choose(random);
}

void Simulation::choose(Random& random) {
  if (random.one_in(profile_.power_cut_in)) {
    power_cut(random);
    return;
  }
  if (random.one_in(profile_.shutdown_in)) {
    shut_down();
    return;
  }
  auto& hardware = machine_.hardware;
  if (hardware.request.operation != hal::SimulatedMachine::BlockOperation::none && random.one_in(profile_.disk_steps)) {
    complete_disk_request(random);
    return;
  }
  if (random.one_in(100)) {
    let_time_pass(random);
    return;
  }
  if (random.one_in(16)) let_device_act(random);
  // A core that has something to do. With none, time goes on.
  const std::uint32_t first = random.below(machine_.core_count());
  for (std::uint32_t i = 0; i < machine_.core_count(); ++i) {
    const std::uint32_t core = (first + i) % machine_.core_count();
    if (machine_.standing(core) == Standing::agent || machine_.interrupt_pending(core) ||
        machine_.standing(core) == Standing::spinning) {
      let_core_act(core, random);
      return;
    }
  }
  if (hardware.request.operation != hal::SimulatedMachine::BlockOperation::none) {
    complete_disk_request(random);
    return;
  }
  Nanoseconds next = never;
  for (const auto& core : hardware.cores) next = std::min(next, core.timer);
  require(next != never, "liveness", "no core has a timer, and nothing can ever happen again");
  hardware.now = std::max(hardware.now, next);
  note("time goes to " + std::to_string(hardware.now.value) + " ns");
}

void Simulation::let_core_act(std::uint32_t core, Random& random) {
  auto& hardware = machine_.hardware;
  hardware.now = hardware.now + Nanoseconds{200u + random.below(2000)};
  switch (machine_.standing(core)) {
    case Standing::waiting:
    case Standing::spinning:
      note("core " + std::to_string(core) + " goes on in the kernel");
      machine_.resume(core);
      break;
    case Standing::agent:
      if (machine_.interrupt_pending(core) && !random.one_in(4)) {
        if (options_.trace) note("core " + std::to_string(core) + " takes an interrupt");
        machine_.interrupt(core);
        break;
      }
      agent_acts(core, random);
      return;
    default:
      break;
  }
  after_entry(core);
}

void Simulation::agent_acts(std::uint32_t core, Random& random) {
  Agent& agent = *state_->cores[core].current;
  hal::Context& registers = machine_.context(core);
  if (agent.state == kernel::AgentState::running) judge(agent);
  AgentView& v = view(agent);
  const bool again = v.attempt.active && agent.state == kernel::AgentState::running;
  if (!again) {
    v.attempt.active = false;
    if (random.one_in(12)) {
      touch_memory(core, agent, random);
      return;
    }
    if (random.one_in(is_supervisor(agent) ? 1'000'000 : 600)) {
      const auto kind = static_cast<hal::FaultKind>(random.below(8));
      if (options_.trace) note("agent " + std::string{kernel::name_of(agent.name)} + " faults");
      if (kind != hal::FaultKind::wait) ++coverage.faults;
      machine_.fault(core, {.kind = kind,
                            .write = random.one_in(2),
                            .address = GuestAddress{hostile_value(agent, random)},
                            .syndrome = random.next()});
      full_scan_due_ |= random.one_in(2);
      after_entry(core);
      return;
    }
    std::uint64_t operation = choose_operation(agent, random);
    choose_arguments(agent, operation, registers, random);
    if (is_suicide(agent, operation, registers)) operation = RVM_HVC_YIELD;
    registers.reg(0) = operation;
    if (!prepare_memory(core, agent, registers, random)) return;
    present_proof(agent, registers, random);
  }
  if (options_.trace) {
    std::array<char, 200> text{};
    std::snprintf(text.data(), text.size(), "core %u agent %-10s %s%s(%#llx, %#llx, %#llx, %#llx)", core,
                  std::string{kernel::name_of(agent.name)}.c_str(), again ? "again " : "",
                  operation_name(registers.reg(0)), static_cast<unsigned long long>(registers.reg(1)),
                  static_cast<unsigned long long>(registers.reg(2)), static_cast<unsigned long long>(registers.reg(3)),
                  static_cast<unsigned long long>(registers.reg(4)));
    note(text.data());
  }
  begin_attempt(core, agent);
  const std::uint32_t id = agent.id.value;
  if (const Attempt& a = v.attempt; a.object && a.expected == Error::ok) {
    v.old_handles[v.old_next++ % v.old_handles.size()] = a.object->handle();
  }
  machine_.hypercall(core);
  take_records();
  if (Agent* const caller = state_->agents.find(AgentId{id})) {
    if (caller->state != kernel::AgentState::terminated) judge(*caller);
  }
  step_first_record_ = v.attempt.first_record;
  after_entry(core);
}

void Simulation::after_entry(std::uint32_t core) {
  (void)core;
  auto& hardware = machine_.hardware;
  if (hardware.console.size() > 4096) hardware.console.clear();
  if (hardware.powered_off) {
    // Everybody has ended: the machine shut itself down.
    require(state_->stopping != kernel::ShutdownReason::none, "panic", hardware.console.c_str());
    Random random{options_.seed, std::uint64_t{0x5eed} << 48 | steps_done_};
    take_records();
    check_log(false);
    ++coverage.shutdowns;
    boot(random);
    return;
  }
  if (state_->stopping != kernel::ShutdownReason::none) return;
  check_step();
  if (full_scan_due_ || steps_done_ % 256 == 0) check_memory();
}

void Simulation::let_time_pass(Random& random) {
  auto& hardware = machine_.hardware;
  hardware.now = hardware.now + Nanoseconds{std::uint64_t{random.below(2'000'000)}};
  note("time goes to " + std::to_string(hardware.now.value) + " ns");
}

void Simulation::complete_disk_request(Random& random) {
  auto& hardware = machine_.hardware;
  if (hardware.request.operation == hal::SimulatedMachine::BlockOperation::none) return;
  // Not while the machine comes up: a device that fails then is a refusal to start, which has tests of its own.
  const bool fails = up_ && profile_.disk_error_in != 0 && random.one_in(profile_.disk_error_in);
  if (fails) ++coverage.disk_errors;
  hardware.finish_block_request(!fails, [&](std::uint64_t) { return random.one_in(2); });
  hardware.cores[random.below(machine_.core_count())].device = true;
  note(fails ? "the disk fails a request" : "the disk completes a request");
}

void Simulation::power_cut(Random& random) {
  note("power is cut");
  ++coverage.power_cuts;
  take_records();
  up_ = false;
  machine_.hardware.cut_power([&] { return random.one_in(2); });
  boot(random);
}

/// The operator asks for an orderly end; the machine stops by itself within the next epochs.
void Simulation::shut_down() {
  note("the operator asks for an orderly shutdown");
  machine_.hardware.console_input.push_back('\x03');
}

void Simulation::finish() {
  Random random{options_.seed, 0xf1'0000'0000'0000};
  if (state_->stopping == kernel::ShutdownReason::none) {
    check_step();
    check_memory();
  }
  power_cut(random);
}

crypto::Digest Simulation::digest() {
  crypto::Sha256 hash;
  const auto bytes = std::as_bytes(std::span{records_});
  hash.update(bytes);
  scan_capabilities();
  for (const SeenCapability& c : capabilities_) {
    const std::array<std::uint64_t, 4> words{std::uint64_t{c.generation} << 32 | c.key(),
                                             std::uint64_t{c.rights} << 32 | std::uint64_t{c.depth} << 40 | c.object.id,
                                             c.badge, c.mapped_at};
    hash.update(std::as_bytes(std::span{words}));
  }
  each_agent([&](Agent& a) {
    hash.update(std::as_bytes(std::span{a.context->x}));
    hash.update(std::as_bytes(std::span{&a.context->pc, 1}));
  });
  // Tables and what agents can see, word by word: quick, and not meant to resist anybody. What else the kernel keeps in pages
  // holds addresses of this process.
  check_memory();
  std::uint64_t memory = 0;
  for (std::uint64_t page = 0; page < roles_.size(); ++page) {
    if (!is_agents_or_table(roles_[page])) continue;
    for (std::uint64_t at = page << page_shift; at < (page + 1) << page_shift; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, machine_.hardware.ram.data() + at, sizeof word);
      memory = (memory ^ word) * 0x9e37'79b9'7f4a'7c15 + page;
    }
  }
  hash.update(std::as_bytes(std::span{&memory, 1}));
  return hash.finish();
}

}  // namespace rvm::sim
