// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buddy allocator for physical pages (Knowlton 1965): free blocks of 2^k pages, split on demand, merged with their buddy
// when both are free.
//
// Metadata is one 32-bit word per page (0.1 % of memory), carved from the start of each range. The all-zero word means
// "not in use, contents unknown". Free blocks are linked through their own first 16 bytes; those are cleared when a block
// leaves its list. Blocks of the largest size that were never used are in no list but counted off from the start of their
// range, so memory is not touched before it is needed: initialisation costs the same for 1 GiB and 32, but for clearing the
// metadata, and a virtual machine's host need not find the memory.
//
// Contents: a page is zero whenever it is handed out. It is cleared when freed, so free memory keeps nobody's secrets, and
// memory never used since boot is cleared the first time it is handed out.
//
// Every member runs under the kernel lock.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "rvm/hal/machine.hpp"
#include "rvm/memory/page_block.hpp"
#include "rvm/memory/page_range.hpp"
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
  ~PageAllocator() = default;

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
    ensure(free_raw(block.release(), order).has_value());
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
  /// Who owns the page at `address`; nothing if it is free, shared, or not memory of this allocator.
  [[nodiscard]] std::optional<PartitionId> owner_of(PhysicalAddress address) const;

  /// One more mapping of the single page at `address`. The first time, its owner gives it up: two mappings use it then.
  /// Errors, without effect: bad_address (not memory of this allocator), bad_state (free), bad_argument (part of a larger
  /// block), resource_limit (PageWord::sharers_max).
  [[nodiscard]] Status share(PhysicalAddress address);
  /// One mapping of a shared page less; without any left it is scrubbed and free. Precondition: it is shared.
  void drop_share(PhysicalAddress address);
  /// The last mapping that uses a shared page makes it `owner`'s own. False: there are others.
  [[nodiscard]] bool claim(PhysicalAddress address, PartitionId owner);
  /// How many mappings use a shared page; 0: it is not shared.
  [[nodiscard]] std::uint32_t sharers(PhysicalAddress address) const;

  [[nodiscard]] std::uint64_t free_pages() const { return free_pages_; }
  [[nodiscard]] std::uint64_t total_pages() const { return total_pages_; }

 private:
  /// In the first bytes of a free block: page number + 1 of its neighbours in the list, 0 at the ends.
  struct Links {
    std::uint64_t next;
    std::uint64_t previous;
  };

  static constexpr std::uint32_t run_pages_max = std::uint32_t{1} << max_order;

  [[nodiscard]] static Links& links(std::uint64_t page) {
    // Sound: a free block's first bytes belong to the allocator; Links is an implicit-lifetime type.
    return *reinterpret_cast<Links*>(Machine::to_pointer(PhysicalAddress{page << page_shift}));
  }
  [[nodiscard]] const PageRange* range_of(std::uint64_t page) const {
    for (std::size_t i = 0; i < range_count_; ++i) {
      if (ranges_[i].contains(page)) {
        return &ranges_[i];
      }
    }
    return nullptr;
  }
  /// The range of a page that is known to lie in one.
  [[nodiscard]] const PageRange& range_holding(std::uint64_t page) const {
    std::size_t i = 0;
    while (!ranges_[i].contains(page)) {
      ++i;
      ensure(i < range_count_);
    }
    return ranges_[i];
  }
  void add_range(std::uint64_t first, std::uint64_t end);
  /// A block of at least this order taken off its list, or one that was never used.
  struct Taken {
    const PageRange* range;
    std::uint64_t page;
    unsigned order;
  };
  [[nodiscard]] std::optional<Taken> take(unsigned order);
  void push(const PageRange& range, std::uint64_t page, unsigned order);
  void unlink(const PageRange& range, std::uint64_t page, unsigned order);
  /// Frees [page, end) as naturally aligned blocks, without merging.
  void push_all(const PageRange& range, std::uint64_t page, std::uint64_t end);
  [[nodiscard]] Status can_free(PhysicalAddress address, unsigned order) const;
  void free_checked(std::uint64_t page, unsigned order);

  std::array<std::uint64_t, max_order + 1> heads_{};  ///< page number + 1; 0 = empty list
  std::uint32_t available_ = 0;                       ///< bit k: the list of order k is not empty
  std::uint32_t range_count_ = 0;
  std::uint64_t free_pages_ = 0;
  std::uint64_t total_pages_ = 0;
  std::array<PageRange, max_ranges> ranges_{};
};

