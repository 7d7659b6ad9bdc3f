// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Maintenance of stage-2 translations and instruction caches (Arm ARM D8.14, D7.5). The invalidations are broadcast to the
// inner-shareable domain, so one core acts for all.
#include "context.hpp"
#include "control.hpp"
#include "rvm/hal/port.hpp"
#include "system_register.hpp"

namespace rvm::hal {
namespace {

/// By-address and by-VMID invalidation work on the VMID that VTTBR_EL2 holds.
class WithRoot {
 public:
  explicit WithRoot(StageTwoRoot root) : before_(sysreg::vttbr_el2::read()), changed_(before_ != root_register(root)) {
    asm volatile("dsb ishst" : : : "memory");  // the table changes come first
    if (changed_) set(root_register(root));
  }
  ~WithRoot() {
    if (changed_) set(before_);
  }
  WithRoot(const WithRoot&) = delete;
  WithRoot& operator=(const WithRoot&) = delete;

 private:
  static void set(std::uint64_t value) {
    sysreg::vttbr_el2::write(value);
    instruction_barrier();
  }
  std::uint64_t before_;
  bool changed_;
};

}  // namespace

void Port::invalidate_page(StageTwoRoot root, GuestAddress ipa) {
  const WithRoot active{root};
  // First the stage-2 entry, then every entry that may combine it with a stage 1.
  asm volatile("tlbi ipas2e1is, %0\n\tdsb ish\n\ttlbi vmalle1is\n\tdsb ish\n\tisb"
               :
               : "r"(ipa.value >> page_shift)
               : "memory");
}

void Port::invalidate_vmid(StageTwoRoot root) {
  const WithRoot active{root};
  asm volatile("tlbi vmalls12e1is\n\tdsb ish\n\tisb" : : : "memory");
}

void Port::invalidate_all() { asm volatile("dsb ishst\n\ttlbi alle1is\n\tdsb ish\n\tisb" : : : "memory"); }

void Port::synchronise_instructions(PhysicalAddress pa, std::size_t bytes) {
  const std::uint64_t line = std::uint64_t{4} << sysreg::field(sysreg::ctr_el0::read(), 16);  // DminLine, in words
  for (std::uint64_t at = pa.value & ~(line - 1); at < pa.value + bytes; at += line) {
    asm volatile("dc cvau, %0" : : "r"(at) : "memory");
  }
  // All of the instruction cache: agents fetch by another address than ours, and the cache may be indexed by it.
  asm volatile("dsb ish\n\tic ialluis\n\tdsb ish\n\tisb" : : : "memory");
}

void Port::zero_page(PhysicalAddress pa) {
  const std::uint64_t control = sysreg::dczid_el0::read();
  const std::uint64_t block = std::uint64_t{4} << sysreg::field(control, 0);
  constexpr std::uint64_t prohibited = 1 << 4;
  constexpr unsigned at_once = 4;
  if ((control & prohibited) != 0 || block * at_once > page_bytes) {
    std::memset(to_pointer(pa), 0, page_bytes);
    return;
  }
  for (std::uint64_t at = pa.value; at < pa.value + page_bytes; at += at_once * block) {
    asm volatile("dc zva, %0\n\tdc zva, %1\n\tdc zva, %2\n\tdc zva, %3"
                 :
                 : "r"(at), "r"(at + block), "r"(at + 2 * block), "r"(at + 3 * block)
                 : "memory");
  }
}

void Port::permit_performance_counters() {
  permit_counters();
  configure_core(this_core(), geometry_);
}

void Port::force_vmid8() {
  geometry_.vmid_bits = 8;
  configure_core(this_core(), geometry_);
}

}  // namespace rvm::hal
