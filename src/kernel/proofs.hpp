// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Higher proof tiers of a hypercall whose P1 has passed.
#pragma once

#include "hypercalls.hpp"
#include "rvm/proof/p2.hpp"
#include "rvm/proof/p3.hpp"

namespace rvm::kernel {

/// x8-x15, as the ABI lays them out.
[[nodiscard]] proof::Token token_of(hal::Context& registers);

/// P2 over this request (rvm/proof/p2.hpp). Error::proof.
[[nodiscard]] Result<proof::Verified> prove(std::uint64_t operation, const Request& r, const proof::Token& token,
                                            proof::Tier tier);

/// Of an operation of tier P3: the refusal that no evidence changes, or Error::ok.
[[nodiscard, gnu::noinline]] Error refused_in_any_case(std::uint64_t operation, const Request& r);
/// Whether the evidence in x7 holds. Not done() while it is verified: the caller makes its call again (deferred_proofs.hpp).
/// Error::proof, or why the evidence cannot be read.
[[nodiscard, gnu::noinline]] Outcome show_evidence(std::uint64_t operation, const Request& r,
                                                   const proof::Token& token);

}  // namespace rvm::kernel
