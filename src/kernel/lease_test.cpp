// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <string>

#include "deferred_proofs.hpp"
#include "leases.hpp"
#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::uint32_t everything = RVM_RIGHT_ALL;
constexpr PhysicalAddress clock_registers{0x0901'0000};
constexpr std::uint64_t epoch = 1'000'000;

constexpr std::array<std::uint8_t, 20> secret{"a word of twenty..."};

/// A clock that both agents may lease, if the one whose partition is not trusted knows a word; an entropy source that the
/// driver's partition is trusted with, and the other's is not.
struct Machine : SimulatedKernel {
  static PackageBuilder package() {
    PackageBuilder b;
    b.partition("control");
    const auto drivers = b.partition("drivers", 300);
    b.last_partition().type = RVM_PARTITION_INFRASTRUCTURE;
    const auto others = b.partition("others", 300);
    const auto driver = b.agent("driver", drivers);
    const auto other = b.agent("other", others);
    b.agent("busy", 0, 100, false);
    const auto clock = b.device("clock", RVM_DEVICE_CLOCK, 0);
    const crypto::Digest digest = crypto::sha256(std::as_bytes(std::span{secret}));
    b.last_device().evidence = RVM_EVIDENCE_PREIMAGE;
    std::memcpy(b.last_device().evidence_value, digest.data(), digest.size());
    const auto entropy = b.device("entropy", RVM_DEVICE_ENTROPY, 4096);
    b.grant("clock", driver, RVM_OBJECT_DEVICE, clock, everything);
    b.grant("entropy", driver, RVM_OBJECT_DEVICE, entropy, everything);
    b.grant("clock", other, RVM_OBJECT_DEVICE, clock, everything);
    b.grant("entropy", other, RVM_OBJECT_DEVICE, entropy, everything);
    b.grant("driver", other, RVM_OBJECT_AGENT, driver, everything);
    b.grant("clock", b.agent("rival", others), RVM_OBJECT_DEVICE, clock, everything);
    return b;
  }
  static std::vector<hal::SimulatedMachine::Device> hardware() {
    std::vector<hal::SimulatedMachine::Device> devices(2);
    devices[0].description = {RVM_DEVICE_CLOCK, {clock_registers, 4096}, false};
    devices[1].description = {RVM_DEVICE_ENTROPY, {PhysicalAddress{0x0a00'0000}, 512}, true};
    return devices;
  }
  Machine() : SimulatedKernel(package(), std::size_t{64} << 20, hardware()) { run_until("driver"); }

  [[nodiscard]] std::uint64_t map() { return running().information->map_base; }
  [[nodiscard]] bool clock_mapped(std::string_view name) {
    Agent& a = agent(name);
    const auto found = a.partition->space.translate(GuestAddress{a.information->map_base});
    return found.has_value() && found->address == clock_registers && found->type == memory::MemoryType::device;
  }
  /// How many records of this kind the log has taken.
  [[nodiscard]] std::uint32_t count_records(witness::Kind kind) {
    std::uint32_t count = 0;
    for (std::uint64_t i = 0; i < log().ring.reserved(); ++i) {
      const witness::Record* const r = log().ring.committed(i);
      count += r != nullptr && r->action_kind == kind ? 1 : 0;
    }
    return count;
  }
  /// Evidence in the running agent's heap.
  std::uint64_t evidence(std::span<const std::uint8_t> preimage) {
    rvm_evidence e{};
    e.kind = RVM_EVIDENCE_PREIMAGE;
    e.count = static_cast<std::uint32_t>(preimage.size());
    std::memcpy(e.as.preimage, preimage.data(), preimage.size());
    return poke(std::as_bytes(std::span{&e, 1}));
  }
  /// The running agent, which is not trusted, asks for the clock with this evidence; what came of it. Others may have run.
  Error lease_clock(std::uint64_t evidence_address) {
    const std::string name{name_of(running().name)};
    proof_tier = 3;
    hal::Context& caller = *current;
    const std::uint64_t at = caller.pc;
    call(RVM_HVC_LEASE_GRANT, {handle("clock"), 1000, map(), 64, 0, 0, evidence_address});
    proof_tier = 2;
    for (int i = 0; i < 20 && caller.pc == at; ++i) {  // it waits for the verdict, to ask again then
      advance(epoch);
      run_until(name);
      caller.pc += 4;
      current = &on_hypercall(caller);
    }
    run_until(name);
    return static_cast<Error>(caller.reg(0));
  }
  Error submit(std::uint64_t address, std::uint32_t bytes, std::uint32_t flags) {
    const rvm_device_buffer buffer{address, bytes, flags};
    const std::uint64_t at = poke(std::as_bytes(std::span{&buffer, 1}));
    return call(RVM_HVC_DEVICE_SUBMIT, {handle("entropy"), 0, at, 1});
  }
};

}  // namespace

TEST_CASE("lease: registers are mapped for one agent at a time, as device memory, until it gives them back") {
  Machine k;
  const std::uint32_t clock = k.handle("clock");
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {clock, 0, k.map(), 64}) == Error::bad_argument);
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {clock, RVM_LEASE_EPOCHS_MAX + 1, k.map(), 64}) == Error::bad_argument);
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {clock, 10, k.map() + 8, 64}) == Error::unaligned);
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {clock, 10, k.map() - 4096, 64}) == Error::proof);
  CHECK(k.call(RVM_HVC_LEASE_RENEW, {clock, 10}) == Error::no_lease);
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {clock, 10, k.map(), 64}) == Error::ok);
  CHECK(k.clock_mapped("driver"));
  CHECK(k.call(RVM_HVC_CAP_TRANSFER, {clock, 0}) != Error::ok);
  k.run_until("other");
  CHECK(k.lease_clock(k.evidence(secret)) == Error::bad_state);
  CHECK(k.call(RVM_HVC_LEASE_RELEASE, {k.handle("clock")}) == Error::no_lease);
  k.run_until("driver");
  REQUIRE(k.call(RVM_HVC_LEASE_RELEASE, {clock}) == Error::ok);
  CHECK(!k.clock_mapped("driver"));
  CHECK(k.call(RVM_HVC_DEVICE_ACKNOWLEDGE, {clock}) == Error::no_lease);
  k.run_until("other");
  CHECK(k.lease_clock(k.evidence(secret)) == Error::ok);
  CHECK(k.clock_mapped("other"));
  k.check_invariants();
}

