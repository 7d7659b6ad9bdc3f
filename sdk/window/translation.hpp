// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stage-1 translation tables of an agent: 4 KiB granule, start at level 1 (Arm ARM D8.2 and D8.3). Portable, so that what it
// writes is tested on the host. It runs before the program is relocated: nothing here may need that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace rvm::window {

using Entry = std::uint64_t;
struct alignas(4096) Table {
  Entry entries[512];
};

/// What stage 1 adds to stage 2, which says who may write and execute what.
enum class Permission : std::uint8_t { all, write, read };

class Translation {
 public:
  static constexpr std::uint64_t page = 4096;

  constexpr Translation() = default;
  /// `root` is aligned to its size. `to_guest` turns a pointer to a table into the table's guest-physical address. `invalidate`
  /// makes the TLB forget what it knows of an address.
  Translation(std::span<Entry> root, std::uint64_t to_guest, void (*invalidate)(std::uint64_t address))
      : root_(root.data()), to_guest_(to_guest), invalidate_(invalidate) {}

  /// Zero tables to take from, instead of those before.
  void give(std::span<Table> tables) {
    free_ = tables.data();
    end_ = free_ + tables.size();
  }

  /// Maps pages, with the largest blocks that they permit. What was there is replaced; where that was a larger block, the rest
  /// of it stays as it was. All are multiples of `page`. False: no table is left; a part may be mapped.
  [[nodiscard]] bool map(std::uint64_t address, std::uint64_t guest, std::uint64_t bytes, Permission permission) {
    return change(address, bytes, attributes(permission) | guest, true);
  }
  [[nodiscard]] bool unmap(std::uint64_t address, std::uint64_t bytes) { return change(address, bytes, 0, false); }

  /// What maps an address, or 0.
  [[nodiscard]] Entry find(std::uint64_t address) const {
    const Entry* entry = root_ + (address >> shift(first_level));
    for (unsigned level = first_level; (*entry & valid) != 0; ++level) {
      if (level == last_level || (*entry & is_table) == 0) return *entry;
      entry = &below(*entry)->entries[index(address, level + 1)];
    }
    return 0;
  }
  /// The entry of one page: a block around it is taken apart. nullptr: nothing is mapped, or no table is left.
  [[nodiscard]] Entry* find_page(std::uint64_t address) {
    Entry* entry = root_ + (address >> shift(first_level));
    for (unsigned level = first_level; level != last_level; ++level) {
      if ((*entry & valid) == 0) return nullptr;
      if ((*entry & is_table) == 0 && !divide(*entry, level, address)) return nullptr;
      entry = &below(*entry)->entries[index(address, level + 1)];
    }
    return (*entry & valid) != 0 ? entry : nullptr;
  }

  static constexpr Entry valid = 1, is_table = 2, read_only = 1 << 7;

  /// What the entries `first` to `last` of the root map, and the tables below them, lie `distance` bytes further in guest-physical
  /// memory than when they were written.
  void move(std::uint64_t distance, std::size_t first, std::size_t last) {
    move_table(root_ + first, last - first, first_level, distance);
  }
  /// For an object that was made before they moved.
  void tables_moved(std::uint64_t distance) { to_guest_ += distance; }

 private:
  static constexpr unsigned first_level = 1, last_level = 3;
  static constexpr Entry address_bits = 0x0000'ffff'ffff'f000, accessed = 1 << 10, inner_shareable = 3 << 8,
                         not_at_el1 = Entry{1} << 53, not_at_el0 = Entry{1} << 54;

  static constexpr unsigned shift(unsigned level) { return 12 + 9 * (last_level - level); }
  static constexpr std::size_t index(std::uint64_t address, unsigned level) { return address >> shift(level) & 511; }
  static constexpr Entry attributes(Permission permission) {
    // Attribute 0 of MAIR_EL1; EL0 does not exist.
    return valid | accessed | inner_shareable | not_at_el0 | (permission == Permission::all ? 0 : not_at_el1) |
           (permission == Permission::read ? read_only : 0);
  }

  [[nodiscard]] Table* below(Entry entry) const {
    return reinterpret_cast<Table*>((entry & address_bits) - to_guest_);  // written by attach()
  }
  [[nodiscard]] Entry naming(const Table* table) const {
    return (reinterpret_cast<std::uintptr_t>(table) + to_guest_) | is_table | valid;
  }
  [[nodiscard]] bool attach(Entry& entry) {
    if (free_ == end_) return false;
    entry = naming(free_++);
    return true;
  }
  /// A block becomes a table with the same contents. In between it is nothing (break before make, Arm ARM D8.14.1).
  [[nodiscard]] bool divide(Entry& entry, unsigned level, std::uint64_t address) {
    if (free_ == end_) return false;
    Table* const table = free_++;
    const Entry step = Entry{1} << shift(level + 1);
    const Entry type = level + 1 == last_level ? is_table : 0;  // a page's entry has the same bit set
    for (std::size_t i = 0; i < 512; ++i) table->entries[i] = (entry + i * step) | type;
    entry = 0;
    invalidate_(address);
    entry = naming(table);
    return true;
  }

  [[nodiscard]] bool change(std::uint64_t address, std::uint64_t bytes, Entry content, bool mapping) {
    while (bytes != 0) {
      Entry* entry = root_ + (address >> shift(first_level));
      unsigned level = first_level;
      for (;; ++level) {
        const std::uint64_t size = std::uint64_t{1} << shift(level);
        const bool whole = bytes >= size && ((address | (mapping ? content & address_bits : 0)) & (size - 1)) == 0;
        // A table that is there stays: it will be needed again.
        if (level == last_level || (whole && ((*entry & valid) == 0 || (*entry & is_table) == 0))) break;
        if ((*entry & valid) == 0) {
          if (!mapping) break;  // nothing is mapped there
          if (!attach(*entry)) return false;
        } else if ((*entry & is_table) == 0 && !divide(*entry, level, address)) {
          return false;
        }
        entry = &below(*entry)->entries[index(address, level + 1)];
      }
      const std::uint64_t size = std::uint64_t{1} << shift(level);
      const std::uint64_t step = size - (address & (size - 1));  // all of it, unless nothing is mapped there
      if (mapping) {
        *entry = content | (level == last_level ? is_table : 0);
        content += size;
      } else {
        *entry = 0;
      }
      if (step >= bytes) return true;
      address += step;
      bytes -= step;
    }
    return true;
  }

  void move_table(Entry* entries, std::size_t count, unsigned level, std::uint64_t distance) {
    for (std::size_t i = 0; i < count; ++i) {
      if (entries[i] == 0) continue;
      entries[i] += distance;
      if (level != last_level && (entries[i] & is_table) != 0) {
        move_table(below(entries[i])->entries, 512, level + 1, distance);
      }
    }
  }

  Entry* root_ = nullptr;
  std::uint64_t to_guest_ = 0;
  void (*invalidate_)(std::uint64_t) = nullptr;
  Table* free_ = nullptr;
  Table* end_ = nullptr;
};

}  // namespace rvm::window
