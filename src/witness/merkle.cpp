// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/merkle.hpp"

#include <bit>

namespace rvm::witness {

crypto::Digest node_hash(const crypto::Digest& left, const crypto::Digest& right) {
  constexpr std::byte node_prefix{0x01};
  crypto::Sha256 hash;
  hash.update(crypto::bytes_of(node_prefix));
  hash.update(left);
  hash.update(right);
  return hash.finish();
}

// Adding one to a binary number: each carry joins two perfect subtrees of the same size.
void MerkleFrontier::append(const crypto::Digest& leaf) {
  crypto::Digest subtree = leaf;
  std::size_t level = 0;
  for (std::uint64_t size = size_; (size & 1) != 0; size >>= 1, ++level) {
    subtree = node_hash(nodes_[level], subtree);
    nodes_[level] = {};
  }
  nodes_[level] = subtree;
  ++size_;
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
