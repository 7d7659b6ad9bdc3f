// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sealing gives a committed record its place in the chain: prev_hash, record_hash, and its leaf in the Merkle tree. It
// costs seven SHA-256 blocks per record, so it is done after the fact, in sequence order and in bounded batches, by the
// idle loop or the epoch tick. One core at a time. Hashing: see rvm/crypto/sha256.hpp about vector registers.
#pragma once

#include <cstdint>

#include "rvm/crypto/hmac.hpp"
#include "rvm/witness/keys.hpp"
#include "rvm/witness/merkle.hpp"
#include "rvm/witness/record.hpp"
#include "rvm/witness/ring.hpp"

namespace rvm::witness {

class Sealer {
 public:
  constexpr Sealer() = default;
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;
  ~Sealer() = default;

  /// Starts an empty log. Drain::load does this itself.
  void start(const Keys& keys);

  /// Seals at most `max_records`, stops at the first that is reserved but not committed, and never goes further than
  /// what the drain can take in its next segment. Returns how many. Also makes slots of a new ring usable.
  std::uint32_t seal(Ring& ring, std::uint32_t max_records);

  /// Number of sealed records = size of the tree = sequence number of the next record to seal.
  [[nodiscard]] std::uint64_t size() const { return tree_.size(); }
  [[nodiscard]] crypto::Digest root() const { return tree_.root(); }
  /// Leaf hash of the last sealed record; zero if there is none.
  [[nodiscard]] const crypto::Digest& head() const { return head_; }
  [[nodiscard]] const MerkleFrontier& tree() const { return tree_; }

  /// The TreeHead record for the tree as it is now. Its own sequence number must become size(): seal everything first
  /// and let nothing be emitted in between.
  [[nodiscard]] Fields tree_head(bool closing) const;

  // --- for the drain ---

  /// Nothing at or above `sequence` is sealed until this is raised, so that a segment always ends where the tree does.
  void allow_until(std::uint64_t sequence) { limit_ = sequence; }
  /// Adds a record that is already sealed (found on disk). False, and nothing is added, unless sequence, prev_hash and
  /// record_hash are right.
  [[nodiscard]] bool accept(const Record& record);
  /// Replaces the state by a stored one; the caller fills the returned frontier.
  MerkleFrontier& restore(const Keys& keys, const crypto::Digest& head);

 private:
  crypto::HmacKey record_key_;
  crypto::Digest head_{};
  std::uint64_t limit_ = UINT64_MAX;
  MerkleFrontier tree_;
};

}  // namespace rvm::witness
