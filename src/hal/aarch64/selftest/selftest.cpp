// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A kernel that tests the port: it runs pieces of guest code in two hand-made partitions and checks how each ends. A boot
// package with a name from kernel_faults.hpp makes it break its own memory protection instead.
#include "console.hpp"
#include "kernel_faults.hpp"
#include "rvm/hal/entry.hpp"
#include "rvm/hal/vector_scope.hpp"

using namespace rvm;
using namespace rvm::hal;

// clang-format off
#define RVM_GUEST_PIECES(X) \
  X(call) X(clock) X(spin) X(load) X(store) X(fetch) X(data_fetch) X(uart) X(far) X(unaligned) X(secure) X(breakpoint) \
  X(undefined) X(call_1) X(supervisor) X(wait) X(gic) X(counters) X(debug) X(timer) X(feature) X(set_way) X(leave) \
  X(find) X(unmapped_later) X(poll) X(stage_1) X(stage_1_other)
// clang-format on
extern "C" {
extern const std::byte guest_code[];
void clobber_vectors();
#define RVM_X(name) extern const std::byte guest_##name[];
RVM_GUEST_PIECES(RVM_X)
#undef RVM_X
}

namespace {

enum class Ending { report, fault, timer };
struct Case {
  std::string_view name;
  const std::byte* piece;
  Ending ending;
  std::uint64_t value;  ///< of a report, or the address of a fault that has one
  FaultKind kind = FaultKind::undefined;
  const std::byte* partner = nullptr;  ///< what the other agent runs
};

const Case cases[] = {
    {"hypercall", guest_call, Ending::report, 42},
    {"null and time hypercalls", guest_clock, Ending::report, 1},
    {"timer pre-empts a loop", guest_spin, Ending::timer, 0},
    {"unmapped load", guest_load, Ending::fault, 0x5008, FaultKind::data_abort},
    {"store to text", guest_store, Ending::fault, 0x1010, FaultKind::data_abort},
    {"unmapped fetch", guest_fetch, Ending::fault, 0x6000, FaultKind::instruction_abort},
    {"fetch from data", guest_data_fetch, Ending::fault, 0x2000, FaultKind::instruction_abort},
    {"load from the UART", guest_uart, Ending::fault, 0x09000000, FaultKind::data_abort},
    {"store beyond the address size", guest_far, Ending::fault, 0xffff000000000000, FaultKind::data_abort},
    {"unaligned exclusive", guest_unaligned, Ending::fault, 0x2001, FaultKind::unaligned},
    {"SMC", guest_secure, Ending::fault, 0, FaultKind::secure_call},
    {"BRK", guest_breakpoint, Ending::fault, 0, FaultKind::breakpoint},
    {"undefined instruction", guest_undefined, Ending::fault, 0, FaultKind::undefined},
    {"HVC #1", guest_call_1, Ending::fault, 0, FaultKind::hypervisor_call},
    {"SVC", guest_supervisor, Ending::fault, 0, FaultKind::undefined},
    {"WFI waits and resumes", guest_wait, Ending::report, 7},
    {"GIC register", guest_gic, Ending::fault, 0, FaultKind::undefined},
    {"performance counters", guest_counters, Ending::fault, 0, FaultKind::undefined},
    {"debug register", guest_debug, Ending::fault, 0, FaultKind::undefined},
    {"physical timer", guest_timer, Ending::fault, 0, FaultKind::undefined},
    {"feature control", guest_feature, Ending::fault, 0, FaultKind::undefined},
    {"cache by set and way", guest_set_way, Ending::fault, 0, FaultKind::undefined},
    {"a page that was taken away", guest_unmapped_later, Ending::fault, 0x3008, FaultKind::data_abort},
    {"registers are switched and not leaked", guest_leave, Ending::report, 1, FaultKind::undefined, guest_find},
    {"stage 1 of one agent alone", guest_stage_1, Ending::report, 77, FaultKind::undefined, guest_stage_1_other},
};

constinit Context contexts[RVM_CORES + 1]{};  // first, partner, and one for each further core
constinit StageTwoRoot roots[2]{};
constinit std::size_t running = 0;  // index of the case
constinit std::size_t failures = 0;
constinit std::atomic<std::uint32_t> reports{0};
constinit PhysicalAddress next_page{};

PhysicalAddress allocate(std::uint64_t pages) {
  next_page.value = (next_page.value + pages * page_bytes - 1) & ~(pages * page_bytes - 1);
  const PhysicalAddress result = next_page;
  for (std::uint64_t i = 0; i < pages; ++i) Port::zero_page(offset(result, i * page_bytes));
  next_page = offset(result, pages * page_bytes);
  return result;
}

void map(PhysicalAddress table, GuestAddress ipa, std::uint64_t descriptor) {
  for (unsigned level = Port::geometry().start_level;; ++level) {
    const std::uint64_t shift = 12 + 9 * (3 - level);
    auto& entry = reinterpret_cast<std::uint64_t*>(table.value)[ipa.value >> shift & 0x1ff];
    if (level == 3) {
      entry = descriptor;
      return;
    }
    if (entry == 0) entry = allocate(1).value | 3;
    table = PhysicalAddress{entry & ~std::uint64_t{0xfff}};
  }
}

constexpr GuestAddress revocable{0x3000};
/// Under -icount QEMU runs one core until a timer is due; without one, a guest's loop would keep it for seconds.
constexpr Nanoseconds poll_slice{20'000};

StageTwoRoot make_partition(std::uint16_t vmid) {
  constexpr std::uint64_t page = 3, normal = 0xf << 2, readable = 1 << 6, writable = 1 << 7, shared = 3 << 8,
                          accessed = 1 << 10;
  constexpr std::uint64_t no_execute = std::uint64_t{1} << 54;
  const StageTwoRoot root{allocate(Port::geometry().root_pages), vmid};
  map(root.table, GuestAddress{0x1000},
      Port::to_physical(guest_code).value | page | normal | readable | shared | accessed);
  constexpr std::uint64_t data = page | normal | readable | writable | shared | accessed | no_execute;
  map(root.table, GuestAddress{0x2000}, allocate(1).value | data);
  map(root.table, revocable, allocate(1).value | data);
  Port::publish_tables();
  return root;
}

void enter(Context& context, const std::byte* piece, std::uint64_t argument = 0) {
  context.initialise(GuestAddress{0x1000 + static_cast<std::uint64_t>(piece - guest_code)}, argument);
}

Context& begin_case(Context* from) {
  if (running == std::size(cases)) {
    Port::deactivate(from);
    print("selftest: ", failures == 0 ? std::string_view{"all "} : std::string_view{"FAILED "},
          Decimal{failures == 0 ? running : failures}, failures == 0 ? " passed\n" : "\n");
    Port::power_off();
  }
  enter(contexts[0], cases[running].piece);
  if (cases[running].partner != nullptr) enter(contexts[1], cases[running].partner);
  Port::set_timer(Port::now() + Nanoseconds{cases[running].ending == Ending::timer ? 1'000'000u : 1'000'000'000u});
  Port::switch_context(nullptr, contexts[0], roots[0]);
  return contexts[0];
}

Context& end_case(Context& context, Ending ending, FaultKind kind, std::uint64_t value) {
  const Case& c = cases[running];
  const bool good =
      ending == c.ending && (ending != Ending::fault || kind == c.kind) && (c.value == 0 || value == c.value);
  print("selftest: ", c.name, good ? std::string_view{": ok\n"} : std::string_view{": FAILED, "});
  if (!good) {
    ++failures;
    print("ending ", Decimal{static_cast<std::uint64_t>(ending)}, " kind ", Decimal{static_cast<std::uint64_t>(kind)},
          " value ", Hex{value}, " pc ", Hex{context.pc}, "\n");
  }
  ++running;
  return begin_case(&context);
}

[[noreturn]] void idle() {
  for (;;) {
    Port::wait_for_interrupt();
    while (Port::acknowledge_interrupt().kind != Interrupt::none) reports.fetch_add(1);
  }
}

void expect(std::string_view what, bool good) {
  print("selftest: ", what, good ? std::string_view{": ok\n"} : std::string_view{": FAILED\n"});
  if (!good) ++failures;
}

bool finish_block() {
  for (;;) {
    const BlockStatus s = Port::block_poll();
    if (s != BlockStatus::busy) return s == BlockStatus::done;
  }
}

void test_block() {
  if (Port::block_sectors() == 0) return;
  const PhysicalAddress page = allocate(1), other = allocate(1);
  std::memset(Port::to_pointer(page), 0x5a, page_bytes);
  Port::block_submit_write(8, page, page_bytes);
  bool good = finish_block();
  Port::block_submit_flush();
  good = finish_block() && good;
  Port::block_submit_read(8, other, page_bytes);
  good = finish_block() && good && std::memcmp(Port::to_pointer(page), Port::to_pointer(other), page_bytes) == 0;
  bool interrupted = false;
  for (InterruptEvent e = Port::acknowledge_interrupt(); e.kind != Interrupt::none; e = Port::acknowledge_interrupt()) {
    interrupted = interrupted || e.kind == Interrupt::device;
  }
  Port::block_submit_read(Port::block_sectors(), other, 512);
  expect("block device", good && interrupted && !finish_block());
}

void wait_for_reports(std::uint32_t count) {
  while (reports.load() < count) Port::relax();
}

void test_cores() {
  Port::start_secondary_cores();
  const std::uint32_t others = Port::core_count() - 1;
  wait_for_reports(others);  // each runs its guest, which reads the revocable page in a loop
  map(roots[1].table, revocable, 0);
  Port::invalidate_page(roots[1], revocable);
  wait_for_reports(2 * others);  // each faulted
  for (std::uint32_t i = 1; i <= others; ++i) Port::send_reschedule(CoreIndex{i});
  wait_for_reports(3 * others);  // each was interrupted
  print("selftest: ", Decimal{Port::core_count()}, " cores: ok\n");
}

}  // namespace

namespace rvm::kernel {

Context& start(const BootInformation& boot) {
  std::uint64_t free = 0;
  for (const MemoryRange& r : boot.memory) free += r.bytes;
  next_page = boot.memory.back().base;
  print("selftest: free ", Hex{free}, " package ", Decimal{boot.boot_package.size()}, " key ",
        Decimal{boot.device_key != nullptr ? 1u : 0u}, " sectors ", Decimal{Port::block_sectors()}, " ipa ",
        Decimal{Port::geometry().address_bits}, " vmid ", Decimal{Port::geometry().vmid_bits}, " ns ",
        Decimal{Port::now().value}, "\n");
  break_kernel({reinterpret_cast<const char*>(boot.boot_package.data()), boot.boot_package.size()});
  for (std::uint16_t i = 0; i < 2; ++i) roots[i] = make_partition(static_cast<std::uint16_t>(i + 1));
  {
    const VectorScope scope;
    clobber_vectors();
  }
  Port::set_timer(Port::now() + Nanoseconds{100'000});
  Port::wait_for_interrupt();
  expect("timer wakes an idle core", Port::acknowledge_interrupt().kind == Interrupt::timer);
  test_block();
  test_cores();
  return begin_case(nullptr);
}

Context& start_secondary(CoreIndex core) {
  Context& context = contexts[core.value + 1];
  enter(context, guest_poll);
  Port::set_timer(Port::now() + poll_slice);
  Port::switch_context(nullptr, context, roots[1]);
  return context;
}

Context& on_hypercall(Context& caller) {
  if (Port::current_core().value != 0) {
    reports.fetch_add(1);
    return caller;
  }
  if (caller.reg(0) == 0x10) return end_case(caller, Ending::report, FaultKind::undefined, caller.reg(1));
  if (caller.reg(0) == 0x12) {
    map(roots[0].table, revocable, 0);
    Port::invalidate_page(roots[0], revocable);
    return caller;
  }
  {
    const VectorScope outer, inner;
    clobber_vectors();  // must not show in the agent that is left
  }
  Context& other = contexts[&caller == &contexts[0] ? 1 : 0];
  Port::switch_context(&caller, other, roots[&other == &contexts[0] ? 0 : 1]);
  return other;
}

Context& on_fault(Context& agent, const Fault& fault) {
  if (Port::current_core().value != 0) {
    if (fault.kind == FaultKind::data_abort && fault.address == revocable) reports.fetch_add(1);
    Port::set_timer(never);
    Port::deactivate(&agent);
    idle();
  }
  if (fault.kind == FaultKind::wait) {
    agent.skip_instruction();
    return agent;
  }
  if (&agent == &contexts[1] && fault.kind == FaultKind::data_abort) {  // stage_1_other: as it must be
    Port::switch_context(nullptr, contexts[0], roots[0]);
    return contexts[0];
  }
  return end_case(agent, Ending::fault, fault.kind, fault.address.value);
}

Context& on_interrupt(Context& agent) {
  if (Port::current_core().value != 0) {
    static_cast<void>(Port::acknowledge_interrupt());
    Port::set_timer(Port::now() + poll_slice);
    return agent;
  }
  while (Port::acknowledge_interrupt().kind != Interrupt::none) {
  }
  return end_case(agent, Ending::timer, FaultKind::undefined, 0);
}

void on_kernel_fault(std::uint64_t syndrome, std::uint64_t, std::uint64_t) {
  print("selftest: the kernel faulted: class ", Hex{syndrome >> 26}, " status ", Hex{syndrome & 0x3f}, "\n");
  Port::power_off();
}

}  // namespace rvm::kernel
