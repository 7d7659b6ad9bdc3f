// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "rvm/memory/page_account.hpp"
#include "rvm/memory/page_allocator.hpp"

namespace rvm::memory {

/// Contiguous pages: base address with the number of pages (1..512) in the low 12 bits.
class Extent {
 public:
  constexpr Extent() = default;
  constexpr Extent(PhysicalAddress base, std::uint32_t pages) : raw_(base.value | pages) {}
  [[nodiscard]] constexpr PhysicalAddress base() const { return PhysicalAddress{raw_ & ~std::uint64_t{page_bytes - 1}}; }
  [[nodiscard]] constexpr std::uint32_t pages() const { return static_cast<std::uint32_t>(raw_ & (page_bytes - 1)); }

 private:
  std::uint64_t raw_ = 0;
};

enum class RegionState : std::uint8_t {
  empty,  ///< owns nothing
  live,
  dying,  ///< being destroyed: mappings are on their way out, no new ones may be made
};

/// Whole pages owned by one partition, the unit of sharing. Destroying a region that still owns pages stops the kernel.
template <PageMachine Machine>
class [[nodiscard]] Region {
 public:
  static constexpr std::size_t max_extents = 16;
  static constexpr std::uint32_t max_pages = 8192;

  Region() = default;
  /// Zeroed pages charged to `account`. Errors, without effect: bad_argument (0 or more than max_pages pages), no_memory
  /// (quota, no free pages, or so fragmented that max_extents do not reach).
  [[nodiscard]] static Result<Region> create(PageAllocator<Machine>& allocator, RegionId id, std::uint32_t pages,
                                             PartitionId owner, PageAccount& account);
  /// No more mappings; destroy() must follow once the existing ones are gone and the TLBs invalidated.
  void begin_destroy();
  /// Scrubs and returns the pages. The caller has unmapped them everywhere and invalidated the TLBs.
  void destroy(PageAllocator<Machine>& allocator, PageAccount& account);
  /// Moves ownership and the charge. Error::no_memory, without effect, when `to` has no room; bad_state unless live.
  [[nodiscard]] Status transfer(PageAllocator<Machine>& allocator, PartitionId new_owner, PageAccount& from, PageAccount& to);

  [[nodiscard]] RegionId id() const;
  [[nodiscard]] PartitionId owner() const;
  [[nodiscard]] RegionState state() const;
  [[nodiscard]] std::uint32_t pages() const;
  [[nodiscard]] std::span<const Extent> extents() const;
};

}  // namespace rvm::memory
