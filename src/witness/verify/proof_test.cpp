// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/proof.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <span>

using namespace rvm;
using namespace rvm::witness;

namespace {

/// RFC 6962 section 2.1 as it is written.
crypto::Digest naive_root(std::span<const crypto::Digest> leaves) {
  if (leaves.empty()) return crypto::sha256({});
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  return node_hash(naive_root(leaves.first(k)), naive_root(leaves.subspan(k)));
}

/// PATH(m, D[n]) of section 2.1.1.
Proof naive_path(std::size_t m, std::span<const crypto::Digest> leaves) {
  if (leaves.size() <= 1) return {};
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  Proof path = m < k ? naive_path(m, leaves.first(k)) : naive_path(m - k, leaves.subspan(k));
  path.push_back(m < k ? naive_root(leaves.subspan(k)) : naive_root(leaves.first(k)));
  return path;
}

/// SUBPROOF(m, D[n], b) of section 2.1.2.
Proof naive_consistency(std::size_t m, std::span<const crypto::Digest> leaves, bool whole) {
  if (m == leaves.size()) return whole ? Proof{} : Proof{naive_root(leaves)};
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  Proof proof =
      m <= k ? naive_consistency(m, leaves.first(k), whole) : naive_consistency(m - k, leaves.subspan(k), false);
  proof.push_back(m <= k ? naive_root(leaves.subspan(k)) : naive_root(leaves.first(k)));
  return proof;
}

Proof streamed(std::vector<LeafRange> ranges, std::span<const crypto::Digest> leaves) {
  SubtreeRoots roots{std::move(ranges)};
  for (const crypto::Digest& leaf : leaves) roots.add(leaf);
  return roots.roots();
}

std::vector<crypto::Digest> sample(std::size_t n) {
  std::vector<crypto::Digest> leaves;
  for (std::uint64_t i = 0; i < n; ++i) leaves.push_back(crypto::sha256(crypto::bytes_of(i)));
  return leaves;
}

constexpr std::size_t sizes = 300;

}  // namespace

TEST_CASE("inclusion proofs: every leaf of every tree up to 300 leaves, against RFC 6962 as written") {
  const auto leaves = sample(sizes);
  for (std::size_t n = 1; n <= sizes; ++n) {
    const auto tree = std::span{leaves}.first(n);
    const crypto::Digest root = naive_root(tree);
    const bool every = n <= 70 || n % 41 == 0 || n == sizes;
    for (std::size_t m = 0; m < n; m += every ? 1 : 13) {
      const Proof proof = streamed(inclusion_ranges(m, n), tree);
      REQUIRE(proof == naive_path(m, tree));
      REQUIRE(verify_inclusion(leaves[m], m, n, proof, root));
      REQUIRE_FALSE(verify_inclusion(leaves[m], m + 1, n, proof, root));
      if (n > 1) REQUIRE_FALSE(verify_inclusion(leaves[(m + 1) % n], m, n, proof, root));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        Proof changed = proof;
        changed[i][n % 32] ^= std::byte{1};
        REQUIRE_FALSE(verify_inclusion(leaves[m], m, n, changed, root));
      }
      Proof longer = proof;
      longer.push_back(root);
      REQUIRE_FALSE(verify_inclusion(leaves[m], m, n, longer, root));
      if (!proof.empty()) {
        Proof shorter{proof.begin(), proof.end() - 1};
        REQUIRE_FALSE(verify_inclusion(leaves[m], m, n, shorter, root));
      }
    }
  }
}

TEST_CASE("consistency proofs: every pair of sizes up to 300, against RFC 6962 as written") {
  const auto leaves = sample(sizes);
  std::vector<crypto::Digest> roots;
  for (std::size_t n = 0; n <= sizes; ++n) roots.push_back(naive_root(std::span{leaves}.first(n)));
  for (std::size_t n = 1; n <= sizes; ++n) {
    const auto tree = std::span{leaves}.first(n);
    const bool every = n <= 70 || n % 41 == 0 || n == sizes;
    for (std::size_t m = 1; m <= n; m += every ? 1 : 13) {
      const Proof proof = streamed(consistency_ranges(m, n), tree);
      REQUIRE(proof == naive_consistency(m, tree, true));
      REQUIRE(verify_consistency(m, n, proof, roots[m], roots[n]));
      crypto::Digest forked = roots[m];
      forked[0] ^= std::byte{1};
      REQUIRE_FALSE(verify_consistency(m, n, proof, forked, roots[n]));
      REQUIRE_FALSE(verify_consistency(m, n, proof, roots[m], forked));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        Proof changed = proof;
        changed[i][n % 32] ^= std::byte{1};
        REQUIRE_FALSE(verify_consistency(m, n, changed, roots[m], roots[n]));
      }
      if (m > 1) REQUIRE_FALSE(verify_consistency(m - 1, n, proof, roots[m], roots[n]));
    }
  }
  CHECK_FALSE(verify_consistency(0, 5, {}, roots[0], roots[5]));
  CHECK_FALSE(verify_consistency(6, 5, {}, roots[6], roots[5]));
}

TEST_CASE("an inclusion proof in a tree of 2^20 records is at most 640 bytes") {
  constexpr std::uint64_t size = std::uint64_t{1} << 20;
  for (const std::uint64_t index : {std::uint64_t{0}, size / 3, size - 1}) {
    CHECK(inclusion_ranges(index, size).size() * crypto::digest_bytes == 640);
  }
  CHECK(inclusion_ranges(size - 1, size - 1 + 1).size() <= 20);
  for (std::uint64_t near = size - 100; near <= size; ++near) {
    CHECK(inclusion_ranges(near / 2, near).size() * crypto::digest_bytes <= 640);
  }
}
