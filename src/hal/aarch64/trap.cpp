// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Exceptions of agents other than hypercalls and interrupts. Two kinds end here without the core: the first use of a vector
// register and writes to stage-1 registers. The rest becomes a Fault.
#include "console.hpp"
#include "context.hpp"
#include "control.hpp"
#include "rvm/hal/entry.hpp"
#include "syndrome.hpp"
#include "system_register.hpp"

namespace rvm::hal {
namespace {

using namespace sysreg;

/// The guest-physical address behind virtual address `far` of an agent with an active stage 1.
GuestAddress translate_stage_one(std::uint64_t far) {
  const std::uint64_t agents_value = par_el1::read();
  asm volatile("at s1e1r, %0\n\tisb" : : "r"(far) : "memory");
  const std::uint64_t result = par_el1::read();
  par_el1::write(agents_value);
  constexpr std::uint64_t failed = 1, page = 0x000f'ffff'ffff'f000;
  return GuestAddress{(result & failed) != 0 ? far : (result & page) | (far & 0xfff)};
}

GuestAddress aborted_address(const Context& context, Syndrome syndrome) {
  const std::uint64_t far = far_el2::read();
  // HPFAR_EL2 is not written for permission faults, except those of a stage-1 walk (Arm ARM D1.3.5).
  if (!is_permission_fault(syndrome) || syndrome.has(Syndrome::stage_one_walk))
    return abort_address(hpfar_el2::read(), far);
  return has(context.extended, Extended::stage_one_active) ? translate_stage_one(far) : GuestAddress{far};
}

/// An exception that EL1 takes itself (undefined instruction, SVC, alignment, an address beyond the address size) goes to the
/// agent's own vectors. An agent without handlers then fails to fetch the vector; what it did is in ESR_EL1.
bool is_unhandled_exception(const Context& context, Syndrome syndrome) {
  return syndrome.get(Syndrome::exception_class) == exception_class::instruction_abort &&
         is_exception_vector(context.pc, vbar_el1::read()) && esr_el1::read() != 0;
}

Fault describe(const Context& context, Syndrome syndrome) {
  if (is_unhandled_exception(context, syndrome)) {
    const Syndrome inner{{.raw = esr_el1::read()}};
    const FaultKind kind = fault_kind(inner);
    const bool at_address =
        kind == FaultKind::data_abort || kind == FaultKind::instruction_abort || kind == FaultKind::unaligned;
    return {.kind = kind,
            .write = kind == FaultKind::data_abort && inner.has(Syndrome::is_write),
            .address = GuestAddress{at_address ? far_el1::read() : elr_el1::read()},
            .syndrome = inner.raw};
  }
  constexpr std::uint64_t aarch32 = 1 << 4;  // SPSR.M[4]
  FaultKind kind = fault_kind(syndrome);
  // Resuming after an AArch32 WFI would have to advance its IT state; only AArch64 agents may wait.
  if (kind == FaultKind::wait && (context.state & aarch32) != 0) kind = FaultKind::undefined;
  const bool abort = kind == FaultKind::data_abort || kind == FaultKind::instruction_abort;
  return {.kind = kind,
          .write = kind == FaultKind::data_abort && syndrome.has(Syndrome::is_write) &&
                   !syndrome.has(Syndrome::stage_one_walk),
          .address = abort ? aborted_address(context, syndrome) : GuestAddress{context.pc},
          .syndrome = syndrome.raw};
}

/// Encoding of a system register without op0: op1, CRn, CRm, op2.
constexpr std::uint32_t encoding(unsigned op1, unsigned crn, unsigned crm, unsigned op2) {
  return op1 << 11 | crn << 7 | crm << 3 | op2;
}

/// Carries out a write that HCR_EL2.TVM trapped. False when the register is not one of those.
bool write_stage_one(std::uint32_t register_encoding, std::uint64_t value) {
  switch (register_encoding) {
    case encoding(0, 1, 0, 0):
      sctlr_el1::write(value);
      return true;
    case encoding(0, 2, 0, 0):
      ttbr0_el1::write(value);
      return true;
    case encoding(0, 2, 0, 1):
      ttbr1_el1::write(value);
      return true;
    case encoding(0, 2, 0, 2):
      tcr_el1::write(value);
      return true;
    case encoding(0, 5, 1, 0):
      afsr0_el1::write(value);
      return true;
    case encoding(0, 5, 1, 1):
      afsr1_el1::write(value);
      return true;
    case encoding(0, 5, 2, 0):
      esr_el1::write(value);
      return true;
    case encoding(0, 6, 0, 0):
      far_el1::write(value);
      return true;
    case encoding(0, 10, 2, 0):
      mair_el1::write(value);
      return true;
    case encoding(0, 10, 3, 0):
      amair_el1::write(value);
      return true;
    case encoding(0, 13, 0, 1):
      contextidr_el1::write(value);
      return true;
    default:
      return false;
  }
}

/// A trapped MSR or TLB instruction that belongs to stage 1. False when it is nothing an agent may do.
bool emulate_stage_one(Context& context, Syndrome syndrome) {
  if (syndrome.get(Syndrome::exception_class) != exception_class::system_register) return false;
  const auto part = [&](Syndrome::F f) { return static_cast<unsigned>(syndrome.get(f)); };
  const std::uint32_t name =
      encoding(part(Syndrome::op1), part(Syndrome::crn), part(Syndrome::crm), part(Syndrome::op2));
  constexpr unsigned instruction = 1, register_access = 3, tlb_group = 8;

  if (part(Syndrome::op0) == instruction && part(Syndrome::crn) == tlb_group && part(Syndrome::op1) == 0) {
    return true;  // stage 1 is off: it has no entries
  }
  if (part(Syndrome::op0) != register_access || syndrome.has(Syndrome::is_read)) return false;
  const unsigned transfer = part(Syndrome::transfer);
  const std::uint64_t value = transfer == 31 ? 0 : context.x[transfer];
  if (!write_stage_one(name, value)) return false;
  begin_stage_one(context);
  if (name == encoding(0, 1, 0, 0) && (value & sctlr_mmu_on) != 0) activate_stage_one(context);
  return true;
}

}  // namespace
}  // namespace rvm::hal