TEST_CASE("lease: an untrusted partition has to show evidence, which is verified apart") {
  Machine k;
  k.run_until("other");
  const std::uint32_t clock = k.handle("clock");
  std::uint64_t shown = k.evidence(secret);
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {clock, 10, k.map(), 64, 0, 0, shown}) == Error::proof);  // of tier P2
  CHECK(!deferred_proofs().has_work());
  CHECK(k.lease_clock(0) == Error::bad_address);
  CHECK(k.lease_clock(k.map()) == Error::bad_address);
  CHECK(k.lease_clock(UINT64_MAX - 4) == Error::bad_address);
  std::array<std::uint8_t, 20> wrong = secret;
  wrong[19] ^= 1;
  CHECK(k.lease_clock(k.evidence(wrong)) == Error::proof);
  CHECK(k.lease_clock(k.evidence(std::span{secret}.first(15))) == Error::proof);
  CHECK(!k.clock_mapped("other"));
  CHECK(k.lease_clock(k.evidence(secret)) == Error::ok);
  CHECK(k.clock_mapped("other"));
  REQUIRE(k.call(RVM_HVC_LEASE_RELEASE, {clock}) == Error::ok);

  // The verdict is about what was shown, not about what lies there afterwards; and about one request.
  shown = k.evidence(wrong);
  k.proof_tier = 3;
  hal::Context& caller = *k.current;
  const std::uint64_t at = caller.pc;
  k.call(RVM_HVC_LEASE_GRANT, {clock, 10, k.map(), 64, 0, 0, shown});
  REQUIRE(deferred_proofs().has_work());
  REQUIRE(k.agent("other").wait != Wait::none);
  std::memcpy(hal::Port::to_pointer(k.agent("other").partition->space.translate(GuestAddress{shown})->address) + 8,
              secret.data(), secret.size());
  for (int i = 0; i < 4; ++i) k.advance(epoch);
  REQUIRE(!deferred_proofs().has_work());
  k.run_until("other");
  REQUIRE(caller.pc == at);
  caller.pc += 4;
  k.current = &on_hypercall(caller);
  CHECK(static_cast<Error>(caller.reg(0)) == Error::proof);
  k.check_invariants();
}

