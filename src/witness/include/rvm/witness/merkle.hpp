// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/crypto/sha256.hpp"
#include "rvm/types/capacities.hpp"

namespace rvm::witness {

/// SHA-256(0x01 || left || right), the inner node of RFC 6962 section 2.1.
[[nodiscard]] crypto::Digest node_hash(const crypto::Digest& left, const crypto::Digest& right);

/// Whether `proof` shows that `leaf` is the leaf `index` of the tree of `size` leaves with this root: the inclusion proof of RFC
/// 6962 section 2.1.1, as RFC 9162 section 2.1.3.2 verifies it. At most 64 node hashes are looked at.
[[nodiscard]] bool verify_inclusion(const crypto::Digest& leaf, std::uint64_t index, std::uint64_t size,
                                    std::span<const crypto::Digest> proof, const crypto::Digest& root);

/// The right edge of an append-only RFC 6962 Merkle tree: for each bit set in the size, the root of a perfect subtree of
/// that many leaves. Enough to append and to compute the root; 2 KiB (1 KiB on a microcontroller) whatever the size.
class MerkleFrontier {
 public:
  static constexpr std::size_t levels = capacity::merkle_levels;

  /// One node hash per append on average, at most one per level.
  void append(const crypto::Digest& leaf) { append_subtree(0, leaf); }
  /// Appends 2^level leaves by the root of their perfect subtree. Precondition: size() is a multiple of 2^level.
  void append_subtree(std::size_t level, const crypto::Digest& root);
  /// SHA-256 of nothing for an empty tree. At most 63 node hashes.
  [[nodiscard]] crypto::Digest root() const;
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Root of the subtree of 2^level leaves. Meaningful when bit `level` of size() is set; zero otherwise.
  [[nodiscard]] const crypto::Digest& node(std::size_t level) const { return nodes_[level]; }

  void clear() { *this = MerkleFrontier{}; }
  /// Rebuilds a stored frontier: first the size, then the node of each bit set in it.
  void restore_size(std::uint64_t size);
  void restore_node(std::size_t level, const crypto::Digest& digest) { nodes_[level] = digest; }

  friend bool operator==(const MerkleFrontier&, const MerkleFrontier&) = default;

 private:
  std::uint64_t size_ = 0;
  std::array<crypto::Digest, levels> nodes_{};
};

}  // namespace rvm::witness
