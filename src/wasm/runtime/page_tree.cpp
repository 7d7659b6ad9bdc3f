// SPDX-License-Identifier: MIT OR Apache-2.0
#include "page_tree.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace rvm::wasm {

namespace {

crypto::Digest leaf(PageTree::Page page) {
  constexpr std::array prefix{std::byte{0}};
  crypto::Sha256 hash;
  hash.update(prefix);
  hash.update(page);
  return hash.finish();
}

}  // namespace

crypto::Digest PageTree::node(const crypto::Digest& left, const crypto::Digest& right) {
  constexpr std::array prefix{std::byte{1}};
  crypto::Sha256 hash;
  hash.update(prefix);
  hash.update(left);
  hash.update(right);
  return hash.finish();
}

std::optional<PageTree> PageTree::create(Arena& arena, std::size_t pages) {
  const std::size_t leaves = std::bit_ceil(std::max<std::size_t>(pages, 2));
  const std::span<std::byte> bytes = arena.reserve(2 * leaves * sizeof(crypto::Digest), alignof(std::uint64_t));
  const auto stale = arena.allocate<std::uint64_t>((leaves + 63) / 64);
  if (bytes.empty() || stale.empty()) return std::nullopt;
  const std::span nodes{reinterpret_cast<crypto::Digest*>(bytes.data()), 2 * leaves};  // arrays of bytes; zero
  const auto zero = arena.allocate<crypto::Digest>(static_cast<std::size_t>(std::bit_width(leaves)));
  if (zero.empty()) return std::nullopt;
  constexpr std::array<std::byte, page_bytes> page{};
  zero.back() = leaf(page);
  for (std::size_t depth = zero.size() - 1; depth != 0; --depth) zero[depth - 1] = node(zero[depth], zero[depth]);
  return PageTree{nodes, stale, zero};
}

const crypto::Digest& PageTree::at(std::size_t n) const {
  constexpr crypto::Digest never_set{};
  return nodes_[n] != never_set ? nodes_[n] : zero_[static_cast<std::size_t>(std::bit_width(n)) - 1];
}

void PageTree::set(std::size_t page, Page contents) {
  const std::size_t n = nodes_.size() / 2 + page;
  nodes_[n] = leaf(contents);
  mark(n / 2);
}

/// From the last inner node to the root: children have higher numbers than their parents.
void PageTree::update() {
  for (std::size_t word = stale_.size(); word-- != 0;) {
    while (stale_[word] != 0) {
      const std::uint64_t highest = std::bit_floor(stale_[word]);
      stale_[word] ^= highest;
      const std::size_t n = word * 64 + static_cast<std::size_t>(std::countr_zero(highest));
      nodes_[n] = node(at(2 * n), at(2 * n + 1));
      if (n > 1) mark(n / 2);
    }
  }
}

}  // namespace rvm::wasm