TEST_CASE("lease: who keeps showing bad evidence keeps nobody else waiting") {
  Machine k;
  k.run_until("other");
  k.proof_tier = 3;
  const auto ask = [&](hal::Context& caller, std::uint64_t device, std::uint64_t at, std::uint64_t map) {
    if (caller.reg(0) != RVM_HVC_LEASE_GRANT) {  // else it makes its call again
      caller.reg(0) = RVM_HVC_LEASE_GRANT;
      const std::array<std::uint64_t, 7> arguments{device, 10, map, 64, 0, 0, at};
      for (unsigned i = 0; i < 7; ++i) caller.reg(i + 1) = arguments[i];
      k.prove();
    }
    caller.pc += 4;
    k.current = &on_hypercall(caller);
  };
  // Whenever it runs, "other" asks with a wrong word, or with evidence that cannot be read; "rival" knows the word, and asks when it
  // runs.
  for (int epochs = 0; epochs < 20 && !k.clock_mapped("rival"); ++epochs) {
    for (int i = 0; i < 6; ++i) {
      const std::string_view name = name_of(k.running().name);
      if (name == "other") {
        const auto bad = k.evidence(std::array<std::uint8_t, 16>{});
        ask(*k.current, k.handle("clock"), i % 2 == 0 ? bad : 0, k.map());
      } else if (name == "rival") {
        ask(*k.current, k.handle("clock"), k.evidence(secret), k.map());
      } else {
        k.call(RVM_HVC_YIELD);
      }
    }
    k.advance(epoch);
  }
  CHECK(k.clock_mapped("rival"));
  CHECK(!k.clock_mapped("other"));
  k.check_invariants();
}

TEST_CASE("lease: ends at the end of its last epoch, unless it is renewed") {
  Machine k;
  const std::uint32_t clock = k.handle("clock");
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {clock, 3, k.map(), 64}) == Error::ok);
  k.advance(2 * epoch);
  k.run_until("driver");
  CHECK(k.clock_mapped("driver"));
  REQUIRE(k.call(RVM_HVC_LEASE_RENEW, {clock, 3}) == Error::ok);
  k.advance(2 * epoch);
  k.run_until("driver");
  CHECK(k.clock_mapped("driver"));
  k.advance(2 * epoch);
  k.advance(epoch);
  CHECK(!k.clock_mapped("driver"));
  k.run_until("driver");
  CHECK(k.call(RVM_HVC_LEASE_RENEW, {clock, 3}) == Error::no_lease);
  k.check_invariants();
}

TEST_CASE("lease: ends with the capability, and with its holder") {
  Machine k;
  std::uint32_t clock = k.handle("clock");
  REQUIRE(k.call(RVM_HVC_CAP_DERIVE, {clock, RVM_RIGHT_WRITE | RVM_RIGHT_PROVE, 0}) == Error::ok);
  const std::uint64_t derived = k.current->reg(1);
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {derived, 1000, k.map(), 64}) == Error::ok);
  REQUIRE(k.clock_mapped("driver"));
  REQUIRE(k.call(RVM_HVC_CAP_REVOKE, {clock}) ==
          Error::ok);  // the capability that it was leased through stems from this
  CHECK(!k.clock_mapped("driver"));
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {k.handle("entropy"), 1000, 0, 2}) == Error::ok);
  CHECK(k.machine.devices[1].running);
  k.run_until("other");
  REQUIRE(k.call(RVM_HVC_AGENT_TERMINATE, {k.handle("driver")}) == Error::ok);
  CHECK(!k.machine.devices[1].running);
  CHECK(!k.machine.devices[1].permitted);
  k.check_invariants();
}

