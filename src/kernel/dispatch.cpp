// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From trap to record. Every hypercall that on_hypercall (fast_path.cpp) did not complete comes here: the operation is looked
// up in the policy table (made from RVM_HYPERCALL_TABLE), P1 is checked, the handler runs, a refusal is witnessed, and the
// scheduler decides who goes on.
#include <array>

#include "answer.hpp"
#include "evidence.hpp"
#include "fast_path.hpp"
#include "hypercalls.hpp"
#include "proofs.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

/// The proof tier that an operation needs, of agents in trusted partitions and of others.
struct Tiers {
  proof::Tier trusted = proof::Tier::p1;
  proof::Tier untrusted = proof::Tier::p1;
};
constexpr Tiers P1;  // as the table spells them
constexpr Tiers P2{proof::Tier::p2, proof::Tier::p2};
constexpr Tiers P2_P3{proof::Tier::p2, proof::Tier::p3};

/// What P1 demands of x1, and whether that is enough, by operation.
struct Policy {
  bool exists = false;
  ObjectType type = ObjectType::none;
  Rights needed;
  Tiers tiers;
};

consteval std::array<Policy, RVM_HVC_LIMIT> make_policy() {
  std::array<Policy, RVM_HVC_LIMIT> table{};
#define RVM_X(name, number, object, rights, tier, doc) \
  table[number] = {true, static_cast<ObjectType>(RVM_OBJECT_##object), Rights{rights}, tier};
  RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
  return table;
}
constexpr std::array<Policy, RVM_HVC_LIMIT> policy = make_policy();

Nanoseconds time_argument(const Request& r, unsigned i) { return Nanoseconds{r.argument(i)}; }

Outcome run_call(const Request& r) {
  Edge* const edge = r.object_edge();
  return edge != nullptr ? call(r.s, r.core, *edge) : Outcome{Error::peer_gone};
}

Outcome run_send(const Request& r) {
  Edge* const edge = r.object_edge();
  if (edge == nullptr) return Error::peer_gone;
  return send(r.s, r.core, *edge, GuestAddress{r.argument(2)}, r.argument(3), time_argument(r, 4));
}

Outcome run_receive(const Request& r) {
  Edge* edge = nullptr;
  if (r.argument(1) != RVM_INVALID_HANDLE) {
    const auto capability = r.second(1, ObjectType::edge, rights::read);
    if (!capability) return capability.error();
    edge = r.s.edges.find(EdgeId{(*capability)->object_id()});
    if (edge == nullptr) return Error::peer_gone;
  }
  return receive(r.s, r.core, edge, GuestAddress{r.argument(2)}, r.argument(3), time_argument(r, 4));
}

Outcome run_signal(const Request& r) {
  Agent* const target = r.object_agent();
  if (target == nullptr || target->state == AgentState::terminated) return Error::peer_gone;
  return signal(r.s, *target, r.argument(2));
}

// Small: what is in a hurry was taken by on_hypercall, and this holds every other handler.
[[clang::minsize]] Outcome run(std::uint64_t operation, const Request& r) {
  switch (operation) {
    case RVM_HVC_CALL:
      return run_call(r);
    case RVM_HVC_REPLY_WAIT:
      return reply_wait(r.s, r.core);
    case RVM_HVC_NULL:
      return Error::ok;
    case RVM_HVC_TIME:
      r.result(1, hal::Port::now().value);
      return Error::ok;
    case RVM_HVC_YIELD:
      return yield(r);
    case RVM_HVC_SLEEP_UNTIL:
      return sleep_until(r);
    case RVM_HVC_EXIT:
      return exit(r);
    case RVM_HVC_CONSOLE_WRITE:
      return console_write(r);
    case RVM_HVC_WAIT:
      return wait_for_signal(r.s, r.core, r.argument(1), time_argument(r, 2));
    case RVM_HVC_SELF:
      return self_info(r);
    case RVM_HVC_PARTITION_CREATE:
      return partition_create(r);
    case RVM_HVC_PARTITION_DESTROY:
      return partition_destroy(r);
    case RVM_HVC_PARTITION_SUSPEND:
      return partition_suspend(r);
    case RVM_HVC_PARTITION_RESUME:
      return partition_resume(r);
    case RVM_HVC_PARTITION_INFO:
      return partition_info(r);
    case RVM_HVC_AGENT_SPAWN:
      return agent_spawn(r);
    case RVM_HVC_AGENT_FORK:
      return agent_fork(r);
    case RVM_HVC_AGENT_TERMINATE:
      return agent_terminate(r);
    case RVM_HVC_AGENT_INFO:
      return agent_info(r);
    case RVM_HVC_AGENT_SUSPEND:
      return agent_suspend(r);
    case RVM_HVC_AGENT_RESUME:
      return agent_resume(r);
    case RVM_HVC_AGENT_MIGRATE:
      return agent_migrate(r);
    case RVM_HVC_PARTITION_SPLIT:
      return partition_split(r);
    case RVM_HVC_PARTITION_MERGE:
      return partition_merge(r);
    case RVM_HVC_CAP_DERIVE:
      return cap_derive(r);
    case RVM_HVC_CAP_REVOKE:
      return cap_revoke(r);
    case RVM_HVC_CAP_DROP:
      return cap_drop(r);
    case RVM_HVC_CAP_TRANSFER:
      return cap_transfer(r);
    case RVM_HVC_CAP_INSPECT:
      return cap_inspect(r);
    case RVM_HVC_CAP_OBTAIN:
      return cap_obtain(r);
    case RVM_HVC_REGION_CREATE:
      return region_create(r);
    case RVM_HVC_REGION_DESTROY:
      return region_destroy(r);
    case RVM_HVC_REGION_MAP:
      return region_map(r);
    case RVM_HVC_REGION_UNMAP:
      return region_unmap(r);
    case RVM_HVC_REGION_SHARE:
      return region_share(r);
    case RVM_HVC_REGION_UNSHARE:
      return region_unshare(r);
    case RVM_HVC_REGION_TRANSFER:
      return region_transfer(r);
    case RVM_HVC_MEMORY_SEAL:
      return memory_seal(r);
    case RVM_HVC_REPLY:
      return reply(r.s, r.core);
    case RVM_HVC_SEND:
      return run_send(r);
    case RVM_HVC_RECEIVE:
      return run_receive(r);
    case RVM_HVC_SIGNAL:
      return run_signal(r);
    case RVM_HVC_EDGE_CREATE:
      return edge_create(r);
    case RVM_HVC_EDGE_DESTROY:
      return edge_destroy(r);
    case RVM_HVC_WITNESS_HEAD:
      return witness_head(r);
    case RVM_HVC_WITNESS_READ:
      return witness_read(r);
    case RVM_HVC_TURN_COMMIT:
      return turn_commit(r);
    case RVM_HVC_TURN_ABORT:
      return turn_abort(r);
    case RVM_HVC_SYSTEM_READ:
      return system_read(r);
    case RVM_HVC_LEASE_GRANT:
      return lease_grant(r);
    case RVM_HVC_LEASE_RENEW:
      return lease_renew(r);
    case RVM_HVC_LEASE_RELEASE:
      return lease_release(r);
    case RVM_HVC_LEASE_INFO:
      return lease_info(r);
    case RVM_HVC_DEVICE_ACKNOWLEDGE:
      return device_acknowledge(r);
    case RVM_HVC_DEVICE_CONFIGURATION:
      return device_configuration(r);
    case RVM_HVC_DEVICE_SUBMIT:
      return device_submit(r);
    case RVM_HVC_DEVICE_COMPLETE:
      return device_complete(r);
    default:
      return Error::bad_operation;
  }
}

/// P2 or P3. The nonce is used up by what succeeds: an operation that changed nothing, or has parts to come, may be repeated.
Outcome run_proven(std::uint64_t operation, const Request& r, proof::Tier tier) {
  if (tier == proof::Tier::p3) [[unlikely]] {
    if (const Error hopeless = refused_in_any_case(operation, r); hopeless != Error::ok) return hopeless;
  }
  const proof::Token token = token_of(r.registers);
  const auto verified = prove(operation, r, token, tier);
  if (!verified) return verified.error();
  if (tier == proof::Tier::p3) [[unlikely]] {
    const Outcome shown = show_evidence(operation, r, token);
    if (!shown.done() || shown.error() != Error::ok) return shown;
  }
  const auto raised = r.authority.raised(*verified);
  const Outcome outcome = run(operation, Request{r.s, r.core, r.caller, r.partition, r.registers, raised, r.object});
  if (outcome.done() && outcome.error() == Error::ok) r.caller.nonces->use(token.nonce);
  return outcome;
}

Outcome check_and_run(State& s, Core& core, Agent& caller, std::uint64_t operation) {
  if (operation >= policy.size()) return Error::bad_operation;
  const Policy& rule = policy[static_cast<std::size_t>(operation)];
  if (!rule.exists) return Error::bad_operation;
  Partition& partition = s.partition_of(caller);
  hal::Context& registers = *caller.context;
  if (rule.type == ObjectType::none) {
    const auto authority = security::Authority::self(partition.id);
    return run(operation, Request{s, core, caller, partition, registers, authority, nullptr});
  }
  const auto proof = security::Authority::prove(partition.id, *caller.capabilities, Handle::from_abi(registers.reg(1)),
                                                rule.type, rule.needed);
  if (!proof) return proof.error();
  const Request request{s, core, caller, partition, registers, proof->first, proof->second};
  const proof::Tier tier = partition.type == RVM_PARTITION_AGENT ? rule.tiers.untrusted : rule.tiers.trusted;
  return tier == proof::Tier::p1 ? run(operation, request) : run_proven(operation, request, tier);
}

}  // namespace

hal::Context& general_path(Guard& guard, Core& core, hal::Context& context) {
  State& s = *guard;
  Agent& caller = *core.current;
  if (caller.state == AgentState::running) [[likely]] {
    const std::uint64_t operation = context.reg(0);
    const std::uint64_t first = context.reg(1);
    const std::uint64_t second = context.reg(2);
    const Outcome outcome = check_and_run(s, core, caller, operation);
    if (outcome.done()) answer_call(s, core, caller, outcome, operation, first, second);
  } else {
    // Suspended by another core a moment ago: it makes the call when it is resumed.
    context.rewind_call();
  }
  return resume(guard, core);
}

}  // namespace rvm::kernel
