// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What `rvm` needs to know about a witness log, over the verifier of src/witness/verify.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/key/key.hpp"
#include "rvm/witness/record.hpp"
#include "rvm/witness_verify/note.hpp"

namespace rvm::host {

/// A log that was read and checked. A bad log is a LogCheck with `verified` false; a Failure means it was not read.
struct LogCheck {
  bool verified = false;
  std::string problem;  ///< what is wrong, with the number of the record, when not verified
  std::vector<std::string> notes;
  bool closed = false;  ///< it ends with an orderly shutdown
  std::uint64_t boots = 0;
  std::uint64_t records = 0;
  std::uint64_t durable = 0;
  std::uint64_t tree_size = 0;
  std::string root;                ///< 64 hexadecimal digits
  std::uint64_t signed_heads = 0;  ///< tree heads in the volume that are right
  std::uint64_t known_heads = 0;   ///< of those that were given
  std::vector<std::string> heads;  ///< the notes in the volume that are right
  std::string origin;              ///< of a volume: the name under which its heads are signed
};

/// A tree known from elsewhere, which the log must contain.
struct KnownTree {
  std::uint64_t size = 0;
  Digest root{};
};

/// What the log must satisfy beside its own consistency.
struct LogDemands {
  std::optional<KnownTree> tree;
  std::vector<std::string> heads;                ///< signed notes kept elsewhere
  std::optional<witness::VerifierKey> cosigner;  ///< must have signed each of them
  std::optional<witness::VerifierKey> head_key;  ///< signs the heads; without, the device key's attestation identity
};

/// The table's name of a kind, or its number.
[[nodiscard]] std::string kind_name(witness::Kind kind);

/// A volume may be open (the machine was stopped by force): its superblock says under the key how far the log reaches.
[[nodiscard]] Outcome<LogCheck> check_volume(const std::filesystem::path& path, const Key& device_key,
                                             const LogDemands& demands = {});
/// A file of records has no such witness to its end but its closing tree head, so an open one is refused unless allowed.
[[nodiscard]] Outcome<LogCheck> check_raw(const std::filesystem::path& path, const Key& device_key, bool allow_open,
                                          const LogDemands& demands = {});

/// Calls `visit` for each record before number `end` in order until it returns false. Nothing is checked: check first. Behind the records
/// that a check found there may be what an interrupted write left, which takes the key to tell.
[[nodiscard]] Outcome<void> visit_records(const std::filesystem::path& path,
                                          const std::function<bool(const witness::Record&)>& visit,
                                          std::uint64_t end = UINT64_MAX);

/// Who was refused and who was stopped, by records from `first_sequence` on. Ids are the kernel's.
struct LogEvidence {
  struct Actor {
    std::uint32_t partition;
    std::uint32_t agent;
    friend auto operator<=>(const Actor&, const Actor&) = default;
  };
  std::set<Actor> rejected;                ///< ProofRejected: the calling agent and its partition
  std::set<std::uint32_t> faulted_agents;  ///< TaskTerminate with cause "faulted"

  void take(const witness::Record& record);
};
[[nodiscard]] Outcome<LogEvidence> collect_evidence(const std::filesystem::path& path, std::uint64_t first_sequence);

}  // namespace rvm::host
