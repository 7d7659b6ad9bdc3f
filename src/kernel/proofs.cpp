// SPDX-License-Identifier: MIT OR Apache-2.0
#include "proofs.hpp"

#include <cstring>

#include "rvm/hal/vector_scope.hpp"

namespace rvm::kernel {
namespace {

/// What is mapped must stay inside the part of the caller's slot that is for it; nothing else names a range.
bool within_bounds(std::uint64_t operation, const Request& r) {
  if (operation == RVM_HVC_LEASE_GRANT) {
    const std::uint64_t end = r.caller.slot.value + hal::Port::geometry().slot_bytes;
    return r.argument(3) == 0 || (r.argument(3) >= r.caller.map_base.value && r.argument(3) < end);
  }
  if (operation != RVM_HVC_REGION_MAP) return true;
  const RegionObject* const region = r.object_region();
  if (region == nullptr) return true;  // the handler says that it is gone
  const std::uint64_t at = r.argument(2);
  const std::uint64_t bytes = std::uint64_t{region->region.pages()} * page_bytes;
  const std::uint64_t end = r.caller.slot.value + hal::Port::geometry().slot_bytes;
  return at >= r.caller.map_base.value && at < end && bytes <= end - at;
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

}  // namespace rvm::kernel