template <PageMachine Machine>
Status PageAllocator<Machine>::init(std::span<const hal::MemoryRange> ranges) {
  if (total_pages_ != 0) {
    return fail(Error::bad_state);
  }
  if (ranges.size() > max_ranges) {
    return fail(Error::resource_limit);
  }
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::uint64_t a = ranges[i].base.value;
      const std::uint64_t b = ranges[j].base.value;
      if (a < b + ranges[j].bytes && b < a + ranges[i].bytes) {
        return fail(Error::overlap);
      }
    }
  }
  for (const hal::MemoryRange& range : ranges) {
    const std::uint64_t rounded = pages_for(range.base.value);
    const std::uint64_t first = rounded == 0 ? 1 : rounded;  // page 0 is left out: address 0 means "none" elsewhere
    const std::uint64_t end = (range.base.value + range.bytes) >> page_shift;
    if (first < end) {
      add_range(first, end);
    }
  }
  return total_pages_ == 0 ? Status{fail(Error::no_memory)} : Status{};
}

template <PageMachine Machine>
void PageAllocator<Machine>::add_range(std::uint64_t first, std::uint64_t end) {
  // Metadata for the pages behind it: m pages describe m * 1024 pages, so m = ceil(all / 1025).
  const std::uint64_t all = end - first;
  const std::uint64_t metadata_pages = (all + PageRange::words_per_page) / (PageRange::words_per_page + 1);
  if (metadata_pages >= all) {
    return;
  }
  for (std::uint64_t page = first; page < first + metadata_pages; ++page) {
    Machine::zero_page(PhysicalAddress{page << page_shift});
  }
  // Sound: the pages were just cleared and are the allocator's own from now on; PageWord is an implicit-lifetime type.
  PageWord* const words = reinterpret_cast<PageWord*>(Machine::to_pointer(PhysicalAddress{first << page_shift}));
  PageRange& range = ranges_[range_count_++];
  range = PageRange{first + metadata_pages, end, words};
  total_pages_ += end - range.first;
  range.fresh = (range.first + run_pages_max - 1) & ~std::uint64_t{run_pages_max - 1};
  range.fresh_end = end & ~std::uint64_t{run_pages_max - 1};
  if (range.fresh >= range.fresh_end) {
    range.fresh = range.fresh_end = range.first;
    push_all(range, range.first, end);
    return;
  }
  free_pages_ += range.fresh_end - range.fresh;
  push_all(range, range.first, range.fresh);
  push_all(range, range.fresh_end, end);
}

template <PageMachine Machine>
std::optional<typename PageAllocator<Machine>::Taken> PageAllocator<Machine>::take(unsigned order) {
  if (const std::uint32_t candidates = available_ >> order; candidates != 0) {
    const unsigned found = order + static_cast<unsigned>(std::countr_zero(candidates));
    const std::uint64_t page = heads_[found] - 1;
    const PageRange& range = range_holding(page);
    unlink(range, page, found);
    return Taken{&range, page, found};
  }
  for (PageRange& range : std::span{ranges_}.first(range_count_)) {
    if (range.fresh == range.fresh_end) continue;
    const std::uint64_t page = range.fresh;
    range.fresh += run_pages_max;
    free_pages_ -= run_pages_max;
    return Taken{&range, page, max_order};
  }
  return std::nullopt;
}

template <PageMachine Machine>
void PageAllocator<Machine>::push(const PageRange& range, std::uint64_t page, unsigned order) {
  PageWord& word = range.word(page);
  word = word.as_free_head(order);
  Links& inserted = links(page);
  inserted.next = heads_[order];
  inserted.previous = 0;
  if (heads_[order] != 0) {
    links(heads_[order] - 1).previous = page + 1;
  }
  heads_[order] = page + 1;
  available_ |= 1u << order;
  free_pages_ += std::uint64_t{1} << order;
}

