// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "record_checker.hpp"
#include "rvm/witness_verify/note.hpp"
#include "rvm/witness_verify/verify.hpp"
#include "volume_walk.hpp"

namespace rvm::witness {

/// Checks signed tree heads, those that lie in a volume and those known from elsewhere, against the tree that the records
/// give. Sizes that heads speak of must be announced before the records pass by, because roots are not kept.
class HeadChecker {
 public:
  HeadChecker(const VerifyOptions& options, VerifyReport& report, RecordChecker& records)
      : options_(options), report_(report), records_(records) {}

  /// `origin` is empty when the log does not say who it is.
  void begin(std::string origin) { origin_ = std::move(origin); }
  /// The size, if this is a head.
  void announce(std::string_view note);
  /// Announces the heads that `options` brings.
  void announce_known();
  /// The sizes announced.
  [[nodiscard]] std::set<std::uint64_t> sizes() const;
  /// Whenever the tree has grown; must not leave out a size that was announced.
  void pass(const MerkleFrontier& tree) {
    if (const auto wanted = roots_.find(tree.size()); wanted != roots_.end()) wanted->second = tree.root();
  }
  /// A head found in the volume after `records` records, all of which have passed.
  void check_stored(std::string_view note, std::uint64_t records, std::uint64_t offset);
  /// After the last record: the heads that `options` brings.
  void check_known();

 private:
  [[nodiscard]] std::optional<std::string> fault(const Note& note, const Checkpoint& head, std::uint64_t records) const;

  const VerifyOptions& options_;
  VerifyReport& report_;
  RecordChecker& records_;
  std::string origin_;
  std::map<std::uint64_t, std::optional<crypto::Digest>> roots_;
  std::optional<std::uint64_t> last_size_;  // of the stored head before
};

}  // namespace rvm::witness
