// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/proof/p2.hpp"

#include <bit>
#include <cstring>

namespace rvm::proof {
namespace {

/// All ones when the condition holds. The conditions are comparisons of two registers, which become CSET or SETcc.
std::uint64_t mask(bool condition) { return 0 - std::uint64_t{condition}; }

/// All ones when the digests are equal; looks at every word.
std::uint64_t equal(const crypto::Digest& a, const crypto::Digest& b) {
  std::array<std::uint64_t, 4> x;
  std::array<std::uint64_t, 4> y;
  std::memcpy(x.data(), a.data(), sizeof x);
  std::memcpy(y.data(), b.data(), sizeof y);
  const std::uint64_t difference = (x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]);
  return mask(difference == 0);
}

/// Hides from the compiler where a value comes from, so that it cannot turn the combination of masks into branches.
std::uint64_t opaque(std::uint64_t value) {
  asm volatile("" : "+r"(value));  // sound: emits nothing
  return value;
}

}  // namespace

crypto::Digest mutation_hash(const Request& request, const Token& token) {
  static_assert(std::endian::native == std::endian::little);
  rvm_proof_subject subject{};
  std::memcpy(subject.domain, RVM_PROOF_DOMAIN, sizeof subject.domain);
  subject.abi_version = RVM_ABI_VERSION;
  subject.operation = request.operation;
  subject.partition_id = request.partition.value;
  subject.agent_id = request.agent.value;
  std::memcpy(subject.arguments, request.arguments.data(), sizeof subject.arguments);
  subject.nonce = token.nonce;
  subject.not_before_ns = token.not_before.value;
  subject.not_after_ns = token.not_after.value;
  subject.tier = token.tier;
  return crypto::sha256(crypto::bytes_of(subject));
}

Result<Verified> verify_p2(const Request& request, const Token& token, const Facts& facts, const NonceWindow& nonces) {
  std::uint64_t good = mask(facts.rights.contains(rights::prove));
  good &= opaque(equal(mutation_hash(request, token), token.mutation_hash));
  good &= opaque(mask(token.tier >= static_cast<std::uint64_t>(facts.needed)) & mask(token.tier <= 3));
  good &= opaque(mask(token.not_before <= facts.now));
  good &= opaque(mask(facts.now <= token.not_after));
  good &= opaque(mask(token.not_after.value - token.not_before.value <= RVM_PROOF_VALIDITY_MAX_NS));
  good &= opaque(nonces.fresh(token.nonce));
  good &= opaque(mask(facts.chain_sound));
  good &= opaque(mask(facts.within_bounds));
  good &= opaque(mask(facts.lease_current));
  if (good == 0) [[unlikely]]
    return fail(Error::proof);
  return Verified{facts.needed};
}

}  // namespace rvm::proof
