// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Flattened device tree (Devicetree Specification 0.4, chapter 5), read in place. `open` checks the whole structure once;
// after that, iteration cannot leave the blob whatever it contains.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "rvm/hal/machine.hpp"

namespace rvm::hal {

/// A property's value. Numbers in it are big-endian 32-bit cells.
class PropertyValue {
 public:
  constexpr PropertyValue() = default;
  constexpr explicit PropertyValue(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::size_t cells() const { return bytes_.size() / 4; }
  /// Cell `index`; 0 beyond the end.
  [[nodiscard]] std::uint32_t cell(std::size_t index) const;
  /// A number of `count` cells (1 or 2) from cell `index`; nothing when it does not fit.
  [[nodiscard]] std::optional<std::uint64_t> number(std::size_t index, std::size_t count) const;
  /// The first string.
  [[nodiscard]] std::string_view text() const;
  /// Whether the list of strings has `wanted`.
  [[nodiscard]] bool has_text(std::string_view wanted) const;

 private:
  std::span<const std::byte> bytes_;
};

class DeviceTree {
 public:
  static constexpr std::size_t depth_limit = 16;
  static constexpr std::uint32_t blob_limit = 16u << 20;

  /// Size that the header claims, so that the caller can map or reserve the blob; nothing if this is no device tree.
  [[nodiscard]] static std::optional<std::uint32_t> claimed_size(std::span<const std::byte> header);
  /// An error is a text for people.
  [[nodiscard]] static std::expected<DeviceTree, std::string_view> open(std::span<const std::byte> blob);

  class Iterator;
  /// One node. Views into the blob; cheap to copy.
  class Node {
   public:
    [[nodiscard]] std::string_view name() const { return name_; }
    [[nodiscard]] std::size_t depth() const { return depth_; }  ///< the root has 0
    [[nodiscard]] std::optional<PropertyValue> property(std::string_view name) const;
    [[nodiscard]] bool compatible(std::string_view wanted) const;
    /// The n-th range of `reg`, in CPU addresses. Nothing where there is none, or behind a bus that translates addresses.
    [[nodiscard]] std::optional<MemoryRange> reg(std::size_t n) const;
    /// `status` absent or "okay".
    [[nodiscard]] bool enabled() const;

   private:
    friend class Iterator;
    const DeviceTree* tree_ = nullptr;
    std::string_view name_;
    std::size_t properties_ = 0;  ///< offset of the first property token
    std::size_t depth_ = 0;
    std::uint32_t address_cells_ = 2, size_cells_ = 1;  ///< the parent's
    bool identity_ = true;                              ///< no ancestor translates addresses
  };

  /// All nodes, parents before children.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Node;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(const DeviceTree& tree) : tree_(&tree) { advance(); }
    const Node& operator*() const { return node_; }
    const Node* operator->() const { return &node_; }
    Iterator& operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.tree_ == nullptr; }

   private:
    struct Level {
      std::uint32_t address_cells = 2, size_cells = 1;
      bool identity = true;
    };
    void advance();
    const DeviceTree* tree_ = nullptr;
    std::size_t offset_ = 0;
    std::size_t depth_ = 0;
    std::array<Level, depth_limit + 1> levels_{};  ///< levels_[d]: what applies to nodes at depth d
    Node node_;
  };

  [[nodiscard]] Iterator begin() const { return Iterator{*this}; }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }
  [[nodiscard]] std::span<const std::byte> blob() const { return blob_; }

  /// Number of entries of the memory reservation block, and the n-th.
  [[nodiscard]] std::size_t reservations() const { return reservation_count_; }
  [[nodiscard]] MemoryRange reservation(std::size_t n) const;

 private:
  struct Token {
    std::uint32_t kind = 0;
    std::size_t next = 0;           ///< offset of the token after it
    std::string_view name;          ///< of a node
    std::size_t property_name = 0;  ///< of a property: place in the strings block
    std::span<const std::byte> value;
  };
  [[nodiscard]] std::optional<Token> token_at(std::size_t offset) const;

  std::span<const std::byte> blob_, structure_, strings_;
  std::size_t reservation_offset_ = 0, reservation_count_ = 0;
};

}  // namespace rvm::hal
