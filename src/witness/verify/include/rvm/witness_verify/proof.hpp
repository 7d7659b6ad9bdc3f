// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Inclusion and consistency proofs of RFC 6962 (sections 2.1.1 and 2.1.2), made in one pass over the leaves with memory that
// does not grow with the log, and verified from the proof alone (RFC 9162 sections 2.1.3.2 and 2.1.4.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rvm/crypto/sha256.hpp"
#include "rvm/witness/merkle.hpp"

namespace rvm::witness {

/// Leaves [first, end) of a tree; the node over them is one element of a proof.
struct LeafRange {
  std::uint64_t first, end;
  friend bool operator==(const LeafRange&, const LeafRange&) = default;
};

/// The subtrees whose roots prove that leaf `index` is in the tree of `size` leaves, in the proof's order.
/// Precondition: index < size. At most 64, one for each level.
[[nodiscard]] std::vector<LeafRange> inclusion_ranges(std::uint64_t index, std::uint64_t size);
/// The subtrees whose roots prove that the tree of `size` leaves begins with that of `from` leaves.
/// Precondition: 0 < from <= size.
[[nodiscard]] std::vector<LeafRange> consistency_ranges(std::uint64_t from, std::uint64_t size);

using Proof = std::vector<crypto::Digest>;

/// Computes the roots of given subtrees from leaf hashes that arrive in order from leaf 0 on.
class SubtreeRoots {
 public:
  explicit SubtreeRoots(std::vector<LeafRange> ranges);
  void add(const crypto::Digest& leaf);
  /// In the order of the ranges. Precondition: every leaf of every range was added.
  [[nodiscard]] const Proof& roots() const { return roots_; }

 private:
  std::vector<LeafRange> ranges_;
  std::vector<std::size_t> order_;  // of the ranges, by first leaf
  std::size_t at_ = 0;              // in order_
  std::uint64_t next_ = 0;          // leaf
  MerkleFrontier subtree_;
  Proof roots_;
};

[[nodiscard]] bool verify_consistency(std::uint64_t from, std::uint64_t size, const Proof& proof,
                                      const crypto::Digest& from_root, const crypto::Digest& root);

}  // namespace rvm::witness