TEST_CASE("lease: a device with DMA is for trusted partitions, and reaches only what its holder names") {
  Machine k;
  const std::uint32_t entropy = k.handle("entropy");
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {entropy, 1000, k.map(), 2}) == Error::bad_argument);
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {entropy, 1000, 0, 2}) == Error::ok);
  const std::uint64_t target = k.heap() + 256;
  REQUIRE(k.submit(target, 64, RVM_BUFFER_DEVICE_WRITES) == Error::ok);
  const auto request = static_cast<std::uint16_t>(k.current->reg(1));
  CHECK(k.call(RVM_HVC_DEVICE_COMPLETE, {entropy, 0}) == Error::would_block);
  k.machine.finish_device_request(1, request, std::byte{0x5a}, 0);
  k.advance(epoch);  // the next interrupt of the timer finds this one waiting, too
  k.run_until("driver");
  CHECK((k.running().notification & 4) != 0);
  CHECK(!k.machine.devices[1].permitted);  // until it is acknowledged
  REQUIRE(k.call(RVM_HVC_DEVICE_ACKNOWLEDGE, {entropy}) == Error::ok);
  CHECK(k.machine.devices[1].permitted);
  REQUIRE(k.call(RVM_HVC_DEVICE_COMPLETE, {entropy, 0}) == Error::ok);
  CHECK(k.current->reg(1) == request);
  CHECK(k.current->reg(2) == 64);
  CHECK(k.peek(target, 64) == std::vector<std::byte>(64, std::byte{0x5a}));

  CHECK(k.submit(k.map(), 64, RVM_BUFFER_DEVICE_WRITES) == Error::bad_address);
  CHECK(k.submit(k.running().slot.value - 4096, 64, RVM_BUFFER_DEVICE_WRITES) == Error::bad_address);
  CHECK(k.submit(UINT64_MAX - 8, 64, 0) == Error::bad_address);
  CHECK(k.submit(k.running().information->image_base, 64, RVM_BUFFER_DEVICE_WRITES) == Error::bad_address);
  CHECK(k.submit(target, 0, 0) == Error::bad_argument);
  CHECK(k.submit(target, 4097, 0) == Error::bad_argument);
  CHECK(k.submit(target, 64, 2) == Error::bad_argument);
  CHECK(k.submit(k.heap() + 4090, 64, 0) == Error::unaligned);
  CHECK(k.call(RVM_HVC_DEVICE_SUBMIT, {entropy, RVM_DEVICE_QUEUES, k.heap(), 1}) == Error::bad_argument);
  CHECK(k.call(RVM_HVC_DEVICE_SUBMIT, {entropy, 0, k.heap(), RVM_DEVICE_BUFFERS_MAX + 1}) == Error::bad_argument);
  CHECK(k.call(RVM_HVC_DEVICE_SUBMIT, {k.handle("clock"), 0, k.heap(), 1}) == Error::no_lease);

  // What the device reads stands before what it writes.
  const std::array<rvm_device_buffer, 2> reversed{rvm_device_buffer{target, 8, RVM_BUFFER_DEVICE_WRITES},
                                                  rvm_device_buffer{target, 8, 0}};
  const std::uint64_t list = k.poke(std::as_bytes(std::span{reversed}));
  CHECK(k.call(RVM_HVC_DEVICE_SUBMIT, {entropy, 0, list, 2}) == Error::bad_argument);

  // 4 KiB an epoch, of which 64 bytes are used now.
  REQUIRE(k.submit(target, 64, 0) == Error::ok);
  CHECK(k.submit(k.heap(), 4096, 0) == Error::resource_limit);
  REQUIRE(k.call(RVM_HVC_LEASE_RELEASE, {entropy}) == Error::ok);  // another lease is no other epoch
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {entropy, 1000, 0, 2}) == Error::ok);
  CHECK(k.submit(k.heap(), 4096, 0) == Error::resource_limit);
  k.advance(epoch);
  k.run_until("driver");
  CHECK(k.submit(k.heap(), 4096, 0) == Error::ok);

  k.run_until("other");
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {k.handle("entropy"), 1000, 0, 2}) == Error::dma_refused);
  CHECK(k.call(RVM_HVC_DEVICE_COMPLETE, {k.handle("entropy"), 0}) == Error::no_lease);
  k.check_invariants();
}

