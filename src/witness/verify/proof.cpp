// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/proof.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace rvm::witness {

namespace {

/// Largest power of two below `n`, which is at least 2: where RFC 6962 splits a tree.
std::uint64_t split(std::uint64_t n) { return std::bit_floor(n - 1); }

}  // namespace

// From the root down the siblings are met in the reverse of the proof's order.
std::vector<LeafRange> inclusion_ranges(std::uint64_t index, std::uint64_t size) {
  std::vector<LeafRange> ranges;
  std::uint64_t first = 0;
  while (size - first > 1) {
    const std::uint64_t middle = first + split(size - first);
    if (index < middle) {
      ranges.push_back({middle, size});
      size = middle;
    } else {
      ranges.push_back({first, middle});
      first = middle;
    }
  }
  std::ranges::reverse(ranges);
  return ranges;
}

// SUBPROOF(m, D[n], b): down towards leaf m until a subtree ends there. It is left out when it is the old tree itself.
std::vector<LeafRange> consistency_ranges(std::uint64_t from, std::uint64_t size) {
  std::vector<LeafRange> ranges;
  std::uint64_t first = 0;
  bool whole = true;
  while (size != from) {
    const std::uint64_t middle = first + split(size - first);
    if (from <= middle) {
      ranges.push_back({middle, size});
      size = middle;
    } else {
      ranges.push_back({first, middle});
      first = middle;
      whole = false;
    }
  }
  if (!whole) ranges.push_back({first, size});
  std::ranges::reverse(ranges);
  return ranges;
}

SubtreeRoots::SubtreeRoots(std::vector<LeafRange> ranges)
    : ranges_(std::move(ranges)), order_(ranges_.size()), roots_(ranges_.size()) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::ranges::sort(order_, {}, [this](std::size_t i) { return ranges_[i].first; });
}

void SubtreeRoots::add(const crypto::Digest& leaf) {
  const std::uint64_t index = next_++;
  if (at_ == order_.size() || index < ranges_[order_[at_]].first) return;
  subtree_.append(leaf);
  if (next_ != ranges_[order_[at_]].end) return;
  roots_[order_[at_]] = subtree_.root();
  subtree_.clear();
  ++at_;
}

bool verify_consistency(std::uint64_t from, std::uint64_t size, const Proof& proof, const crypto::Digest& from_root,
                        const crypto::Digest& root) {
  if (from == 0 || from > size) return false;
  if (from == size) return proof.empty() && from_root == root;
  Proof path = proof;
  if (std::has_single_bit(from)) path.insert(path.begin(), from_root);
  if (path.empty()) return false;
  std::uint64_t node = from - 1, last = size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  crypto::Digest old_hash = path.front(), new_hash = path.front();
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      old_hash = node_hash(path[i], old_hash);
      new_hash = node_hash(path[i], new_hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = node_hash(new_hash, path[i]);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == from_root && new_hash == root;
}

}  // namespace rvm::witness
