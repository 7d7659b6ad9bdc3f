// SPDX-License-Identifier: MIT OR Apache-2.0
//
// StageTwo: creation, translation, mapping. Included by stage_two.hpp.
#pragma once

#include "rvm/memory/stage_two.hpp"

namespace rvm::memory {

template <TableMachine Machine>
StageTwo<Machine>& StageTwo<Machine>::operator=(StageTwo&& other) noexcept {
  ensure(empty());
  allocator_ = std::exchange(other.allocator_, nullptr);
  account_ = std::exchange(other.account_, nullptr);
  root_ = std::exchange(other.root_, PhysicalAddress{});
  retired_ = std::exchange(other.retired_, PhysicalAddress{});
  owner_ = other.owner_;
  root_live_ = other.root_live_;
  start_level_ = other.start_level_;
  address_bits_ = other.address_bits_;
  root_order_ = other.root_order_;
  return *this;
}

template <TableMachine Machine>
Result<StageTwo<Machine>> StageTwo<Machine>::create(PageAllocator<Machine>& allocator,
                                                    const hal::TranslationGeometry& geometry, PartitionId owner,
                                                    PageAccount& account) {
  ensure((geometry.address_bits == 40 && geometry.start_level == 1 && geometry.root_pages == 2) ||
         (geometry.address_bits == 44 && geometry.start_level == 0 && geometry.root_pages == 1));
  const unsigned order = geometry.root_pages - 1;
  if (const Status charged = account.charge(geometry.root_pages); !charged) {
    return fail(charged.error());
  }
  Result<PageBlock> root = allocator.allocate(order, owner);
  if (!root) {
    account.credit(geometry.root_pages);
    return fail(root.error());
  }
  StageTwo created;
  created.allocator_ = &allocator;
  created.account_ = &account;
  created.root_ = root->release();
  created.owner_ = owner;
  created.start_level_ = static_cast<std::uint8_t>(geometry.start_level);
  created.address_bits_ = static_cast<std::uint8_t>(geometry.address_bits);
  created.root_order_ = static_cast<std::uint8_t>(order);
  return created;
}

template <TableMachine Machine>
Result<Translation> StageTwo<Machine>::translate(GuestAddress guest) const {
  if (empty() || guest.value >> address_bits_ != 0) {
    return fail(Error::bad_address);
  }
  const Step here = find_inline(guest.value);
  const Descriptor entry = *here.entry;
  if (!entry.valid()) {
    return fail(Error::bad_address);
  }
  const std::uint64_t within = guest.value & (level_bytes(here.level) - 1);
  return Translation{offset(entry.address(), within), entry.access(), entry.memory_type()};
}

template <TableMachine Machine>
std::uint64_t StageTwo<Machine>::next_mapped(GuestAddress guest, std::uint64_t pages) const {
  const std::uint64_t end = guest.value + (pages << page_shift);
  std::uint64_t at = guest.value;
  while (at < end) {
    const Step here = find(at);
    if (here.entry->valid()) break;
    if (here.level != page_level) {
      at = (at | (level_bytes(here.level) - 1)) + 1;
      continue;
    }
    const unsigned run = run_in_table(at, end);
    const unsigned i = first_valid(here.entry, run);
    at += std::uint64_t{i} << page_shift;
    if (i < run) break;
  }
  return at < end ? (at - guest.value) >> page_shift : pages;
}

template <TableMachine Machine>
template <typename Visitor>
Status StageTwo<Machine>::visit(GuestAddress guest, std::uint64_t pages, Visitor&& visitor) {
  const std::uint64_t end = guest.value + (pages << page_shift);
  for (std::uint64_t at = guest.value; at < end;) {
    const Step here = find(at);
    if (here.level != page_level) {
      ensure(!here.entry->valid());
      at = (at | (level_bytes(here.level) - 1)) + 1;
      continue;
    }
    const unsigned run = run_in_table(at, end);
    unsigned live = here.parent->live();  // of the whole table; when as many were seen, the rest is empty
    for (unsigned i = 0; i < run && live != 0; ++i) {
      const Descriptor entry = here.entry[i];
      if (!entry.valid()) continue;
      --live;
      const Result<Access> access = visitor(GuestAddress{at + (std::uint64_t{i} << page_shift)},
                                            Translation{entry.address(), entry.access(), entry.memory_type()});
      if (!access) {
        return fail(access.error());
      }
      if (*access != entry.access()) {
        store(here.entry + i, Descriptor::leaf(page_level, entry.address(), *access, entry.memory_type()));
      }
    }
    at += std::uint64_t{run} << page_shift;
  }
  return {};
}

template <TableMachine Machine>
void StageTwo<Machine>::protect(GuestAddress guest, std::uint64_t pages, Access access) {
  const std::uint64_t end = guest.value + (pages << page_shift);
  for (std::uint64_t at = guest.value; at < end;) {
    const Step here = find(at);
    const unsigned count = here.level == page_level ? run_in_table(at, end) : 1;
    const std::uint64_t bytes = count * level_bytes(here.level);
    ensure((at & (level_bytes(here.level) - 1)) == 0 && bytes <= end - at && all_valid(here.entry, count));
    for (unsigned i = 0; i < count; ++i) store(here.entry + i, here.entry[i].with_access(access));
    at += bytes;
  }
}

template <TableMachine Machine>
template <typename Take, typename GiveBack>
Status StageTwo<Machine>::share(GuestAddress guest, std::uint64_t pages, StageTwo& other, GuestAddress there,
                                Take&& take, GiveBack&& give_back) {
  ensure(((guest.value ^ there.value) & (level_bytes(2) - 1)) == 0);
  const std::uint64_t end = guest.value + (pages << page_shift);
  for (std::uint64_t at = guest.value; at < end;) {
    const Step here = find(at);
    if (here.level != page_level) {
      ensure(!here.entry->valid());
      at = (at | (level_bytes(here.level) - 1)) + 1;
      continue;
    }
    const unsigned run = run_in_table(at, end);
    Step target{};
    int added = 0;  // to the target's table, not counted there yet
    Status done;
    for (unsigned i = 0; (i += first_valid(here.entry + i, run - i)) < run; ++i) {
      const Descriptor entry = here.entry[i];
      const Translation page{entry.address(), entry.access(), entry.memory_type()};
      const Result<Access> access = take(page);
      if (!access) {
        done = fail(access.error());
        break;
      }
      const Descriptor shared = entry.with_access(*access);
      if (*access != page.access) store(here.entry + i, shared);
      if (target.entry == nullptr) {
        // The first in this table may need the table.
        const GuestAddress to = offset(there, (at - guest.value) + (std::uint64_t{i} << page_shift));
        done = other.map(to, page.address, 1, *access, page.type);
        if (!done) {
          give_back(page);
          break;
        }
        target = other.find(to.value);
        target.entry -= i;
        continue;
      }
      ensure(!target.entry[i].valid());
      store(target.entry + i, shared);
      ++added;
    }
    if (added != 0) other.add_live(target.parent, added);
    if (!done) return done;
    at += std::uint64_t{run} << page_shift;
  }
  return {};
}

template <TableMachine Machine>
template <typename Invalidate>
Status StageTwo<Machine>::replace(GuestAddress guest, PhysicalAddress physical, Access access,
                                  Invalidate&& invalidate) {
  const Step here = find(guest.value);
  if (here.level != page_level || !here.entry->valid() || !page_aligned(guest)) {
    return fail(Error::bad_address);
  }
  const MemoryType type = here.entry->memory_type();
  store(here.entry, Descriptor{});
  invalidate();
  store(here.entry, Descriptor::leaf(page_level, physical, access, type));
  Machine::publish_tables();
  return {};
}

template <TableMachine Machine>
Status StageTwo<Machine>::check_range(GuestAddress guest, std::uint64_t pages) const {
  if (!page_aligned(guest)) {
    return fail(Error::unaligned);
  }
  if (pages == 0) {
    return fail(Error::bad_argument);
  }
  const std::uint64_t limit = std::uint64_t{1} << address_bits_;
  if (empty() || guest.value >= limit || pages > (limit - guest.value) >> page_shift) {
    return fail(Error::bad_address);
  }
  return {};
}

template <TableMachine Machine>
bool StageTwo<Machine>::any_valid(Table entry, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    if (entry[i].valid()) {
      return true;
    }
  }
  return false;
}

