// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "rvm/crypto/sha256.hpp"
#include "rvm/wasm/arena.hpp"

namespace rvm::wasm {

/// A Merkle tree over the pages of a memory, as in RFC 6962: a leaf is SHA-256(0 || page), a node SHA-256(1 || left || right). It
/// has as many leaves as a power of two has room for; pages that do not exist count as zero. A page that changes costs its own
/// hash and one for each level above it.
class PageTree {
 public:
  static constexpr std::size_t page_bytes = 4096;
  using Page = std::span<const std::byte, page_bytes>;

  /// Of zero pages. Nothing: the arena has no room.
  [[nodiscard]] static std::optional<PageTree> create(Arena& arena, std::size_t pages);

  /// Takes the page's contents; root() is right again after update().
  void set(std::size_t page, Page contents);
  /// Recomputes what is above the pages that were set.
  void update();
  [[nodiscard]] const crypto::Digest& root() const { return at(1); }

 private:
  PageTree(std::span<crypto::Digest> nodes, std::span<std::uint64_t> stale, std::span<const crypto::Digest> zero)
      : nodes_(nodes), stale_(stale), zero_(zero) {}
  [[nodiscard]] const crypto::Digest& at(std::size_t n) const;
  [[nodiscard]] static crypto::Digest node(const crypto::Digest& left, const crypto::Digest& right);
  void mark(std::size_t n) { stale_[n / 64] |= std::uint64_t{1} << n % 64; }

  // A heap: node n has children 2n and 2n + 1, the leaves come last. Those that were never set are zero bytes, so that a tree takes
  // memory for what is in use only; they mean zero pages.
  std::span<crypto::Digest> nodes_;
  std::span<std::uint64_t> stale_;        ///< inner nodes whose children changed, one bit each
  std::span<const crypto::Digest> zero_;  ///< the node over zero pages only, by its depth
};

}  // namespace rvm::wasm