extern "C" {

rvm::hal::Context* rvm_trap(rvm::hal::Context& context) {
  using namespace rvm::hal;
  const Syndrome syndrome{{.raw = sysreg::esr_el2::read()}};
  const auto kind = syndrome.get(Syndrome::exception_class);
  if (kind == exception_class::vectors && !has(context.extended, Extended::vectors)) {
    begin_vectors(context);
    return &context;
  }
  if (emulate_stage_one(context, syndrome)) {
    context.skip_instruction();
    return &context;
  }
  return &rvm::kernel::on_fault(context, describe(context, syndrome));
}

rvm::hal::Context* rvm_system_error(rvm::hal::Context& context) {
  using namespace rvm::hal;
  return &rvm::kernel::on_fault(context, Fault{.kind = FaultKind::external,
                                               .write = false,
                                               .address = rvm::GuestAddress{context.pc},
                                               .syndrome = sysreg::esr_el2::read()});
}

/// `frame` has the layout of the first part of a Context, then the stack pointer.
[[noreturn]] void rvm_kernel_fault(const std::uint64_t* frame) {
  using namespace rvm::hal;
  const std::uint64_t syndrome = sysreg::esr_el2::read(), address = sysreg::far_el2::read();
  print("rvm: the kernel faulted: pc ", Hex{frame[31]}, " syndrome ", Hex{syndrome}, " address ", Hex{address}, " sp ",
        Hex{frame[33]}, " lr ", Hex{frame[30]}, "\n");
  for (unsigned i = 0; i < 30; i += 3) {
    print("rvm:   x", Decimal{i}, " ", Hex{frame[i]}, " ", Hex{frame[i + 1]}, " ", Hex{frame[i + 2]}, "\n");
  }
  rvm::kernel::on_kernel_fault(syndrome, address, frame[31]);
}

}  // extern "C"