template <TableMachine Machine>
Status StageTwo<Machine>::map(GuestAddress guest, PhysicalAddress physical, std::uint64_t pages, Access access,
                              MemoryType type) {
  if (const Status range = check_range(guest, pages); !range) {
    return range;
  }
  if (!page_aligned(physical)) {
    return fail(Error::unaligned);
  }
  constexpr std::uint64_t physical_limit = std::uint64_t{1} << 48;
  if (physical.value >= physical_limit || pages > (physical_limit - physical.value) >> page_shift) {
    return fail(Error::bad_address);
  }
  if (!write_xor_execute(access)) {
    return fail(Error::write_execute);
  }
  if (!allows(access, Access::read)) {
    return fail(Error::bad_argument);
  }
  // The usual case: a page whose last-level table is there.
  const Step here = find_inline(guest.value);
  if (here.level != page_level || pages != 1) {
    return map_anywhere(guest, physical, pages, access, type);
  }
  if (here.entry->valid()) {
    return fail(Error::overlap);
  }
  store(here.entry, Descriptor::leaf(page_level, physical, access, type));
  add_live(here.parent, 1);
  return {};
}

template <TableMachine Machine>
Status StageTwo<Machine>::map_anywhere(GuestAddress guest, PhysicalAddress physical, std::uint64_t pages, Access access,
                                       MemoryType type) {
  const std::uint64_t end = guest.value + (pages << page_shift);
  const Result<std::uint32_t> tables = tables_for_map(guest.value, physical.value, end);
  if (!tables) {
    return fail(tables.error());
  }
  if (const Status reserved = reserve(*tables); !reserved) {
    return reserved;
  }
  map_reserved(guest.value, physical, end, access, type);
  return {};
}