template <PageMachine Machine>
void PageAllocator<Machine>::unlink(const PageRange& range, std::uint64_t page, unsigned order) {
  Links& removed = links(page);
  if (removed.previous != 0) {
    links(removed.previous - 1).next = removed.next;
  } else {
    heads_[order] = removed.next;
    if (removed.next == 0) {
      available_ &= ~(1u << order);
    }
  }
  if (removed.next != 0) {
    links(removed.next - 1).previous = removed.previous;
  }
  removed = Links{0, 0};  // the page may be known to be zero, and must stay so
  PageWord& word = range.word(page);
  word = word.as_interior();
  free_pages_ -= std::uint64_t{1} << order;
}

template <PageMachine Machine>
void PageAllocator<Machine>::push_all(const PageRange& range, std::uint64_t page, std::uint64_t end) {
  while (page < end) {
    const unsigned aligned = static_cast<unsigned>(std::countr_zero(page | run_pages_max));
    const unsigned fitting = static_cast<unsigned>(std::bit_width(end - page)) - 1;
    const unsigned order = aligned < fitting ? aligned : fitting;
    push(range, page, order);
    page += std::uint64_t{1} << order;
  }
}

template <PageMachine Machine>
Result<PhysicalAddress> PageAllocator<Machine>::allocate_run(std::uint32_t pages, PartitionId owner) {
  if (pages == 0 || pages > run_pages_max || owner.value > PageWord::owner_max) {
    return fail(Error::bad_argument);
  }
  const unsigned order = static_cast<unsigned>(std::bit_width(pages - 1));
  const std::optional<Taken> taken = take(order);
  if (!taken) {
    return fail(Error::no_memory);
  }
  const PageRange& range = *taken->range;
  const std::uint64_t page = taken->page;
  // Give back what is not needed. Its buddies are in use, so there is nothing to merge.
  if (pages != std::uint32_t{1} << taken->order) {
    push_all(range, page + pages, page + (std::uint64_t{1} << taken->order));
  }
  for (std::uint32_t i = 0; i < pages; ++i) {
    PageWord& word = range.word(page + i);
    ensure(word.is_interior());  // a page in use or in a free list would get a second owner
    if (!word.clean()) {
      Machine::zero_page(PhysicalAddress{(page + i) << page_shift});
    }
    word = PageWord::used(owner);
  }
  // The run is a sequence of blocks of falling order, each of which can be freed.
  std::uint64_t at = page;
  for (std::uint32_t rest = pages; rest != 0;) {
    const unsigned part = static_cast<unsigned>(std::bit_width(rest)) - 1;
    PageWord& word = range.word(at);
    word = word.as_used_head(part);
    at += std::uint64_t{1} << part;
    rest -= std::uint32_t{1} << part;
  }
  return PhysicalAddress{page << page_shift};
}

template <PageMachine Machine>
Status PageAllocator<Machine>::can_free(PhysicalAddress address, unsigned order) const {
  if (order > max_order) {
    return fail(Error::bad_argument);
  }
  const std::uint64_t page = address.value >> page_shift;
  if (!page_aligned(address) || (page & ((std::uint64_t{1} << order) - 1)) != 0) {
    return fail(Error::unaligned);
  }
  const PageRange* const range = range_of(page);
  if (range == nullptr) {
    return fail(Error::bad_address);
  }
  const PageWord word = range->word(page);
  if (!word.in_use()) {
    return fail(Error::bad_state);
  }
  return word.is_used_head(order) && !word.is_shared() ? Status{} : Status{fail(Error::bad_argument)};
}

template <PageMachine Machine>
void PageAllocator<Machine>::free_checked(std::uint64_t page, unsigned order) {
  const PageRange& range = range_holding(page);
  const std::uint64_t end = page + (std::uint64_t{1} << order);
  for (std::uint64_t each = page; each < end; ++each) {
    Machine::zero_page(PhysicalAddress{each << page_shift});
    range.word(each) = PageWord::clean_interior();
  }
  for (; order < max_order; ++order) {
    const std::uint64_t size = std::uint64_t{1} << order;
    const std::uint64_t buddy = page ^ size;
    if (buddy < range.first || buddy + size > range.end || !range.word(buddy).is_free_head(order)) {
      break;
    }
    unlink(range, buddy, order);
    page &= ~size;
  }
  push(range, page, order);
}

