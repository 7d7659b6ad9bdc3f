// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Proof tier P3: P2, and evidence for the act itself that does not come from who asks (rvm_evidence in rvm/abi.h). One of
//
//   preimage     bytes whose SHA-256 the boot package has
//   record       the action that the boot package describes stands in this machine's log: the record is chained to the one
//                before it, and a Merkle path leads from it to a tree head that this machine signed
//   attestation  a key that the boot package has signed that this partition may do this to this object, on this machine,
//                with the software that it measured, in this time
//
// What is checked against is the kernel's own knowledge; from the evidence come only the bytes that prove.
#pragma once

#include <cstdint>
#include <string_view>

#include "rvm/abi.h"
#include "rvm/boot_package.h"
#include "rvm/crypto/ed25519.hpp"
#include "rvm/crypto/sha256.hpp"

namespace rvm::proof {

/// What the machine knows of itself.
struct Machine {
  crypto::Ed25519PublicKey key{};  ///< of its attestation identity, which signs tree heads
  std::string_view log_origin;     ///< empty: there is no log volume, so nothing is signed
  crypto::Digest kernel{};         ///< what boot phase HalInit loaded
  crypto::Digest programs{};       ///< what boot phase Handoff loaded
};

/// What is to be done, and what the boot package wants to see for it.
struct Act {
  std::uint32_t operation = 0;
  char partition[RVM_NAME_BYTES]{};
  char object[RVM_NAME_BYTES]{};
  std::uint32_t evidence_kind = RVM_EVIDENCE_NONE;
  std::uint8_t evidence_value[32]{};
};

/// What an attestation of this act has to sign, for these times (Unix, ns).
[[nodiscard]] rvm_attestation_subject attestation_subject(const Act& act, const Machine& machine,
                                                          std::uint64_t not_before, std::uint64_t not_after);

/// Bytes of an evidence of this kind and count that have to exist; 0 if there is no such evidence.
[[nodiscard]] std::size_t evidence_bytes(std::uint32_t kind, std::uint32_t count);

/// Precondition: evidence_bytes is not 0. `unix_ns` is now. Cost: 3 blocks of SHA-256, or an Ed25519 verification and, for a
/// record, 2 blocks for each hash of the path; see rvm/crypto/sha256.hpp about vector registers. Not constant-time: evidence is
/// no secret once it is shown.
[[nodiscard]] bool evidence_holds(const rvm_evidence& evidence, const Act& act, const Machine& machine,
                                  std::uint64_t unix_ns);

}  // namespace rvm::proof