/// Tables that mapping [at, end) needs beyond those there are. Error::overlap if any of it is mapped.
template <TableMachine Machine>
Result<std::uint32_t> StageTwo<Machine>::tables_for_map(std::uint64_t at, std::uint64_t physical,
                                                        std::uint64_t end) const {
  std::uint32_t tables = 0;
  std::array<std::uint64_t, page_level + 1> counted{};  // per level: addresses below have their new table counted
  while (at < end) {
    const Step here = find(at);
    if (here.entry->valid()) {
      return fail(Error::overlap);
    }
    std::uint64_t step = 0;
    if (here.level == page_level) {
      const unsigned run = run_in_table(at, end);
      if (any_valid(here.entry, run)) {
        return fail(Error::overlap);
      }
      step = std::uint64_t{run} << page_shift;
    } else {
      unsigned leaf = here.level;
      while (leaf < page_level && !block_fits(leaf, at, physical, end - at)) {
        ++leaf;
      }
      for (unsigned level = here.level + 1; level <= leaf; ++level) {
        if (at >= counted[level]) {
          ++tables;
          counted[level] = (at | (level_bytes(level - 1) - 1)) + 1;
        }
      }
      step = leaf < page_level ? level_bytes(leaf) : std::uint64_t{run_in_table(at, end)} << page_shift;
    }
    at += step;
    physical += step;
  }
  return tables;
}

/// Charges `tables` and makes sure that so many take_table() succeed.
template <TableMachine Machine>
Status StageTwo<Machine>::reserve(std::uint32_t tables) {
  if (allocator_->free_pages() < tables) {
    return fail(Error::no_memory);
  }
  return account_->charge(tables);
}

template <TableMachine Machine>
PhysicalAddress StageTwo<Machine>::take_table() {
  Result<PageBlock> table = allocator_->allocate(0, owner_);
  ensure(table.has_value());
  return table->release();
}

template <TableMachine Machine>
void StageTwo<Machine>::fill(const Step& step, unsigned count, PhysicalAddress output, Access access, MemoryType type) {
  const Descriptor first = Descriptor::leaf(step.level, output, access, type);
  for (unsigned i = 0; i < count; ++i) {
    store(step.entry + i, Descriptor{first.raw() + i * level_bytes(step.level)});
  }
  add_live(step.parent, static_cast<int>(count));
}

template <TableMachine Machine>
void StageTwo<Machine>::map_reserved(std::uint64_t at, PhysicalAddress output, std::uint64_t end, Access access,
                                     MemoryType type) {
  while (at < end) {
    Step here = find(at);
    while (here.level < page_level && !block_fits(here.level, at, output.value, end - at)) {
      const PhysicalAddress table = take_table();
      Machine::
          publish_tables();  // the table's zeroes before the pointer to it, or a walker reads what the page held before
      store(here.entry, Descriptor::table(table, 0));
      add_live(here.parent, 1);
      here = find(at);
    }
    const unsigned count = here.level == page_level ? run_in_table(at, end) : 1;
    fill(here, count, output, access, type);
    const std::uint64_t step = count * level_bytes(here.level);
    at += step;
    output = offset(output, step);
  }
}

}  // namespace rvm::memory