template <PageMachine Machine>
Status PageAllocator<Machine>::free_raw(PhysicalAddress address, unsigned order) {
  const Status status = can_free(address, order);
  if (status) {
    free_checked(address.value >> page_shift, order);
  }
  return status;
}

template <PageMachine Machine>
Status PageAllocator<Machine>::free_run(PhysicalAddress address, std::uint32_t pages) {
  if (pages == 0 || pages > run_pages_max) {
    return fail(Error::bad_argument);
  }
  for (const bool checking : {true, false}) {
    PhysicalAddress at = address;
    for (std::uint32_t rest = pages; rest != 0;) {
      const unsigned part = static_cast<unsigned>(std::bit_width(rest)) - 1;
      if (!checking) {
        free_checked(at.value >> page_shift, part);
      } else if (const Status status = can_free(at, part); !status) {
        return status;
      }
      at = offset(at, std::uint64_t{page_bytes} << part);
      rest -= std::uint32_t{1} << part;
    }
  }
  return {};
}

template <PageMachine Machine>
Status PageAllocator<Machine>::set_owner(PhysicalAddress address, std::uint32_t pages, PartitionId owner) {
  if (!page_aligned(address)) {
    return fail(Error::unaligned);
  }
  if (owner.value > PageWord::owner_max) {
    return fail(Error::bad_argument);
  }
  const std::uint64_t first = address.value >> page_shift;
  const PageRange* const range = range_of(first);
  if (range == nullptr || pages > range->end - first) {
    return fail(Error::bad_address);
  }
  for (std::uint64_t page = first; page < first + pages; ++page) {
    if (!range->word(page).in_use() || range->word(page).is_shared()) {
      return fail(Error::bad_state);
    }
  }
  for (std::uint64_t page = first; page < first + pages; ++page) {
    PageWord& word = range->word(page);
    word = word.with_owner(owner);
  }
  return {};
}

template <PageMachine Machine>
std::optional<PartitionId> PageAllocator<Machine>::owner_of(PhysicalAddress address) const {
  const std::uint64_t page = address.value >> page_shift;
  const PageRange* const range = range_of(page);
  if (range == nullptr || !range->word(page).in_use() || range->word(page).is_shared()) {
    return std::nullopt;
  }
  return range->word(page).owner();
}

template <PageMachine Machine>
Status PageAllocator<Machine>::share(PhysicalAddress address) {
  const std::uint64_t page = address.value >> page_shift;
  const PageRange* const range = range_of(page);
  if (range == nullptr) {
    return fail(Error::bad_address);
  }
  PageWord& word = range->word(page);
  if (!word.in_use()) {
    return fail(Error::bad_state);
  }
  if (!word.is_used_head(0)) {
    return fail(Error::bad_argument);
  }
  if (word.sharers() == PageWord::sharers_max) {
    return fail(Error::resource_limit);
  }
  word = word.with_sharers(word.is_shared() ? word.sharers() + 1 : 2);
  return {};
}

template <PageMachine Machine>
void PageAllocator<Machine>::drop_share(PhysicalAddress address) {
  const std::uint64_t page = address.value >> page_shift;
  PageWord& word = range_holding(page).word(page);
  ensure(word.in_use() && word.sharers() != 0);
  if (word.sharers() == 1) {
    free_checked(page, 0);
  } else {
    word = word.with_sharers(word.sharers() - 1);
  }
}

template <PageMachine Machine>
bool PageAllocator<Machine>::claim(PhysicalAddress address, PartitionId owner) {
  const std::uint64_t page = address.value >> page_shift;
  PageWord& word = range_holding(page).word(page);
  if (word.sharers() != 1) {
    return false;
  }
  word = word.with_owner(owner);
  return true;
}

template <PageMachine Machine>
std::uint32_t PageAllocator<Machine>::sharers(PhysicalAddress address) const {
  const std::uint64_t page = address.value >> page_shift;
  const PageRange* const range = range_of(page);
  return range == nullptr || !range->word(page).in_use() ? 0 : range->word(page).sharers();
}

}  // namespace rvm::memory
