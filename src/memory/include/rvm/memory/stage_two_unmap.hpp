// SPDX-License-Identifier: MIT OR Apache-2.0
//
// StageTwo: unmapping, splitting of blocks, return of tables. Included by stage_two.hpp.
#pragma once

#include "rvm/memory/stage_two.hpp"

namespace rvm::memory {

template <TableMachine Machine>
bool StageTwo<Machine>::all_valid(Table entry, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    if (!entry[i].valid()) {
      return false;
    }
  }
  return true;
}

/// Tables that unmapping [at, end) needs to split blocks. Error::bad_address if not all of it is mapped.
template <TableMachine Machine>
Result<std::uint32_t> StageTwo<Machine>::tables_for_unmap(std::uint64_t at, std::uint64_t end) const {
  std::uint32_t tables = 0;
  while (at < end) {
    const Step here = find(at);
    if (here.level == page_level) {
      const unsigned run = run_in_table(at, end);
      if (!all_valid(here.entry, run)) {
        return fail(Error::bad_address);
      }
      at += std::uint64_t{run} << page_shift;
      continue;
    }
    if (!here.entry->valid()) {
      return fail(Error::bad_address);
    }
    const std::uint64_t bytes = level_bytes(here.level);
    const std::uint64_t start = at & ~(bytes - 1);
    const std::uint64_t stop = end < start + bytes ? end : start + bytes;
    if (stop - at != bytes) {
      ++tables;
      if (here.level == 1) {
        // A 1 GiB block becomes 2 MiB blocks; those at the two edges may have to be split in turn.
        constexpr std::uint64_t block = level_bytes(2);
        const bool low = at % block != 0;
        const bool high = stop % block != 0;
        const bool same = low && at / block == stop / block;
        tables += (low ? 1u : 0u) + (high && !same ? 1u : 0u);
      }
    }
    at = stop;
  }
  return tables;
}

template <TableMachine Machine>
template <typename Visitor>
Result<Unmapped> StageTwo<Machine>::unmap(GuestAddress guest, std::uint64_t pages, Visitor&& visitor) {
  if (const Status range = check_range(guest, pages); !range) {
    return fail(range.error());
  }
  const std::uint64_t end = guest.value + (pages << page_shift);
  const Result<std::uint32_t> tables = tables_for_unmap(guest.value, end);
  if (!tables) {
    return fail(tables.error());
  }
  if (const Status reserved = reserve(*tables); !reserved) {
    return fail(reserved.error());
  }
  Unmapped result{false};
  for (std::uint64_t at = guest.value; at < end;) {
    const Step here = find(at);
    const std::uint64_t bytes = level_bytes(here.level);
    if ((at & (bytes - 1)) != 0 || end - at < bytes) {
      split(here);
      continue;
    }
    const unsigned count = here.level == page_level ? run_in_table(at, end) : 1;
    for (unsigned i = 0; i < count;) {
      const PhysicalAddress output = here.entry[i].address();
      unsigned piece = 1;
      while (i + piece < count && here.entry[i + piece].address() == offset(output, piece * bytes)) {
        ++piece;
      }
      visitor(GuestAddress{at + i * bytes}, output, piece * level_pages(here.level));
      i += piece;
    }
    result.tables_retired |= clear(here, at, count);
    at += count * bytes;
  }
  return result;
}

/// Replaces a block by a table that maps the same, break-before-make.
template <TableMachine Machine>
void StageTwo<Machine>::split(const Step& step) {
  const Descriptor block = *step.entry;
  const PhysicalAddress table = take_table();
  const unsigned level = step.level + 1;
  const Descriptor first = Descriptor::leaf(level, block.address(), block.access(), block.memory_type());
  for (unsigned i = 0; i < entries_per_table; ++i) {
    store(table_at(table) + i, Descriptor{first.raw() + i * level_bytes(level)});
  }
  store(step.entry, Descriptor{});
  Machine::publish_tables();
  Machine::invalidate_all();
  store(step.entry, Descriptor::table(table, entries_per_table));
  Machine::publish_tables();
}

/// Invalidates `count` entries and retires every table that this leaves empty. True if there was one.
template <TableMachine Machine>
bool StageTwo<Machine>::clear(Step step, std::uint64_t address, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    store(step.entry + i, Descriptor{});
  }
  add_live(step.parent, -static_cast<int>(count));
  return retire_empty(step, address);
}

/// Retires the table of an entry just cleared, and those above it, as far as they became empty.
template <TableMachine Machine>
bool StageTwo<Machine>::retire_empty(Step step, std::uint64_t address) {
  bool retired = false;
  while (step.parent != nullptr && step.parent->live() == 0) {
    const PhysicalAddress table = step.parent->address();
    store(step.parent, Descriptor{});
    store(table_at(table), Descriptor{retired_.value});
    retired_ = table;
    retired = true;
    step = find(address);  // ends at the entry just cleared
    add_live(step.parent, -1);
  }
  return retired;
}

template <TableMachine Machine>
void StageTwo<Machine>::free_table(PhysicalAddress table, unsigned order) {
  ensure(allocator_->free_raw(table, order).has_value());
  account_->credit(std::uint32_t{1} << order);
}

template <TableMachine Machine>
void StageTwo<Machine>::release_retired() {
  while (retired_ != PhysicalAddress{}) {
    const PhysicalAddress table = retired_;
    retired_ = PhysicalAddress{table_at(table)->raw()};
    free_table(table, 0);
  }
}

template <TableMachine Machine>
void StageTwo<Machine>::destroy() {
  if (empty()) {
    return;
  }
  release_retired();
  // Depth first without recursion: per level the table under way, its next entry, and how many valid ones are to come.
  struct Cursor {
    Table next;
    unsigned live;
  };
  std::array<Cursor, page_level> cursors{};
  unsigned level = start_level_;
  cursors[level] = {table_at(root_), root_live_};
  while (true) {
    Cursor& here = cursors[level];
    if (here.live == 0) {
      if (level == start_level_) {
        break;
      }
      --level;
      free_table((cursors[level].next - 1)->address(), 0);
      continue;
    }
    const Descriptor entry = *here.next++;
    if (!entry.valid()) {
      continue;
    }
    --here.live;
    if (!entry.is_table(level)) {
      continue;
    }
    if (level + 1 == page_level) {
      free_table(entry.address(), 0);  // holds no tables
    } else {
      ++level;
      cursors[level] = {table_at(entry.address()), entry.live()};
    }
  }
  free_table(root_, root_order_);
  allocator_ = nullptr;
  account_ = nullptr;
  root_ = PhysicalAddress{};
  root_live_ = 0;
}

}  // namespace rvm::memory
