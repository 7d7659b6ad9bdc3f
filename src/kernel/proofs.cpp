// SPDX-License-Identifier: MIT OR Apache-2.0
#include "proofs.hpp"

#include <cstring>

#include "deferred_proofs.hpp"
#include "leases.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "scheduler.hpp"
#include "worker.hpp"

namespace rvm::kernel {
namespace {

/// Whether [at, at + bytes) lies in the part of the caller's slot that is for mappings. Takes the same time whatever the answer.
bool is_mappable(const Request& r, std::uint64_t at, std::uint64_t bytes) {
  const std::uint64_t end = r.caller.slot.value + hal::Port::geometry().slot_bytes;
  const unsigned after_start = at >= r.caller.map_base.value ? 1 : 0;
  const unsigned before_end = at < end ? 1 : 0;
  const unsigned fits = bytes <= end - at ? 1 : 0;
  return (after_start & before_end & fits) != 0;
}

/// What is mapped must stay inside the part of the caller's slot that is for it; nothing else names a range.
bool within_bounds(std::uint64_t operation, const Request& r) {
  if (operation == RVM_HVC_LEASE_GRANT) return r.argument(3) == 0 || is_mappable(r, r.argument(3), 1);
  if (operation != RVM_HVC_REGION_MAP) return true;
  const RegionObject* const region = r.object_region();
  if (region == nullptr) return true;  // the handler says that it is gone
  return is_mappable(r, r.argument(2), std::uint64_t{region->region.pages()} * page_bytes);
}

/// What an operation of tier P3 does, and the evidence it wants.
[[clang::minsize]] Result<proof::Act> act_of(std::uint64_t operation, const Request& r) {
  const Device* const device = device_of(r.s, r.object_id());
  if (device == nullptr) return fail(Error::peer_gone);
  if (hal::Port::devices()[device->port].dma) return fail(Error::dma_refused);
  const rvm_package_device& entry = r.s.package.devices()[r.object_id() - 1];
  proof::Act act{.operation = static_cast<std::uint32_t>(operation), .evidence_kind = entry.evidence};
  std::memcpy(act.partition, r.partition.name.data(), sizeof act.partition);
  std::memcpy(act.object, entry.name, sizeof act.object);
  std::memcpy(act.evidence_value, entry.evidence_value, sizeof act.evidence_value);
  return act;
}

/// Copies the evidence to where the worker finds it. What kind it is, is read once: the caller's memory may change.
[[clang::minsize]] Status read_evidence(const Request& r, rvm_evidence& to) {
  constexpr unsigned at = 7;
  struct Head {
    std::uint32_t kind;
    std::uint32_t count;
  } head{};
  static_assert(sizeof head == offsetof(rvm_evidence, as));
  to = {};
  const auto bytes = std::as_writable_bytes(std::span{&to, 1});
  if (auto read = copy_in(r.s, r.partition, GuestAddress{r.argument(at)}, bytes.first<sizeof head>()); !read)
    return read;
  std::memcpy(&head, bytes.data(), sizeof head);
  const std::size_t size = proof::evidence_bytes(head.kind, head.count);
  if (size == 0) return fail(Error::proof);
  if (auto read = copy_in(r.s, r.partition, GuestAddress{r.argument(at)}, bytes.first(size)); !read) return read;
  std::memcpy(bytes.data(), &head, sizeof head);
  return {};
}

}  // namespace

proof::Token token_of(hal::Context& registers) {
  proof::Token token;
  std::array<std::uint64_t, 4> digest;
  for (unsigned i = 0; i < digest.size(); ++i) digest[i] = registers.reg(8 + i);
  std::memcpy(token.mutation_hash.data(), digest.data(), sizeof digest);
  token.nonce = registers.reg(12);
  token.not_before = Nanoseconds{registers.reg(13)};
  token.not_after = Nanoseconds{registers.reg(14)};
  token.tier = registers.reg(15);
  return token;
}

Result<proof::Verified> prove(std::uint64_t operation, const Request& r, const proof::Token& token, proof::Tier tier) {
  proof::Request request{
      .operation = static_cast<std::uint32_t>(operation), .partition = r.partition.id, .agent = r.caller.id};
  for (unsigned i = 0; i < request.arguments.size(); ++i) request.arguments[i] = r.argument(1 + i);
  const proof::Facts facts{.rights = r.capability().rights(),
                           .chain_sound = r.s.capabilities.chain_sound(r.object_ref()),
                           .within_bounds = within_bounds(operation, r),
                           .needed = tier,
                           .now = hal::Port::now()};
  const hal::VectorScope vectors;
  return proof::verify_p2(request, token, facts, *r.caller.nonces);
}

[[clang::minsize]] Error refused_in_any_case(std::uint64_t operation, const Request& r) {
  const auto act = act_of(operation, r);
  return act ? Error::ok : act.error();
}

[[clang::minsize]] Outcome show_evidence(std::uint64_t operation, const Request& r, const proof::Token& token) {
  const auto act = act_of(operation, r);
  if (!act) return act.error();
  DeferredProofs& proofs = deferred_proofs();
  const std::size_t place = r.object_id() - 1;
  const DeferredProofs::Request request{r.caller.id, token.mutation_hash, r.s.epoch};
  switch (proofs.ask(place, request)) {
    case DeferredProofs::State::holds:
      return Error::ok;
    case DeferredProofs::State::fails:
      return Error::proof;
    case DeferredProofs::State::free:
      if (auto read = read_evidence(r, proofs.evidence(place)); !read) {
        proofs.leave(place);
        return read;
      }
      proofs.file(place, request, *act);
      break;
    case DeferredProofs::State::waiting:
      break;
  }
  r.caller.context->rewind_call();
  block(r.s, r.core, Wait::throttled, hal::Port::now() + r.s.epoch_length);
  (void)wake_worker(r.s, r.core);
  return Outcome::waiting();
}

}  // namespace rvm::kernel
