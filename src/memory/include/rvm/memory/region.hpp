// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <utility>

#include "rvm/memory/page_account.hpp"
#include "rvm/memory/page_allocator.hpp"

namespace rvm::memory {

/// Contiguous pages: base address with the number of pages (1..512) in the low 12 bits.
class Extent {
 public:
  constexpr Extent() = default;
  constexpr Extent(PhysicalAddress base, std::uint32_t pages) : raw_(base.value | pages) {}
  [[nodiscard]] constexpr PhysicalAddress base() const {
    return PhysicalAddress{raw_ & ~std::uint64_t{page_bytes - 1}};
  }
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
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  Region(Region&& other) noexcept { *this = std::move(other); }
  Region& operator=(Region&& other) noexcept;
  ~Region() { ensure(state_ == RegionState::empty); }

  /// Zeroed pages charged to `account`. Errors, without effect: bad_argument (0 or more than max_pages pages), no_memory
  /// (quota, no free pages, or so fragmented that max_extents do not reach).
  [[nodiscard]] static Result<Region> create(PageAllocator<Machine>& allocator, RegionId id, std::uint32_t pages,
                                             PartitionId owner, PageAccount& account);
  /// No more mappings; destroy() must follow once the existing ones are gone and the TLBs invalidated.
  void begin_destroy() {
    ensure(state_ == RegionState::live);
    state_ = RegionState::dying;
  }
  /// Scrubs and returns the pages. The caller has unmapped them everywhere and invalidated the TLBs.
  void destroy(PageAllocator<Machine>& allocator, PageAccount& account);
  /// Moves ownership and the charge. Error::no_memory, without effect, when `to` has no room; bad_state unless live.
  [[nodiscard]] Status transfer(PageAllocator<Machine>& allocator, PartitionId new_owner, PageAccount& from,
                                PageAccount& to);

  [[nodiscard]] RegionId id() const { return id_; }
  [[nodiscard]] PartitionId owner() const { return owner_; }
  [[nodiscard]] RegionState state() const { return state_; }
  [[nodiscard]] std::uint32_t pages() const { return pages_; }
  [[nodiscard]] std::span<const Extent> extents() const { return {extents_.data(), extent_count_}; }

 private:
  void free_extents(PageAllocator<Machine>& allocator);

  std::array<Extent, max_extents> extents_{};
  RegionId id_;
  PartitionId owner_;
  std::uint32_t pages_ = 0;
  std::uint8_t extent_count_ = 0;
  RegionState state_ = RegionState::empty;
};

template <PageMachine Machine>
Region<Machine>& Region<Machine>::operator=(Region&& other) noexcept {
  ensure(state_ == RegionState::empty);
  extents_ = other.extents_;
  id_ = other.id_;
  owner_ = other.owner_;
  pages_ = other.pages_;
  extent_count_ = std::exchange(other.extent_count_, std::uint8_t{0});
  state_ = std::exchange(other.state_, RegionState::empty);
  return *this;
}

template <PageMachine Machine>
Result<Region<Machine>> Region<Machine>::create(PageAllocator<Machine>& allocator, RegionId id, std::uint32_t pages,
                                                PartitionId owner, PageAccount& account) {
  if (pages == 0 || pages > max_pages) {
    return fail(Error::bad_argument);
  }
  if (const Status charged = account.charge(pages); !charged) {
    return fail(charged.error());
  }
  Region created;
  created.id_ = id;
  created.owner_ = owner;
  created.pages_ = pages;
  // Largest runs first; where memory is fragmented, ever smaller ones.
  std::uint32_t largest = std::uint32_t{1} << max_order;
  for (std::uint32_t rest = pages; rest != 0;) {
    const std::uint32_t wanted = rest < largest ? rest : largest;
    const Result<PhysicalAddress> run = created.extent_count_ == max_extents
                                            ? Result<PhysicalAddress>{fail(Error::no_memory)}
                                            : allocator.allocate_run(wanted, owner);
    if (run) {
      created.extents_[created.extent_count_++] = Extent{*run, wanted};
      rest -= wanted;
    } else if (run.error() == Error::no_memory && wanted > 1 && created.extent_count_ < max_extents) {
      largest = std::bit_ceil(wanted) / 2;
    } else {
      created.free_extents(allocator);
      account.credit(pages);
      return fail(run.error());
    }
  }
  created.state_ = RegionState::live;
  return created;
}

template <PageMachine Machine>
void Region<Machine>::free_extents(PageAllocator<Machine>& allocator) {
  for (const Extent extent : extents()) {
    ensure(allocator.free_run(extent.base(), extent.pages()).has_value());
  }
  extent_count_ = 0;
}

template <PageMachine Machine>
void Region<Machine>::destroy(PageAllocator<Machine>& allocator, PageAccount& account) {
  ensure(state_ != RegionState::empty);
  free_extents(allocator);
  account.credit(pages_);
  pages_ = 0;
  state_ = RegionState::empty;
}

template <PageMachine Machine>
Status Region<Machine>::transfer(PageAllocator<Machine>& allocator, PartitionId new_owner, PageAccount& from,
                                 PageAccount& to) {
  if (state_ != RegionState::live) {
    return fail(Error::bad_state);
  }
  if (&from != &to) {
    if (const Status charged = to.charge(pages_); !charged) {
      return charged;
    }
    from.credit(pages_);
  }
  for (const Extent extent : extents()) {
    ensure(allocator.set_owner(extent.base(), extent.pages(), new_owner).has_value());
  }
  owner_ = new_owner;
  return {};
}

}  // namespace rvm::memory
