// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `rvm approve`: an operator's signature under an act of tier P3 (rvm_attestation_subject in rvm/abi.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "host/common/failure.hpp"
#include "rvm/types/time.hpp"

namespace rvm::host {

struct ApproveOptions {
  std::filesystem::path approver;  ///< 32 bytes: the approver's Ed25519 seed
  bool show_key = false;           ///< only print its public half
  std::string partition;
  std::string device;
  std::filesystem::path reference;              ///< as `rvm build` printed it
  std::optional<std::filesystem::path> pubkey;  ///< verifier key of the machine, instead of the device key's identity
  std::optional<std::filesystem::path> key;     ///< device key of the machine
  Nanoseconds validity{3'600'000'000'000};      ///< from now on
  bool json = false;
};

/// Prints the evidence (rvm_evidence, base64) that an agent of the partition shows to lease the device.
[[nodiscard]] ExitCode approve_command(const ApproveOptions& options);

}  // namespace rvm::host
