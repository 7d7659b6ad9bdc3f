// SPDX-License-Identifier: MIT OR Apache-2.0
#include "simulated_kernel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "../appliance/objects.hpp"
#include "rvm/advice/advisor.hpp"
#include "rvm/proof/p2.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::size_t package_limit = 64 * 1024;
constexpr std::uint64_t package_address = 0x4200'0000;

bool needs_proof(std::uint64_t operation) {
  enum : std::uint8_t { P1, P2, P2_P3 };  // as the table spells them
  constexpr std::array proven = [] {
    std::array<bool, RVM_HVC_LIMIT> table{};
#define RVM_X(name, number, object, rights, tier, doc) table[number] = (tier) != P1;
    RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
    return table;
  }();
  return operation < proven.size() && proven[static_cast<std::size_t>(operation)];
}

}  // namespace

SimulatedKernel::SimulatedKernel(const PackageBuilder& builder, std::size_t ram_bytes,
                                 std::vector<hal::SimulatedMachine::Device> devices, const Asked& asked)
    : machine(ram_bytes, 1, std::size_t{16} << 20) {
  machine.devices = std::move(devices);
  machine.trusted_environment = asked.tee;
  // The kernel's globals start afresh: what a reset does to a machine.
  std::destroy_at(&the_state);
  new (&the_state) Locked<State>{};
  std::destroy_at(&the_log);
  new (&the_log) Log{};
  CHECK_FALSE(advice::start({}, {}, {}));  // without settings and memory it does nothing more, whatever it did before
  hal::Port::use(machine);
  for (std::size_t i = 0; i < key_.size(); ++i) key_[i] = static_cast<std::byte>(i * 7 + 1);
  const std::vector<std::byte> package = builder.build(key_);
  REQUIRE(package.size() <= package_limit);
  std::byte* const at = hal::Port::to_pointer(PhysicalAddress{package_address});
  std::memcpy(at, package.data(), package.size());
  const std::array ranges{
      hal::MemoryRange{PhysicalAddress{0x4010'0000}, package_address - 0x4010'0000},
      hal::MemoryRange{PhysicalAddress{package_address + package_limit},
                       hal::SimulatedMachine::ram_base + ram_bytes - package_address - package_limit}};
  std::span<const std::byte, 32> key{key_};
  current = &start({.memory = ranges,
                    .boot_package = {at, package.size()},
                    .device_key = &key,
                    .kernel_image = {},
                    .relocations = {},
                    .nonce = asked.nonce,
                    .device_memory = {}});
}

Error SimulatedKernel::call(std::uint64_t operation, std::initializer_list<std::uint64_t> arguments) {
  hal::Context& caller = *current;
  caller.reg(0) = operation;
  unsigned i = 1;
  for (const std::uint64_t a : arguments) caller.reg(i++) = a;
  while (i < 8) caller.reg(i++) = 0;
  if (prove_calls && needs_proof(operation)) prove();
  const std::uint64_t hvc = caller.pc;
  do {
    caller.pc = hvc + 4;  // HVC reports the instruction after it
    current = &on_hypercall(caller);
    ++entries;
  } while (current == &caller && caller.pc == hvc);  // a long operation asks to be called again
  return static_cast<Error>(caller.reg(0));
}

void SimulatedKernel::prove(std::uint64_t nonce) {
  proof::Request request{.operation = static_cast<std::uint32_t>(current->reg(0)),
                         .partition = running().partition->id,
                         .agent = running().id};
  for (unsigned i = 0; i < request.arguments.size(); ++i) request.arguments[i] = current->reg(1 + i);
  proof::Token token{.mutation_hash = {},
                     .nonce = nonce != 0 ? nonce : ++next_nonce_,
                     .not_before = machine.now,
                     .not_after = machine.now + Nanoseconds{1'000'000'000},
                     .tier = proof_tier};
  token.mutation_hash = proof::mutation_hash(request, token);
  for (unsigned i = 0; i < 4; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, token.mutation_hash.data() + std::size_t{8} * i, sizeof word);
    current->reg(8 + i) = word;
  }
  current->reg(12) = token.nonce;
  current->reg(13) = token.not_before.value;
  current->reg(14) = token.not_after.value;
  current->reg(15) = token.tier;
}

void SimulatedKernel::fault(hal::FaultKind kind) {
  current =
      &on_fault(*current, {.kind = kind, .write = true, .address = GuestAddress{0x1234000}, .syndrome = 0x92000046});
}

std::byte* SimulatedKernel::touch(std::uint64_t address, Access access) {
  hal::Context* const agent = current;
  for (int attempt = 0; attempt < 3 && current == agent; ++attempt) {
    if (std::byte* const found = machine.access(0, GuestAddress{address}, access)) return found;
    current = &on_fault(*current, {.kind = hal::FaultKind::data_abort,
                                   .write = access == Access::write,
                                   .address = GuestAddress{address},
                                   .syndrome = 0x92000046});
  }
  return nullptr;
}

void SimulatedKernel::advance(std::uint64_t ns) {
  machine.now = machine.now + Nanoseconds{ns};
  if (machine.cores[0].timer <= machine.now) current = &on_interrupt(*current);
}

void SimulatedKernel::run_until(std::string_view name) {
  for (int i = 0; i < 1000; ++i) {
    if (name_of(running().name) == name) return;
    call(RVM_HVC_YIELD);
  }
  FAIL("agent never runs: ", std::string{name});
}

Agent& SimulatedKernel::agent(std::string_view name) {
  Agent* found = nullptr;
  state().agents.for_each([&](Agent& a) {
    if (name_of(a.name) == name) found = &a;
  });
  REQUIRE(found != nullptr);
  return *found;
}

std::uint32_t SimulatedKernel::handle(std::string_view name) {
  const rvm_agent_info& info = *running().information;
  for (std::uint32_t i = 0; i < info.directory_count; ++i) {
    if (name == info.directory[i].name) return info.directory[i].handle;
  }
  FAIL("no such name in the directory: ", std::string{name});
  return 0;
}

std::uint64_t SimulatedKernel::heap() { return running().information->heap_base; }

std::uint64_t SimulatedKernel::poke(std::span<const std::byte> bytes) {
  const auto at = running().partition->space.translate(GuestAddress{heap()});
  REQUIRE(at.has_value());
  std::ranges::copy(bytes, hal::Port::to_pointer(at->address));
  return heap();
}

std::vector<std::byte> SimulatedKernel::peek(std::uint64_t address, std::size_t bytes) {
  const auto at = running().partition->space.translate(GuestAddress{address});
  REQUIRE(at.has_value());
  const std::byte* const from = hal::Port::to_pointer(at->address);
  return {from, from + bytes};
}

void SimulatedKernel::check_invariants() {
  State& s = state();
  // Who runs is runnable, and its registers are the ones loaded.
  Core& core = s.cores[0];
  REQUIRE(core.current != nullptr);
  REQUIRE(core.current->runnable());
  REQUIRE(core.current->context == current);
  REQUIRE(machine.cores[0].loaded == current);
  REQUIRE(machine.cores[0].root.table == core.current->partition->space.root());
  std::uint64_t owned = 0;
  bool forks = false;
  s.agents.for_each([&](Agent& a) { forks |= a.information->forked_from != 0; });
  // A page counts for everybody who has it mapped.
  if (forks) {
    for (std::uint64_t at = 0; at < machine.ram.size(); at += page_bytes) {
      const std::uint32_t sharers = s.pages.sharers(PhysicalAddress{hal::SimulatedMachine::ram_base + at});
      if (sharers != 0) owned -= sharers - 1;
    }
  }
  std::map<std::uint16_t, std::uint16_t> vmids;
  s.partitions.for_each([&](Partition& p) {
    owned += p.account.used;
    REQUIRE((p.account.quota == 0 || p.account.used <= p.account.quota));
    std::uint32_t agents = 0;
    for (Agent* a = p.agents.front(); a != nullptr; a = partition::List<Agent, &Agent::partition_link>::after(*a)) {
      REQUIRE(a->partition == &p);
      ++agents;
    }
    REQUIRE(agents == p.agent_count);
    if (s.vmids.is_current(p.vmid)) REQUIRE(vmids.emplace(p.vmid.vmid(), index_of(p).value).second);
  });
  REQUIRE(owned + s.pages.free_pages() == s.pages.total_pages());
  s.agents.for_each([&](Agent& a) {
    const bool waiting = !a.runnable() || a.held;
    REQUIRE((a.executing ? 1 : 0) + (a.node.queued() ? 1 : 0) == (waiting ? 0 : 1));
    if (a.caller != nullptr) REQUIRE((a.caller->callee == &a && a.caller->wait == Wait::reply));
    if (a.wait == Wait::accept || a.wait == Wait::reply) REQUIRE(a.callee != nullptr);
  });
}

}  // namespace rvm::kernel::test
