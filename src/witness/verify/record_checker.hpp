// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rvm/witness/merkle.hpp"
#include "rvm/witness/record.hpp"
#include "rvm/witness_verify/verify.hpp"

namespace rvm::witness {

/// Takes the records of a log in order and reports what is wrong with each. After a problem it goes on with what it
/// found, and does not report again what merely follows from that problem.
class RecordChecker {
 public:
  RecordChecker(const VerifyOptions& options, VerifyReport& report) : options_(options), report_(report) {}

  void check(const Record& record, std::uint64_t offset);
  /// Everything up to here was found right by other means: continues after the records of `tree`, the last of which has the
  /// leaf hash `head`. `closed`: that is a closing TreeHead.
  void resume(const MerkleFrontier& tree, const crypto::Digest& head, bool closed);
  /// Whether a TreeHead record says what it must where the tree is `tree`.
  [[nodiscard]] static bool is_right(const Record& tree_head, const MerkleFrontier& tree);
  /// `count` records are there that cannot be read, which was reported.
  void skip(std::uint64_t count);
  /// No more records. `log_end`: byte position. `must_be_closed`: the last one must be a closing TreeHead. `last_leaf`:
  /// the leaf hash that the last record should have, if that is known.
  void finish(std::uint64_t log_end, bool must_be_closed, const std::optional<crypto::Digest>& last_leaf = {});

  [[nodiscard]] std::uint64_t count() const { return tree_.size(); }
  [[nodiscard]] const MerkleFrontier& tree() const { return tree_; }
  [[nodiscard]] const crypto::Digest& head() const { return head_; }
  /// Whether anything was wrong with a record so far.
  [[nodiscard]] bool any_damaged() const { return any_damaged_ || broken_link_.has_value(); }
  /// Whether the last record was a closing TreeHead.
  [[nodiscard]] bool closed() const { return closed_; }
  /// Number that the next record should have.
  [[nodiscard]] std::uint64_t expected() const { return expected_; }

  /// Adds a problem to the report.
  void problem(std::optional<std::uint64_t> sequence, std::uint64_t offset, std::string what, std::string why);
  void record_problem(std::uint64_t sequence, std::uint64_t offset, std::string why);

 private:
  void check_sequence(const Record& record, std::uint64_t offset);
  void check_chain(const Record& record, std::uint64_t offset);
  void check_tree_head(const Record& record, std::uint64_t offset);
  void check_anchor(std::uint64_t offset);

  // Without the key, a broken link between two records may be due to either. The record after them tells: its prev_hash
  // is the leaf hash of the second as it was written.
  struct BrokenLink {
    std::uint64_t first_sequence, first_offset, second_sequence, second_offset;
    std::uint64_t repaired_leaf;  // first bytes of the second's leaf hash if its prev_hash were right
  };
  void settle(const BrokenLink& link, bool second_is_damaged);

  const VerifyOptions& options_;
  VerifyReport& report_;
  MerkleFrontier tree_;
  crypto::Digest head_{};
  std::uint64_t expected_ = 0;
  std::optional<std::uint64_t> expected_otherwise_;  // after a gap: the number if the odd one was only damaged
  std::optional<BrokenLink> broken_link_;
  bool damaged_ = false;           // this record has been reported
  bool previous_damaged_ = false;  // so a broken link is a consequence
  bool any_damaged_ = false;       // so a wrong tree head is a consequence
  std::uint64_t previous_sequence_ = 0;
  std::uint64_t previous_offset_ = 0;
  std::uint64_t wrong_macs_ = 0;
  bool closed_ = false;  // the last record was a closing TreeHead
};

}  // namespace rvm::witness
