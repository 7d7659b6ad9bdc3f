// SPDX-License-Identifier: MIT OR Apache-2.0
#include "traps.hpp"

#include "agents.hpp"
#include "arena.hpp"
#include "evidence.hpp"
#include "leases.hpp"
#include "rvm/hal/entry.hpp"
#include "scheduler.hpp"
#include "text.hpp"
#include "worker.hpp"

namespace rvm::kernel {
namespace {

std::string_view kind_name(hal::FaultKind kind) {
  switch (kind) {
    case hal::FaultKind::data_abort:
      return "data abort";
    case hal::FaultKind::instruction_abort:
      return "instruction abort";
    case hal::FaultKind::undefined:
      return "forbidden instruction or register";
    case hal::FaultKind::secure_call:
      return "secure monitor call";
    case hal::FaultKind::breakpoint:
      return "breakpoint";
    case hal::FaultKind::unaligned:
      return "unaligned PC or SP";
    case hal::FaultKind::hypervisor_call:
      return "unknown hypervisor call";
    case hal::FaultKind::wait:
      return "wait";
    case hal::FaultKind::external:
      return "external abort";
    case hal::FaultKind::overrun:
      return "endless loop";
  }
  return "unknown";
}

void report_fault(const Agent& agent, const Partition& p, const hal::Fault& fault) {
  Line{}
      .text("rvm: agent ")
      .name(agent.name)
      .text(" stopped: ")
      .text(kind_name(fault.kind))
      .text(fault.write ? ", writing 0x" : ", address 0x")
      .hex(fault.address.value)
      .text(", pc 0x")
      .hex(agent.context->program_counter())
      .text(", syndrome 0x")
      .hex(fault.syndrome)
      .print();
  Line line;
  line.text("rvm# {\"t\":\"fault\"")
      .field("agent", agent.id.value)
      .field("partition", p.id.value)
      .key("name")
      .text("\"")
      .name(agent.name)
      .text("\"")
      .string("kind", kind_name(fault.kind))
      .key("address")
      .text("\"0x")
      .hex(fault.address.value)
      .text("\"}")
      .print();
}

/// Whether the agent may repeat what faulted: its memory was made what it needs, here or by another core. What faults again and
/// again although the tables permit it (an access that device memory does not take, say) is its fault; that a page is shared
/// again and again is not.
bool supplied(State& s, Agent& agent, const hal::Fault& fault) {
  constexpr std::uint32_t attempts = 64;
  if (fault.kind != hal::FaultKind::data_abort) return false;
  Partition& p = s.partition_of(agent);
  const Access wanted = fault.write ? Access::write : Access::read;
  const auto page = p.space.translate(fault.address);
  if (agent.fault_address != fault.address || !page || !allows(page->access, wanted)) agent.fault_repeats = 0;
  agent.fault_address = fault.address;
  if (++agent.fault_repeats > attempts) return false;
  const Status touched = touch(s, p, fault.address, wanted);
  if (!touched && touched.error() == Error::no_memory)
    Line{}.text("rvm: agent ").name(agent.name).text(" touched memory that there is no page for").print();
  return touched.has_value();
}

/// Stops the agent that did something it may not do; its peers are told, everybody else goes on.
void contain(State& s, Core& core, Agent& agent, const hal::Fault& fault) {
  Partition& p = s.partition_of(agent);
  ++agent.faults;
  ++s.faults;
  // What it did, under its own name; then its end, by the hypervisor.
  if (!record(s, witness::Lane::reserved,
              {.kind = witness::Kind::failure_escalated,
               .flags = static_cast<std::uint16_t>(1u | static_cast<unsigned>(fault.kind) << 8),
               .actor = p.id,
               .target = agent.id.value,
               .payload = fault.address.value,
               .aux = fault.syndrome})) {
    --agent.faults;
    --s.faults;
    // The log has no room for it yet: the agent waits and then runs into the same fault again.
    block(s, core, Wait::throttled, hal::Port::now() + s.epoch_length);
    return;
  }
  report_fault(agent, p, fault);
  if (!end(s, agent, security::Authority::hypervisor(), Ending::faulted, fault.address.value)) {
    block(s, core, Wait::throttled, hal::Port::now() + s.epoch_length);
  }
}

}  // namespace

hal::Context& on_fault(hal::Context& context, const hal::Fault& fault) {
  Guard guard = the_state.acquire();
  State& s = *guard;
  Core& core = s.core(hal::Port::current_core());
  Agent& agent = *core.current;
  if (agent.state == AgentState::running) {
    if (fault.kind == hal::FaultKind::wait) {
      context.skip_instruction();
      agent.yielded = true;
      core.reschedule = true;
    } else if (!supplied(s, agent, fault)) {
      contain(s, core, agent, fault);
    }
  }
  return resume(guard, core);
}

bool take_interrupts(State& s, Core& core) {
  bool pump = false;
  for (;;) {
    const hal::InterruptEvent event = hal::Port::acknowledge_interrupt();
    switch (event.kind) {
      case hal::Interrupt::none:
        return pump;
      case hal::Interrupt::timer:
        pump |= on_timer(s, core, hal::Port::now());
        break;
      case hal::Interrupt::reschedule:
        core.reschedule = true;
        break;
      case hal::Interrupt::device:
        if (event.device != hal::log_device) {
          on_device_interrupt(s, event.device);
          break;
        }
        // A busy core goes on with the log at its next epoch; an idle one at once.
        pump |= s.worker.context == nullptr || core.current == nullptr;
        break;
    }
  }
}

hal::Context& on_interrupt(hal::Context&) {
  Guard guard = the_state.acquire();
  State& s = *guard;
  Core& core = s.core(hal::Port::current_core());
  // What follows is not the interrupted agent's doing and is not charged to it.
  if (core.current != nullptr) charge(core, hal::Port::now());
  if (take_interrupts(s, core) && wake_worker(s, core)) {
    guard.unlock();
    (void)work_a_little();
    guard.relock();
  }
  if (core.current != nullptr) core.current->resumed_at = hal::Port::now();
  return resume(guard, core);
}

void on_kernel_fault(std::uint64_t syndrome, std::uint64_t address, std::uint64_t program_counter) {
  // No locks: whoever holds them may be us.
  Line line;
  line.text("rvm: the hypervisor itself faulted: syndrome 0x")
      .hex(syndrome)
      .text(", address 0x")
      .hex(address)
      .text(", pc 0x")
      .hex(program_counter);
  const std::string_view text = line.view();
  hal::Port::console_write(text);
  constexpr std::string_view machine = "\nrvm# {\"t\":\"panic\"}\n";
  hal::Port::console_write(machine);
  hal::Port::power_off();
  for (;;) hal::Port::wait_for_interrupt();
}

}  // namespace rvm::kernel
