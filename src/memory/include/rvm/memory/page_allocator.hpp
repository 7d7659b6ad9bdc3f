// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buddy allocator for physical pages (Knowlton 1965): free blocks of 2^k pages, split on demand, merged with their buddy
// when both are free.
//
// Metadata is one 32-bit word per page (0.1 % of memory), carved from the start of each range. The all-zero word means
// "not in use, contents unknown", so initialisation clears the metadata in bulk and then touches only one word per 2 MiB
// block. Free blocks are linked through their own first 16 bytes; those are cleared when a block leaves its list.
//
// Contents: a page is zero whenever it is handed out. It is cleared when freed, so free memory keeps nobody's secrets, and
// memory never used since boot is cleared the first time it is handed out.
//
// Every member runs under the kernel lock. Ordinary cost on AArch64: 60-90 instructions for an order-0 allocation or free
// besides the clearing of the page.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "rvm/hal/machine.hpp"
#include "rvm/memory/page_block.hpp"
#include "rvm/types/address.hpp"
#include "rvm/types/error.hpp"
#include "rvm/types/ids.hpp"

namespace rvm::memory {

template <PageMachine Machine>
class PageAllocator {
 public:
  static constexpr std::size_t max_ranges = 32;

  constexpr PageAllocator() = default;
  PageAllocator(const PageAllocator&) = delete;
  PageAllocator& operator=(const PageAllocator&) = delete;

  /// Takes over `ranges` (rounded inwards to whole pages; those too small to hold their own metadata are left out).
  /// Called once. Errors: resource_limit (too many ranges), overlap, bad_state (called twice), no_memory (nothing usable).
  [[nodiscard]] Status init(std::span<const hal::MemoryRange> ranges);

  /// 2^order zeroed pages, aligned to their size, for `owner` (below 65536). Errors: bad_argument, no_memory.
  [[nodiscard]] Result<PageBlock> allocate(unsigned order, PartitionId owner) {
    if (order > max_order) {
      return fail(Error::bad_argument);
    }
    const Result<PhysicalAddress> run = allocate_run(std::uint32_t{1} << order, owner);
    if (!run) {
      return fail(run.error());
    }
    return PageBlock{*run, order};
  }

  void free(PageBlock&& block) {
    const unsigned order = block.order();
    const Status status = free_raw(block.release(), order);
    ensure(status.has_value());
  }

  /// Frees a block whose ownership was released. Errors, without effect: unaligned, bad_address (not memory of this
  /// allocator), bad_state (already free), bad_argument (no block of this order starts here).
  [[nodiscard]] Status free_raw(PhysicalAddress address, unsigned order);

  /// 1..512 contiguous zeroed pages, aligned to the power of two that holds them, without rounding their number up.
  [[nodiscard]] Result<PhysicalAddress> allocate_run(std::uint32_t pages, PartitionId owner);
  /// Frees a whole run of allocate_run. Errors as free_raw, without effect.
  [[nodiscard]] Status free_run(PhysicalAddress address, std::uint32_t pages);

  /// Hands pages in use to another partition. Errors, without effect: unaligned, bad_address, bad_state, bad_argument.
  [[nodiscard]] Status set_owner(PhysicalAddress address, std::uint32_t pages, PartitionId owner);
  /// Who owns the page at `address`; nothing if it is free or not memory of this allocator.
  [[nodiscard]] std::optional<PartitionId> owner_of(PhysicalAddress address) const;

  [[nodiscard]] std::uint64_t free_pages() const { return free_pages_; }
  [[nodiscard]] std::uint64_t total_pages() const { return total_pages_; }
};

}  // namespace rvm::memory
