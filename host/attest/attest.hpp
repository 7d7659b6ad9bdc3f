// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Measured boot from outside: what a machine should measure (`rvm build`), and whether it did (`rvm attest`).
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"
#include "host/run/prepare.hpp"
#include "rvm/boot/measurement.hpp"
#include "rvm/witness_verify/note.hpp"

namespace rvm::host {

/// The digest of what each boot phase loads.
using PhaseDigests = std::array<Digest, boot::phases>;

/// What a machine with this kernel image (the bytes of rvm.img) and boot package measures. The error says why not.
[[nodiscard]] std::expected<PhaseDigests, std::string> reference_of(std::span<const std::byte> kernel,
                                                                    std::span<const std::byte> package);
/// The chain over all phases, as it is in BootComplete and in the first tree head of the boot.
[[nodiscard]] Digest final_measurement(const PhaseDigests& digests);
[[nodiscard]] std::string reference_json(const PhaseDigests& digests);
[[nodiscard]] std::optional<PhaseDigests> parse_reference(std::string_view json);

/// What a machine said about its boot, signed with its attestation identity: a signed note (C2SP) of the lines
/// ORIGIN/quote, nonce, head, and one for each phase.
struct Quote {
  witness::Note note;
  std::string origin;
  Bytes nonce;
  std::uint64_t head_size = 0;  ///< of the log that the machine continued
  crypto::Digest head_root{};
  PhaseDigests digests{};
};
[[nodiscard]] std::expected<Quote, std::string> parse_quote(std::string_view note);

/// Everything about a quote that is not as it should be; empty if all is well.
[[nodiscard]] std::vector<std::string> quote_problems(const Quote& quote, const crypto::Ed25519PublicKey& key,
                                                      std::span<const std::byte> nonce, const PhaseDigests& reference);

/// What `rvm build` printed to a file.
[[nodiscard]] Outcome<PhaseDigests> read_reference(const std::filesystem::path& file);
/// A machine's attestation identity: the verifier key in a file, or what follows from its device key.
[[nodiscard]] Outcome<crypto::Ed25519PublicKey> machine_key(const std::optional<std::filesystem::path>& pubkey,
                                                            const std::optional<std::filesystem::path>& device_key);

/// `rvm build`: prints the reference measurements of what `rvm run` would boot.
[[nodiscard]] ExitCode build_command(const RunOptions& options);

struct AttestOptions {
  std::filesystem::path target;                 ///< a quote that was saved, or what `rvm run` takes
  std::optional<std::string> nonce;             ///< hexadecimal; for a run made at random when absent
  std::filesystem::path reference;              ///< as `rvm build` printed it
  std::optional<std::filesystem::path> pubkey;  ///< verifier key of the machine, instead of the device key's identity
  std::optional<std::filesystem::path> save;    ///< where to keep the quote
  std::optional<std::string> tee;               ///< hexadecimal; what its execution environment must have launched
  bool json = false;
  RunOptions run;
};
[[nodiscard]] ExitCode attest_command(AttestOptions options);

}  // namespace rvm::host
