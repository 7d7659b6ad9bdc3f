// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From trap to record, as ../dispatch.cpp and ../traps.cpp do it on the appliance, for the hypercalls that a microcontroller has. The
// others answer BAD_OPERATION: partitions, memory and agents are the manifest's, so there is nothing that P2 or P3 would be asked
// for, and no operation of theirs is here.
#include <array>

#include "agents.hpp"
#include "answer.hpp"
#include "arena.hpp"
#include "rvm/hal/seed_entry.hpp"
#include "rvm/seed.h"
#include "scheduler.hpp"
#include "text.hpp"

namespace rvm::kernel {
namespace {

/// What P1 demands of x1.
struct Policy {
  ObjectType type = ObjectType::none;
  Rights needed;
};
consteval Policy policy_of(std::uint32_t operation) {
  switch (operation) {
#define RVM_X(name, number, object, rights, tier, doc) \
  case number: \
    return {static_cast<ObjectType>(RVM_OBJECT_##object), Rights{rights}};
    RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
    default:
      return {};
  }
}

/// P1 of x1: the index of the object in its pool, or the error, negated. No object here ends before its capabilities.
[[gnu::noinline]] std::int32_t prove(const Agent& caller, Policy policy) {
  if (policy.type == ObjectType::any) __builtin_unreachable();
  const auto capability =
      caller.capabilities->check(Handle::from_abi(caller.context->reg(1)), policy.type, policy.needed);
  if (!capability) return -static_cast<std::int32_t>(capability.error());
  return static_cast<std::uint16_t>((*capability)->object_id());
}
template <std::uint32_t Operation>
std::int32_t prove(const Agent& caller) {
  constexpr Policy policy = policy_of(Operation);
  static_assert(policy.type != ObjectType::any);
  return prove(caller, policy);
}
constexpr Error refusal(std::int32_t proven) { return static_cast<Error>(-proven); }
std::uint16_t index(std::int32_t proven) { return static_cast<std::uint16_t>(proven); }

[[gnu::noinline]] Outcome sleep_until(State& s, Core& core, Agent& caller, Nanoseconds until) {
  const Nanoseconds now = hal::Port::now();
  if (caller.timed_job) {
    caller.timed_job = false;
    ++(now <= caller.job_release + caller.deadline ? caller.deadlines_met : caller.deadlines_missed);
  }
  if (now < until) {
    block(s, core, Wait::sleep, until);
    return Outcome::waiting();
  }
  // The next job was due already: it is released late, but released.
  caller.job_release = until;
  caller.timed_job = caller.deadline.value != 0;
  return Error::ok;
}

[[gnu::noinline]] Outcome console_write(State& s, Agent& caller, GuestAddress from, std::uint64_t length) {
  if (length > RVM_SEED_CONSOLE_BYTES_MAX) return Error::bad_argument;
  std::array<char, RVM_SEED_CONSOLE_BYTES_MAX> text;
  const auto bytes = std::span{text}.first(static_cast<std::size_t>(length));
  if (auto copied = copy_in(s, s.partition_of(caller), from, std::as_writable_bytes(bytes)); !copied) return copied;
  Line line;
  line.name(caller.name).text("| ");
  for (const char c : bytes) line.escaped(c);
  line.print();
  return Error::ok;
}

Outcome receive_on(State& s, Core& core, Agent& caller, hal::Context& x) {
  Edge* edge = nullptr;
  if (x.reg(1) != RVM_INVALID_HANDLE) {
    const std::int32_t proven = prove(caller, {ObjectType::edge, rights::read});
    if (proven < 0) return refusal(proven);
    edge = &s.edges.at(index(proven));
  }
  return receive(s, core, edge, GuestAddress{x.reg(2)}, x.reg(3), Nanoseconds{x.reg(4)});
}

Outcome run(State& s, Core& core, Agent& caller, hal::Context& x, std::uint32_t operation) {
  std::int32_t proven = 0;
  switch (operation) {
    case RVM_HVC_REPLY:
      return reply(s, core);
    case RVM_HVC_SEND:
      if (proven = prove<RVM_HVC_SEND>(caller); proven < 0) return refusal(proven);
      if (x.reg(3) > RVM_SEED_MESSAGE_BYTES_MAX) return Error::bad_argument;
      return send(s, core, s.edges.at(index(proven)), GuestAddress{x.reg(2)}, x.reg(3), Nanoseconds{x.reg(4)});
    case RVM_HVC_RECEIVE:
      return receive_on(s, core, caller, x);
    case RVM_HVC_SIGNAL:
      if (proven = prove<RVM_HVC_SIGNAL>(caller); proven < 0) return refusal(proven);
      return signal(s, s.agents.at(index(proven)), x.reg(2));
    case RVM_HVC_WAIT:
      return wait_for_signal(s, core, x.reg(1), Nanoseconds{x.reg(2)});
    case RVM_HVC_SLEEP_UNTIL:
      return sleep_until(s, core, caller, Nanoseconds{x.reg(1)});
    case RVM_HVC_EXIT:
      if (!end(s, core, caller, x.reg(1))) return Error::witness_log_full;
      return Outcome::waiting();
    case RVM_HVC_CONSOLE_WRITE:
      if (proven = prove<RVM_HVC_CONSOLE_WRITE>(caller); proven < 0) return refusal(proven);
      return console_write(s, caller, GuestAddress{x.reg(2)}, x.reg(3));
    default:
      return Error::bad_operation;
  }
}

/// x0 to x2 are still what they were, since it did not succeed or was not asked to return anything there.
void conclude(State& s, Core& core, Agent& caller, const Outcome& outcome) {
  hal::Context& x = *caller.context;
  answer_call(s, core, caller, outcome, x.reg(0), x.reg(1), x.reg(2));
}

[[gnu::noinline]] hal::Context& general_path(State& s, Core& core, Agent& caller, std::uint32_t operation) {
  const Outcome outcome = run(s, core, caller, *caller.context, operation);
  if (outcome.done()) conclude(s, core, caller, outcome);
  return resume(s, core);
}

[[gnu::noinline]] hal::Context& call_path(State& s, Core& core, Agent& caller) {
  const std::int32_t proven = prove<RVM_HVC_CALL>(caller);
  const Outcome outcome = proven >= 0 ? call(s, core, s.edges.at(index(proven))) : Outcome{refusal(proven)};
  if (outcome.done()) [[unlikely]]
    conclude(s, core, caller, outcome);
  return resume(s, core);
}

[[gnu::noinline]] hal::Context& reply_path(State& s, Core& core) {
  (void)reply_wait(s, core);  // waits in any case
  return resume(s, core);
}

}  // namespace

Status copy_in(State& s, Partition&, GuestAddress from, std::span<std::byte> to) {
  const hal::mpu::Range& data = s.cores[0].current->context->data;
  const hal::mpu::Range& program = s.cores[0].current->context->program;
  const auto address = static_cast<std::uint32_t>(from.value);
  const auto bytes = static_cast<std::uint32_t>(to.size());
  if (from.value >> 32 != 0 || (!data.contains(address, bytes) && !program.contains(address, bytes)))
    return fail(Error::bad_address);
  std::memcpy(to.data(), reinterpret_cast<const void*>(address), bytes);  // the agent could have read it itself
  return {};
}

Status copy_out(State& s, Partition&, GuestAddress to, std::span<const std::byte> from) {
  const auto address = static_cast<std::uint32_t>(to.value);
  if (to.value >> 32 != 0 ||
      !s.cores[0].current->context->data.contains(address, static_cast<std::uint32_t>(from.size())))
    return fail(Error::bad_address);
  std::memcpy(reinterpret_cast<void*>(address), from.data(), from.size());  // the agent could have written it itself
  return {};
}

hal::Context& on_hypercall(hal::Context& context) {
  State& s = the_state;
  Core& core = s.cores[0];
  Agent& caller = *core.current;
  std::uint64_t* const x = context.registers->data();
  const auto operation = x[0] >> 32 != 0 ? UINT32_MAX : static_cast<std::uint32_t>(x[0]);
  // Each path is out of line: none pays for the registers that another needs.
  switch (operation) {
    case RVM_HVC_NULL:
      return context;
    case RVM_HVC_CALL:
      return call_path(s, core, caller);
    case RVM_HVC_REPLY_WAIT:
      return reply_path(s, core);
    case RVM_HVC_TIME:
      x[1] = hal::Port::now().value;
      x[0] = 0;
      return context;
    case RVM_HVC_YIELD:
      core.slice_end.value = 0;
      x[0] = 0;
      return decide(s, core, hal::Port::now());
    default:
      break;
  }
  return general_path(s, core, caller, operation);
}

hal::Context& on_fault(hal::Context&, const hal::Fault& fault) {
  contain(the_state, the_state.cores[0], *the_state.cores[0].current, fault);
  return resume(the_state, the_state.cores[0]);
}

hal::Context& on_timer_interrupt(hal::Context&, Nanoseconds now) {
  on_timer(the_state, the_state.cores[0], now);
  return decide(the_state, the_state.cores[0], now);
}

hal::Context& on_reschedule(hal::Context&) { return decide(the_state, the_state.cores[0], hal::Port::now()); }

void on_kernel_fault(std::uint64_t syndrome, std::uint64_t address, std::uint64_t program_counter) {
  Line{}
      .text("rvm# {\"t\":\"panic\"")
      .field("syndrome", syndrome)
      .field("address", address)
      .field("pc", program_counter)
      .text("}")
      .print();
  hal::Port::power_off();
}

}  // namespace rvm::kernel
