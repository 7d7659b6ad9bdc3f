// SPDX-License-Identifier: MIT OR Apache-2.0
//
// StageTwo: handing what is mapped in a slot to another address space. Included by stage_two.hpp.
//
// A slot is a power of two of bytes that whole entries of some level cover: one of level 1 where it is 1 GiB, 128 of level 2
// where it is 256 MiB. Those entries change tables; what hangs on them, pages and tables, is not looked at but for the number
// of valid entries, which the tables' own descriptors carry. So the cost does not depend on how much is mapped: 3 instructions
// for each entry of the slot, and some 40 for each table that moves.
#pragma once

#include "rvm/memory/stage_two.hpp"

namespace rvm::memory {

/// The level whose entries a slot consists of.
[[nodiscard]] constexpr unsigned slot_level(std::uint64_t bytes) {
  unsigned level = 1;
  while (level_bytes(level) > bytes) ++level;
  return level;
}

/// The first entry of a slot; nullptr as the entry where no table of its level is there.
template <TableMachine Machine>
typename StageTwo<Machine>::Step StageTwo<Machine>::find_slot(std::uint64_t address, unsigned level) const {
  unsigned here = start_level_;
  Step step{table_at(root_) + (address >> level_shift(here)), nullptr, here};
  for (; here < level; ++here) {
    if (!step.entry->is_table(here)) {
      ensure(!step.entry->valid());  // a block reaches over the slot's ends
      return {nullptr, step.entry, here};
    }
    Descriptor* const next = table_at(step.entry->address());
    step = {next + ((address >> level_shift(here + 1)) & (entries_per_table - 1)), step.entry, here + 1};
  }
  return step;
}

template <TableMachine Machine>
template <typename Visitor>
void StageTwo<Machine>::each_in_slot(Table entry, unsigned level, unsigned entries, Visitor&& visitor) {
  for (unsigned i = first_valid(entry, entries); i < entries; i += 1 + first_valid(entry + i + 1, entries - i - 1)) {
    visitor(entry[i], level);
    if (level + 1 == page_level || !entry[i].is_table(level)) continue;
    Descriptor* const below = table_at(entry[i].address());
    unsigned live = entry[i].live();
    for (unsigned k = 0; live != 0; ++k) {
      if (!below[k].valid()) continue;
      --live;
      visitor(below[k], level + 1);
    }
  }
}

template <TableMachine Machine>
SlotContents StageTwo<Machine>::slot_contents(GuestAddress slot, std::uint64_t bytes) const {
  const unsigned level = slot_level(bytes);
  const Step first = find_slot(slot.value, level);
  SlotContents contents;
  if (first.entry == nullptr) return contents;
  const auto entries = static_cast<unsigned>(bytes >> level_shift(level));
  each_in_slot(first.entry, level, entries, [&](Descriptor descriptor, unsigned at) {
    if (!descriptor.is_table(at)) {
      contents.pages += level_pages(at);
      return;
    }
    ++contents.tables;
    if (at + 1 == page_level) contents.pages += descriptor.live();
  });
  return contents;
}

template <TableMachine Machine>
Result<Unmapped> StageTwo<Machine>::relink(GuestAddress slot, std::uint64_t bytes, StageTwo& other) {
  ensure(&other != this && (slot.value & (bytes - 1)) == 0 && address_bits_ == other.address_bits_);
  const unsigned level = slot_level(bytes);
  const auto entries = static_cast<unsigned>(bytes >> level_shift(level));
  const Step from = find_slot(slot.value, level);
  if (from.entry == nullptr) return Unmapped{false};
  unsigned count = 0;
  for (unsigned i = 0; i < entries; ++i) count += from.entry[i].valid() ? 1 : 0;
  if (count == 0) return Unmapped{false};

  Step to = other.find_slot(slot.value, level);
  if (to.entry == nullptr) {
    if (const Status reserved = other.reserve(level - to.level); !reserved) return fail(reserved.error());
    while (to.entry == nullptr) {
      // find_slot tells where the path ends: the entry that has no table yet is what it gives as parent.
      Descriptor* const missing = to.parent;
      const PhysicalAddress table = other.take_table();
      Machine::publish_tables();  // the zeroes before the pointer, as in map_reserved
      store(missing, Descriptor::table(table, 0));
      other.add_live(other.find_slot(slot.value, to.level).parent, 1);
      to = other.find_slot(slot.value, level);
    }
  }
  each_in_slot(from.entry, level, entries, [&](Descriptor descriptor, unsigned at) {
    if (descriptor.is_table(at)) ensure(allocator_->set_owner(descriptor.address(), 1, other.owner_).has_value());
  });
  for (unsigned i = 0; i < entries; ++i) {
    if (!from.entry[i].valid()) continue;
    ensure(!to.entry[i].valid());
    store(to.entry + i, from.entry[i]);
    store(from.entry + i, Descriptor{});
  }
  other.add_live(to.parent, static_cast<int>(count));
  add_live(from.parent, -static_cast<int>(count));
  return Unmapped{retire_empty(from, slot.value)};
}

}  // namespace rvm::memory
