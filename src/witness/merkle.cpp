// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/merkle.hpp"

#include <bit>

namespace rvm::witness {

crypto::Digest node_hash(const crypto::Digest& left, const crypto::Digest& right) {
  const auto l = std::bit_cast<std::array<std::uint64_t, 4>>(left);
  const auto r = std::bit_cast<std::array<std::uint64_t, 4>>(right);
  return crypto::sha256_prefixed(std::byte{0x01}, {l[0], l[1], l[2], l[3], r[0], r[1], r[2], r[3]});
}

bool verify_inclusion(const crypto::Digest& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const crypto::Digest> proof, const crypto::Digest& root) {
  if (index >= size) return false;
  std::uint64_t node = index, last = size - 1;
  crypto::Digest hash = leaf;
  for (const crypto::Digest& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = node_hash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

// Adding one to a binary number: each carry joins two perfect subtrees of the same size.
void MerkleFrontier::append_subtree(std::size_t level, const crypto::Digest& root) {
  crypto::Digest subtree = root;
  const std::uint64_t leaves = std::uint64_t{1} << level;
  for (std::uint64_t size = size_ >> level; (size & 1) != 0; size >>= 1, ++level) {
    subtree = node_hash(nodes_[level], subtree);
    nodes_[level] = {};
  }
  nodes_[level] = subtree;
  size_ += leaves;
}

// RFC 6962 splits at the largest power of two below the size, so the root joins the subtrees from the smallest up.
crypto::Digest MerkleFrontier::root() const {
  if (size_ == 0) return crypto::sha256({});
  auto level = static_cast<std::size_t>(std::countr_zero(size_));
  crypto::Digest subtree = nodes_[level];
  for (++level; level < levels && (size_ >> level) != 0; ++level) {
    if ((size_ >> level & 1) != 0) subtree = node_hash(nodes_[level], subtree);
  }
  return subtree;
}

void MerkleFrontier::restore_size(std::uint64_t size) {
  size_ = size;
  nodes_.fill({});
}

}  // namespace rvm::witness
