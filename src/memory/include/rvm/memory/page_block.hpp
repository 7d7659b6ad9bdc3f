// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "rvm/types/address.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::memory {

/// Blocks of 2^0 .. 2^9 pages: 4 KiB .. 2 MiB, the largest being what one level-2 block descriptor maps.
inline constexpr unsigned max_order = 9;

/// What the allocator needs of a machine: the kernel's view of RAM, and a fast way to clear a page.
template <typename M>
concept PageMachine = requires(PhysicalAddress address) {
  { M::to_pointer(address) } -> std::same_as<std::byte*>;
  M::zero_page(address);
};

/// Ownership of 2^order contiguous pages, aligned to their size. Must be given back (PageAllocator::free) or released
/// into something that will (a page table, a region): destroying a full block stops the kernel.
class [[nodiscard]] PageBlock {
 public:
  PageBlock() = default;
  PageBlock(const PageBlock&) = delete;
  PageBlock& operator=(const PageBlock&) = delete;
  PageBlock(PageBlock&& other) noexcept
      : address_(other.address_), order_(other.order_), full_(std::exchange(other.full_, false)) {}
  PageBlock& operator=(PageBlock&& other) noexcept {
    ensure(!full_);
    address_ = other.address_;
    order_ = other.order_;
    full_ = std::exchange(other.full_, false);
    return *this;
  }
  ~PageBlock() { ensure(!full_); }

  [[nodiscard]] bool empty() const { return !full_; }
  [[nodiscard]] PhysicalAddress address() const { return address_; }
  [[nodiscard]] unsigned order() const { return order_; }
  [[nodiscard]] std::uint32_t pages() const { return std::uint32_t{1} << order_; }

  /// Gives up ownership: from here on the caller answers for the pages (PageAllocator::free_raw).
  [[nodiscard]] PhysicalAddress release() {
    ensure(full_);
    full_ = false;
    return address_;
  }

 private:
  template <PageMachine M>
  friend class PageAllocator;
  PageBlock(PhysicalAddress address, unsigned order) : address_(address), order_(order), full_(true) {}

  PhysicalAddress address_;
  unsigned order_ = 0;
  bool full_ = false;
};

}  // namespace rvm::memory
