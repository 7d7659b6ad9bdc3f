// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The context switch. Three groups of registers, by how often agents change them:
//   ExecutionRegisters  changed without a trap: every switch moves them;
//   StageOneRegisters   writes trap until the first one: moved for contexts that wrote one, else they hold reset values;
//   VectorRegisters     use traps until the first one: moved for contexts that used one.
// Core::live says what of the last two the hardware holds. The virtual timer is not part of an agent's machine (its
// interrupt is never enabled), but its registers would carry values between agents: every switch zeroes them.
//
// Vector values of the last agent stay in the hardware when an agent without vector registers runs, and the kernel leaves
// its own there too. Neither can be read: CPTR_EL2.TFP traps, and whoever gets the registers has all 34 loaded first.
#include "context.hpp"

#include "control.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "system_register.hpp"

extern "C" const std::byte __stacks[];

namespace rvm::hal {
namespace {

using namespace sysreg;

/// Reads two registers before it stores either, so that one instruction stores both.
template <typename First, typename Second>
[[gnu::always_inline]] inline void save_pair(std::uint64_t& first, std::uint64_t& second) {
  const std::uint64_t a = First::read(), b = Second::read();
  first = a;
  second = b;
}

[[gnu::always_inline]] inline void save(ExecutionRegisters& r) {
  save_pair<sp_el0, sp_el1>(r.sp_el0, r.sp_el1);
  save_pair<elr_el1, spsr_el1>(r.elr_el1, r.spsr_el1);
  save_pair<esr_el1, far_el1>(r.esr_el1, r.far_el1);
  save_pair<vbar_el1, tpidr_el1>(r.vbar_el1, r.tpidr_el1);
  save_pair<tpidr_el0, tpidrro_el0>(r.tpidr_el0, r.tpidrro_el0);
  save_pair<par_el1, cntkctl_el1>(r.par_el1, r.cntkctl_el1);
  r.csselr_el1 = csselr_el1::read();
}

[[gnu::always_inline]] inline void load(const ExecutionRegisters& r) {
  sp_el0::write(r.sp_el0);
  sp_el1::write(r.sp_el1);
  elr_el1::write(r.elr_el1);
  spsr_el1::write(r.spsr_el1);
  esr_el1::write(r.esr_el1);
  far_el1::write(r.far_el1);
  vbar_el1::write(r.vbar_el1);
  tpidr_el1::write(r.tpidr_el1);
  tpidr_el0::write(r.tpidr_el0);
  tpidrro_el0::write(r.tpidrro_el0);
  par_el1::write(r.par_el1);
  cntkctl_el1::write(r.cntkctl_el1);
  csselr_el1::write(r.csselr_el1);
  cntv_ctl_el0::write(0);
  cntv_cval_el0::write(0);
}

void save(StageOneRegisters& r) {
  r.sctlr = sctlr_el1::read();
  r.ttbr0 = ttbr0_el1::read();
  r.ttbr1 = ttbr1_el1::read();
  r.tcr = tcr_el1::read();
  r.mair = mair_el1::read();
  r.amair = amair_el1::read();
  r.contextidr = contextidr_el1::read();
  r.afsr0 = afsr0_el1::read();
  r.afsr1 = afsr1_el1::read();
}

void load(const StageOneRegisters& r) {
  sctlr_el1::write(r.sctlr);
  ttbr0_el1::write(r.ttbr0);
  ttbr1_el1::write(r.ttbr1);
  tcr_el1::write(r.tcr);
  mair_el1::write(r.mair);
  amair_el1::write(r.amair);
  contextidr_el1::write(r.contextidr);
  afsr0_el1::write(r.afsr0);
  afsr1_el1::write(r.afsr1);
}

constexpr StageOneRegisters untouched_stage_one = [] {
  StageOneRegisters r{};
  r.sctlr = initial_sctlr_el1;
  return r;
}();

void permit_vectors(bool yes) {
  cptr_el2::write(yes ? FeatureTraps::with_vectors().raw : FeatureTraps::plain().raw);
  instruction_barrier();
}

/// Leaves no translation in use, so that no walk can mix registers of two agents while they are exchanged.
void leave_translation() {
  vttbr_el2::write(empty_root());
  instruction_barrier();
}

/// TLB entries of an active stage 1 are tagged by VMID and by an ASID that the agent chose, and agents of one partition share
/// the VMID. So they go, on this core, whenever such an agent leaves it; and entries that others of the partition made while
/// their stage 1 was off go before such an agent runs.
void forget_translations() { asm volatile("tlbi vmalle1\n\tdsb nsh\n\tisb" : : : "memory"); }

/// The optional registers: of `from`, unless nothing of it is worth saving, and of `to`, unless no agent follows.
[[gnu::noinline]] void switch_optional(Core& core, Context* from, const Context* to, StageTwoRoot root) {
  const Extended old = core.live, rare = old & Extended::rare;
  const Extended wanted = to != nullptr ? to->extended : Extended::none;
  if (has(old, Extended::stage_one_active)) forget_translations();
  leave_translation();
  if (has(rare, Extended::rare) && has_scalable_matrix()) {
    if (from != nullptr) from->execution.tpidr2_el0 = tpidr2_el0::read();
    tpidr2_el0::write(to != nullptr ? to->execution.tpidr2_el0 : 0);
  }
  if (has(rare, Extended::rare) && has_error_records()) vdisr_el2::write(0);

  if (has(old, Extended::vectors) && from != nullptr) rvm_save_vectors(&from->vectors);
  if (has(old, Extended::vectors) != has(wanted, Extended::vectors)) permit_vectors(has(wanted, Extended::vectors));
  if (has(wanted, Extended::vectors)) rvm_load_vectors(&to->vectors);

  if (has(old | wanted, Extended::stage_one)) {
    if (has(old, Extended::stage_one) && from != nullptr) save(from->stage_one);
    load(has(wanted, Extended::stage_one) ? to->stage_one : untouched_stage_one);
    const bool active = has(wanted, Extended::stage_one_active);
    hcr_el2::write(active ? HypervisorControl::with_stage_one().raw : HypervisorControl::plain().raw);
    instruction_barrier();
    if (active) {
      vttbr_el2::write(root_register(root));
      instruction_barrier();
      forget_translations();
    }
  }
  core.live = wanted | rare;
}

}  // namespace

void Port::switch_context(Context* from, Context& to, StageTwoRoot root) {
  Core& core = this_core();
  if (from != nullptr) save(from->execution);
  if ((core.live | to.extended) != Extended::none) [[unlikely]]
    switch_optional(core, from, &to, root);
  load(to.execution);
  // The exception return to the agent synchronises.
  vttbr_el2::write(root_register(root));
}

void Port::deactivate(Context* from) {
  Core& core = this_core();
  if (from != nullptr) save(from->execution);
  if (core.live != Extended::none) switch_optional(core, from, nullptr, StageTwoRoot{});
  leave_translation();
}

Context& Port::begin_worker(void (*entry)()) {
  static constinit Context worker{};
  worker.pc = reinterpret_cast<std::uint64_t>(entry);
  worker.state = Context::worker_state;
  worker.execution.sp_el0 = reinterpret_cast<std::uint64_t>(__stacks) + RVM_STACKS * std::uint64_t{RVM_STACK_BYTES};
  worker.extended = Extended::vectors;
  return worker;
}

void Port::switch_to_worker(Context* from, Context& worker) {
  switch_context(from, worker, {.table = PhysicalAddress{empty_root()}, .vmid = 0});
}

void begin_vectors(Context& context) {
  Core& core = Port::this_core();
  context.extended = context.extended | Extended::vectors;
  core.live = core.live | Extended::vectors;
  permit_vectors(true);
  rvm_load_vectors(&context.vectors);  // zero since initialise()
}

void begin_stage_one(Context& context) {
  Core& core = Port::this_core();
  context.extended = context.extended | Extended::stage_one;
  core.live = core.live | Extended::stage_one;
}

void activate_stage_one(Context& context) {
  Core& core = Port::this_core();
  context.extended = context.extended | Extended::stage_one_active;
  core.live = core.live | Extended::stage_one_active;
  hcr_el2::write(HypervisorControl::with_stage_one().raw);
  instruction_barrier();
  forget_translations();  // entries made while stage 1 was off may still translate (Arm ARM D8.13.4)
}

VectorScope::VectorScope() {
  if (has(Port::this_core().live, Extended::vectors)) {
    undo_ = Undo::restore;
    rvm_save_vectors(&saved_);
  } else if (FeatureTraps{{.raw = cptr_el2::read()}}.has(FeatureTraps::floating_point)) {
    undo_ = Undo::forbid;
    permit_vectors(true);
  } else {
    undo_ = Undo::nothing;  // inside another scope
  }
}

VectorScope::~VectorScope() {
  if (undo_ == Undo::restore) rvm_load_vectors(&saved_);
  if (undo_ == Undo::forbid) permit_vectors(false);
}

}  // namespace rvm::hal