TEST_CASE("lease: a device that does not stop is nobody's any more, and keeps its page") {
  Machine k;
  const std::uint32_t entropy = k.handle("entropy");
  const std::uint32_t used = k.running().partition->account.used;
  k.machine.devices[1].refuses = true;  // but lets itself be stopped
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {entropy, 1000, 0, 2}) == Error::device_failed);
  CHECK(k.running().partition->account.used == used);
  k.machine.devices[1].refuses = false;
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {entropy, 1000, 0, 2}) == Error::ok);
  CHECK(k.running().partition->account.used == used + 1);
  const PhysicalAddress page = k.state().devices[1].queues;
  k.machine.devices[1].stuck = true;
  REQUIRE(k.call(RVM_HVC_LEASE_RELEASE, {entropy}) == Error::ok);
  CHECK(k.running().partition->account.used == used);
  CHECK(k.state().pages.owner_of(page) == hypervisor_partition);
  CHECK_FALSE(k.machine.devices[1].permitted);
  CHECK(k.call(RVM_HVC_LEASE_GRANT, {entropy, 1000, 0, 2}) == Error::device_failed);
  CHECK(k.call(RVM_HVC_DEVICE_COMPLETE, {entropy, 0}) == Error::no_lease);
  k.advance(epoch);
  CHECK(k.count_records(witness::Kind::device_failed) == 1);
  k.advance(epoch);
  CHECK(k.count_records(witness::Kind::device_failed) == 1);
}

TEST_CASE("lease: an interrupt whose cause stays comes so many times in an epoch and no more") {
  Machine k;
  const std::uint32_t clock = k.handle("clock");
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {clock, 1000, k.map(), 7}) == Error::ok);
  const auto storm = [&] {
    std::uint32_t taken = 0;
    for (int i = 0; i < 100; ++i) {
      k.machine.devices[0].asserted = true;
      if (!k.machine.devices[0].permitted) break;
      k.current = &on_interrupt(*k.current);
      ++taken;
      k.run_until("driver");
      CHECK(k.call(RVM_HVC_DEVICE_ACKNOWLEDGE, {clock}) == Error::ok);
    }
    return taken;
  };
  const std::uint64_t begin = k.state().epoch;
  CHECK(storm() == device_interrupts_per_epoch);
  REQUIRE(k.state().epoch == begin);
  CHECK_FALSE(k.machine.devices[0].permitted);
  k.machine.devices[0].asserted = false;
  k.advance(epoch);
  CHECK(k.machine.devices[0].permitted);  // what was acknowledged is permitted with the new epoch
  k.run_until("driver");
  storm();
  REQUIRE(k.call(RVM_HVC_LEASE_RELEASE, {clock}) == Error::ok);
  k.advance(epoch);
  CHECK_FALSE(k.machine.devices[0].permitted);  // and not without a lease
  k.run_until("driver");
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {clock, 1000, k.map(), 64}) == Error::ok);
  CHECK(k.call(RVM_HVC_DEVICE_ACKNOWLEDGE, {clock}) == Error::bad_state);  // no interrupt was asked for
  CHECK_FALSE(k.machine.devices[0].permitted);
  k.check_invariants();
}

TEST_CASE("no memory is sealed while a device may write to it") {
  Machine k;
  const auto seal = [&] { return k.call(RVM_HVC_MEMORY_SEAL, {k.handle("self"), k.heap(), 1}); };
  REQUIRE(k.call(RVM_HVC_LEASE_GRANT, {k.handle("entropy"), 10, 0, 64}) == Error::ok);
  CHECK(seal() == Error::bad_state);
  REQUIRE(k.call(RVM_HVC_LEASE_RELEASE, {k.handle("entropy")}) == Error::ok);
  CHECK(seal() == Error::ok);
}

}  // namespace rvm::kernel::test
