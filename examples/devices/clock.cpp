// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Leases the real-time clock (PL031, Arm DDI 0224): reads it, has it raise an interrupt, renews the lease, and at last uses it
// after its time: that is a fault. Its partition is not trusted, so it has to show evidence.
// args: the evidence, "word:" and bytes, or as `rvm approve` and `rvm witness prove` print it; then "overstay" for that last part
// alone, or "heir" to wait until another's lease is over.
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr std::uint64_t data = 0x00, match = 0x04, interrupt_mask = 0x10, interrupt_clear = 0x1c;
constexpr std::uint64_t bit = 5;

rvm_evidence given_evidence() {
  constexpr std::string_view word = "word:";
  const std::string_view text = argument(0);
  if (text.starts_with(word)) return evidence_of(text.substr(word.size()));
  const auto evidence = evidence_from(text);
  require(evidence.has_value(), "the first argument is no evidence");
  return evidence.value_or(rvm_evidence{});
}

void overstay(Device clock, const rvm_evidence& evidence) {
  const auto registers = lease_registers(clock, 50, map_base(), 64, &evidence);
  require(registers.has_value(), "no lease: ", error_of(registers));
  require(registers->read(data) != 0, "the clock shows nothing");
  sleep_for(milliseconds(100));
  require(error_of(renew(clock, 50)) == Error::no_lease, "a lease was renewed after its end");
  say("its time is over; reading the clock once more");
  say("ESCAPED: the clock shows ", registers->read(data));
}

void inherit(Device clock, const rvm_evidence& evidence) {
  sleep_for(milliseconds(20));  // the other comes first
  for (int refusals = 0;; ++refusals) {
    const auto registers = lease_registers(clock, 50, map_base(), 64, &evidence);
    if (registers) {
      require(refusals != 0 && registers->read(data) != 0, "nobody had it");
      say("the clock is free");
      return;
    }
    require(registers.error() == Error::bad_state, "another's lease gives ", registers.error());
    sleep_for(milliseconds(5));
  }
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const auto clock = find<Device>("clock");
  const rvm_evidence evidence = given_evidence();
  if (argument(1) == "overstay") {
    overstay(clock, evidence);
    return 1;
  }
  if (argument(1) == "heir") {
    inherit(clock, evidence);
    return 0;
  }
  require(error_of(lease_registers(clock, 2'000, map_base(), bit)) == Error::proof, "a lease without evidence");
  const rvm_evidence wrong = evidence_of("not the right word");
  require(error_of(lease_registers(clock, 2'000, map_base(), bit, &wrong)) == Error::proof, "a lease for a wrong word");
  const auto registers = lease_registers(clock, 2'000, map_base(), bit, &evidence);
  require(registers.has_value(), "no lease: ", error_of(registers));
  const std::uint32_t start = registers->read(data);
  say("seconds since 1970: ", start);
  registers->write(match, start + 1);
  registers->write(interrupt_mask, 1);
  require(wait(1 << bit, now() + milliseconds(3'000)).has_value(), "the interrupt does not come");
  registers->write(interrupt_clear, 1);
  require(acknowledge(clock).has_value(), "cannot acknowledge");
  say("a second later the clock rang");
  require(renew(clock, 100).has_value(), "cannot renew");
  registers->write(interrupt_mask, 0);
  require(release(clock).has_value(), "cannot release");
  require(error_of(acknowledge(clock)) == Error::no_lease, "a lease outlives its release");
  return 0;
}
