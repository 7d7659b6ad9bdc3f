// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Checks everything there is to check about a witness log, without trusting any part of it: sequence, chain, MACs, tree
// heads, segments, padding, superblocks. Not part of the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rvm/crypto/sha256.hpp"
#include "rvm/witness/keys.hpp"
#include "rvm/witness_verify/log_file.hpp"
#include "rvm/witness_verify/note.hpp"

namespace rvm::witness {

/// One thing that is wrong.
struct Problem {
  std::optional<std::uint64_t> sequence;  ///< the record concerned; none for the superblocks
  std::uint64_t offset = 0;               ///< byte position in the file
  std::string what;                       ///< such as "record 17", "superblock 1", "segment of records 12 to 40"
  std::string why;                        ///< what does not hold
};

/// A size and root of the tree that are known from elsewhere (an earlier verification, a console line).
struct TreeAnchor {
  std::uint64_t size = 0;
  crypto::Digest root{};
};

struct VerifyOptions {
  const Keys* keys = nullptr;      ///< without: MACs are not checked and the report says so
  bool allow_open = false;         ///< a raw file need not end in a closing TreeHead
  unsigned threads = 0;            ///< that check segments of a volume side by side; 0: as many as there are cores
  std::size_t problems_max = 100;  ///< how many are described; all are counted
  std::optional<TreeAnchor> anchor =
      std::nullopt;  ///< detects a log that was cut back to an earlier orderly end, or forked
  std::optional<crypto::Ed25519PublicKey> head_key = std::nullopt;  ///< without: heads' signatures are not checked
  /// Signed notes from elsewhere, which the log must contain.
  std::vector<std::string> heads{};  // NOLINT(readability-redundant-member-init): initialisers may leave it out
  std::optional<VerifierKey> cosigner = std::nullopt;  ///< must have signed each of `heads`
};

enum class LogState : std::uint8_t {
  closed,  ///< orderly end
  open,    ///< in use, or power was cut: what is here is a prefix
};

struct VerifyReport {
  bool ok = false;             ///< no problem
  bool volume = false;         ///< volume or flash image, else bare records
  bool authenticated = false;  ///< MACs were checked
  LogState state = LogState::open;
  std::uint64_t records = 0;
  std::uint64_t durable = 0;  ///< counted by the superblock; the others were found beyond it. Equal to records if raw
  std::uint64_t tree_size = 0;
  crypto::Digest root{};
  std::uint64_t tree_heads = 0;    ///< TreeHead records seen and right
  std::uint64_t signed_heads = 0;  ///< notes in the volume that are right
  std::uint64_t known_heads = 0;   ///< of VerifyOptions::heads, those that are right
  std::vector<std::string> heads;  ///< the notes in the volume that are right
  std::string origin;              ///< of a volume: the name under which its heads are signed
  std::uint64_t boots = 0;         ///< BootComplete records seen
  std::uint64_t segments = 0;
  std::uint64_t problem_count = 0;
  std::vector<Problem> problems;   ///< in order of position; the first is the cause, later ones may be consequences
  std::vector<std::string> notes;  ///< normal but worth saying, such as an interrupted write
};

/// By looks_like_volume. Throws std::system_error when the file cannot be read.
[[nodiscard]] VerifyReport verify(const LogFile& file, const VerifyOptions& options);
[[nodiscard]] VerifyReport verify_volume(const LogFile& file, const VerifyOptions& options);
[[nodiscard]] VerifyReport verify_flash(const LogFile& file, const VerifyOptions& options);
[[nodiscard]] VerifyReport verify_raw(const LogFile& file, const VerifyOptions& options);

[[nodiscard]] std::string to_hex(const crypto::Digest& digest);

}  // namespace rvm::witness
