// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Proof tier P2: that the caller means exactly this request, now, and holds what it takes.
//
// Every check runs whatever the others say, their verdicts are combined by data flow, and there is one error: neither time nor
// answer tells which check failed. The kernel computes each verdict; nothing in the proof is believed.
#pragma once

#include <array>
#include <cstdint>

#include "rvm/abi.h"
#include "rvm/crypto/sha256.hpp"
#include "rvm/proof/nonce_window.hpp"
#include "rvm/types/error.hpp"
#include "rvm/types/ids.hpp"
#include "rvm/types/rights.hpp"
#include "rvm/types/time.hpp"

namespace rvm::proof {

enum class Tier : std::uint8_t { p1 = 1, p2 = 2, p3 = 3 };

/// What the caller presents (x8-x15).
struct Token {
  crypto::Digest mutation_hash;
  std::uint64_t nonce = 0;
  Nanoseconds not_before{0};
  Nanoseconds not_after{0};
  std::uint64_t tier = 0;
};

/// What is asked for, and by whom; with the token's own fields it makes the canonical encoding.
struct Request {
  std::uint32_t operation = 0;
  PartitionId partition;
  AgentId agent;
  std::array<std::uint64_t, 7> arguments{};  ///< x1-x7
};

/// What the kernel established about the capability and the request.
struct Facts {
  Rights rights;              ///< of the capability in x1
  bool chain_sound = false;   ///< every ancestor up to the object's root is live and covers its child
  bool within_bounds = true;  ///< the range asked for lies where the caller may map
  bool lease_current = true;  ///< of a device
  Tier needed = Tier::p2;
  Nanoseconds now{0};
};

/// SHA-256 of the rvm_proof_subject. Two blocks; see rvm/crypto/sha256.hpp about vector registers.
[[nodiscard]] crypto::Digest mutation_hash(const Request& request, const Token& token);

/// A proof that held. Only verify_p2 makes one.
class Verified {
 public:
  [[nodiscard]] Tier tier() const { return tier_; }

 private:
  friend Result<Verified> verify_p2(const Request& request, const Token& token, const Facts& facts,
                                    const NonceWindow& nonces);
  explicit Verified(Tier tier) : tier_(tier) {}
  Tier tier_;
};

/// Error::proof. Does not use up the nonce: the caller does (NonceWindow::use), once the operation is over. Constant time in
/// all it is given.
[[nodiscard]] Result<Verified> verify_p2(const Request& request, const Token& token, const Facts& facts,
                                         const NonceWindow& nonces);

}  // namespace rvm::proof
