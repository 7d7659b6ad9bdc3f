// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The commands about signed tree heads and proofs. Formats: C2SP signed-note, tlog-checkpoint and tlog-cosignature.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "host/common/failure.hpp"
#include "host/witness/command.hpp"

namespace rvm::host {

/// Where exported heads and the key that signed them are to be written.
struct HeadExport {
  std::optional<std::filesystem::path> heads;   ///< the notes, separated by empty lines
  std::optional<std::filesystem::path> pubkey;  ///< one verifier key line
};

/// The notes in a file.
[[nodiscard]] Outcome<std::vector<std::string>> read_notes(const std::filesystem::path& file);
/// A verifier key line ("name+hash+base64") in a file.
[[nodiscard]] Outcome<witness::VerifierKey> read_verifier_key(const std::filesystem::path& file);

/// Writes what `wanted` names of a log that was checked. `identity`: of the device key.
[[nodiscard]] Outcome<void> export_heads(const LogCheck& log, const crypto::Ed25519PublicKey& identity,
                                         const HeadExport& wanted);

struct ProofRequest {
  std::uint64_t sequence = 0;
  std::optional<std::uint64_t> from;  ///< also prove that the log grew from its first so many records
};
/// Prints proofs against the newest signed head of a log that verifies.
[[nodiscard]] ExitCode witness_prove_command(const LogSource& source, const ProofRequest& request, bool json);

struct CosignRequest {
  std::filesystem::path notes;
  std::filesystem::path key;                     ///< 32 bytes: the cosigner's Ed25519 seed
  std::optional<std::string> name;               ///< default "rvm.local/cosigner-" and the start of its public key
  std::optional<std::filesystem::path> log_key;  ///< the log's verifier key: unsigned heads are then refused
  std::optional<std::filesystem::path> pubkey;   ///< where to write the cosigner's verifier key
};
/// Adds a cosignature line to every note of a file, which is replaced in one step.
[[nodiscard]] ExitCode witness_cosign_command(const CosignRequest& request);

}  // namespace rvm::host
