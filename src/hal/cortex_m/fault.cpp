// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a thread did wrong, from the fault status registers (Armv7-M ARM B3.2.15).
#include "registers.hpp"
#include "rvm/hal/entry.hpp"
#include "rvm/hal/port.hpp"

namespace rvm::hal {
namespace {

constexpr std::uint32_t svc_pended = 1u << 15;  // SHCSR

FaultKind kind_of(std::uint32_t status, std::uint32_t hard) {
  // Without a fault status of its own a hard fault is a breakpoint that no debugger took.
  if ((hard & scb::hard_fault_debug) != 0 || (hard != 0 && status == 0)) return FaultKind::breakpoint;
  if ((status & (fault::instruction_access | fault::invalid_return)) != 0) return FaultKind::instruction_abort;
  if ((status & (fault::undefined | fault::invalid_state | fault::no_coprocessor | fault::divide)) != 0)
    return FaultKind::undefined;
  if ((status & fault::unaligned) != 0) return FaultKind::unaligned;
  if ((status & (fault::imprecise_bus | fault::instruction_bus)) != 0) return FaultKind::external;
  return FaultKind::data_abort;
}

}  // namespace

extern "C" {
Context* rvm_on_thread_fault(Context* context);
[[noreturn]] void rvm_on_kernel_exception(const std::uint32_t* frame);
}

Context* rvm_on_thread_fault(Context* context) {
  const std::uint32_t status = scb::FaultStatus::read();
  const std::uint32_t hard = scb::HardFaultStatus::read();
  std::uint32_t address = 0;
  if ((status & fault::memory_address_valid) != 0) address = scb::MemoryFaultAddress::read();
  if ((status & fault::bus_address_valid) != 0) address = scb::BusFaultAddress::read();
  if (address == 0) address = static_cast<std::uint32_t>(context->program_counter());
  scb::FaultStatus::write(status);
  scb::HardFaultStatus::write(hard);
  // A hypercall from a stack that is not the agent's pended before its registers could be saved: it is not made.
  scb::HandlerControl::write(scb::HandlerControl::read() & ~svc_pended);
  if (context->control == 0) kernel::on_kernel_fault(status, address, context->program_counter());
  return &kernel::on_fault(*context, {.kind = kind_of(status, hard),
                                      .write = false,  // the registers do not tell
                                      .address = GuestAddress{address},
                                      .syndrome = status | std::uint64_t{hard} << 32});
}

void rvm_on_kernel_exception(const std::uint32_t* frame) {
  kernel::on_kernel_fault(scb::FaultStatus::read(), scb::MemoryFaultAddress::read(), frame[6]);
}

}  // namespace rvm::hal
