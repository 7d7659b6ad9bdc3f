// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What `rvm` needs to know about a witness log, over the verifier of src/witness/verify.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/key/key.hpp"
#include "rvm/witness/record.hpp"

namespace rvm::host {

/// A log that was read and checked. A bad log is a LoadedLog with `verified` false; a Failure means it was not read.
struct LoadedLog {
  bool verified = false;
  std::string problem;  ///< what is wrong, with the number of the record, when not verified
  bool closed = false;  ///< it ends with an orderly shutdown
  std::uint64_t boots = 0;
  std::uint64_t tree_size = 0;
  std::string root;     ///< 64 hexadecimal digits
  std::vector<witness::Record> records;  ///< what could be read, good or bad
};

/// A volume may be open (the machine was stopped by force): its superblock says under the key how far the log reaches.
[[nodiscard]] Outcome<LoadedLog> load_volume(const std::filesystem::path& path, const Key& device_key);
/// A file of records has no such witness to its end but its closing tree head, so an open one is refused unless allowed.
[[nodiscard]] Outcome<LoadedLog> load_raw(const std::filesystem::path& path, const Key& device_key, bool allow_open);

/// Who was refused and who was stopped, by records from `first_sequence` on. Ids are the kernel's.
struct LogEvidence {
  struct Actor {
    std::uint32_t partition;
    std::uint32_t agent;
    friend auto operator<=>(const Actor&, const Actor&) = default;
  };
  std::set<Actor> rejected;                ///< ProofRejected: the calling agent and its partition
  std::set<std::uint32_t> faulted_agents;  ///< TaskTerminate with cause "faulted"
};
[[nodiscard]] LogEvidence collect_evidence(std::span<const witness::Record> records, std::uint64_t first_sequence);

}  // namespace rvm::host
