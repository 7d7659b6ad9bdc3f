// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Higher proof tiers of a hypercall whose P1 has passed.
#pragma once

#include "hypercalls.hpp"
#include "rvm/proof/p2.hpp"

namespace rvm::kernel {

/// x8-x15, as the ABI lays them out.
[[nodiscard]] proof::Token token_of(hal::Context& registers);

/// P2 over this request (rvm/proof/p2.hpp). Error::proof.
[[nodiscard]] Result<proof::Verified> prove(std::uint64_t operation, const Request& r, const proof::Token& token,
                                            proof::Tier tier);

}  // namespace rvm::kernel
