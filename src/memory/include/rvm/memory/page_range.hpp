// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "rvm/types/address.hpp"
#include "rvm/types/ids.hpp"

namespace rvm::memory {

/// What the allocator knows of one page. All bits zero: not in use, contents unknown, inside or outside of some free block.
class PageWord {
 public:
  static constexpr std::uint32_t owner_max = 0xffff;  ///< owners are partition indices or ids below 65536
  static constexpr std::uint32_t sharers_max = owner_max;

  constexpr PageWord() = default;
  [[nodiscard]] static constexpr PageWord used(PartitionId owner) { return PageWord{owner.value | in_use_bit}; }
  [[nodiscard]] static constexpr PageWord clean_interior() { return PageWord{clean_bit}; }

  [[nodiscard]] constexpr bool in_use() const { return (raw_ & in_use_bit) != 0; }
  /// Known to be zero (but for the links, while it heads a free block).
  [[nodiscard]] constexpr bool clean() const { return (raw_ & clean_bit) != 0; }
  [[nodiscard]] constexpr bool is_interior() const { return (raw_ & (in_use_bit | head_bit)) == 0; }
  [[nodiscard]] constexpr bool is_free_head(unsigned order) const {
    return (raw_ & (in_use_bit | head_bit | order_mask)) == (head_bit | order << order_shift);
  }
  [[nodiscard]] constexpr bool is_used_head(unsigned order) const {
    return (raw_ & (in_use_bit | head_bit | order_mask)) == (in_use_bit | head_bit | order << order_shift);
  }
  [[nodiscard]] constexpr PartitionId owner() const { return PartitionId{raw_ & owner_max}; }
  /// A page that nobody owns and `sharers()` mappings use: the owner's bits hold their number.
  [[nodiscard]] constexpr bool is_shared() const { return (raw_ & shared_bit) != 0; }
  [[nodiscard]] constexpr std::uint32_t sharers() const { return is_shared() ? raw_ & owner_max : 0; }

  [[nodiscard]] constexpr PageWord as_free_head(unsigned order) const {
    return PageWord{(raw_ & clean_bit) | head_bit | order << order_shift};
  }
  [[nodiscard]] constexpr PageWord as_interior() const { return PageWord{raw_ & clean_bit}; }
  [[nodiscard]] constexpr PageWord as_used_head(unsigned order) const {
    return PageWord{raw_ | head_bit | order << order_shift};
  }
  [[nodiscard]] constexpr PageWord with_owner(PartitionId owner) const {
    return PageWord{(raw_ & ~(owner_max | shared_bit)) | owner.value};
  }
  [[nodiscard]] constexpr PageWord with_sharers(std::uint32_t sharers) const {
    return PageWord{(raw_ & ~owner_max) | shared_bit | sharers};
  }

 private:
  static constexpr std::uint32_t in_use_bit = 1u << 16;
  static constexpr std::uint32_t clean_bit = 1u << 17;
  static constexpr std::uint32_t head_bit = 1u << 18;  ///< first page of a free block or of a block in use
  static constexpr std::uint32_t shared_bit = 1u << 19;
  static constexpr unsigned order_shift = 20;
  static constexpr std::uint32_t order_mask = 0xfu << order_shift;

  constexpr explicit PageWord(std::uint32_t raw) : raw_(raw) {}
  std::uint32_t raw_ = 0;
};
static_assert(sizeof(PageWord) == 4);

/// Pages [first, end) of contiguous memory, by page number, and a word for each.
struct PageRange {
  static constexpr std::uint64_t words_per_page = page_bytes / sizeof(PageWord);

  std::uint64_t first = 0;
  std::uint64_t end = 0;
  PageWord* words = nullptr;
  std::uint64_t fresh = 0;  ///< [fresh, fresh_end): blocks of the largest size, free, never used and in no list
  std::uint64_t fresh_end = 0;

  [[nodiscard]] bool contains(std::uint64_t page) const { return page >= first && page < end; }
  [[nodiscard]] PageWord& word(std::uint64_t page) const { return words[static_cast<std::size_t>(page - first)]; }
};

}  // namespace rvm::memory
