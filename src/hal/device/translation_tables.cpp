// SPDX-License-Identifier: MIT OR Apache-2.0
#include "translation_tables.hpp"

#include <cstring>

#include "rvm/types/address.hpp"

namespace rvm::hal {
namespace {

constexpr std::uint64_t address_limit = std::uint64_t{1} << 48;
constexpr std::uint64_t address_mask = address_limit - page_bytes;
constexpr unsigned last_level = 3;

// Descriptor bits (Arm ARM D8.3.1, D8.3.2), EL2 regime: one privilege level, so AP[1] and nothing for EL0.
constexpr std::uint64_t valid = 1, table_or_page = 2;
constexpr std::uint64_t one_privilege = 1 << 6, read_only = 1 << 7, inner_shareable = 3 << 8, accessed = 1 << 10;
constexpr std::uint64_t execute_never = std::uint64_t{1} << 54;

constexpr std::uint64_t level_bytes(unsigned level) { return page_bytes << (9 * (last_level - level)); }

std::uint64_t attributes(KernelAccess access) {
  const std::uint64_t normal = valid | memory_type_normal << 2 | inner_shareable | accessed | one_privilege;
  switch (access) {
    case KernelAccess::text:
      return normal | read_only;
    case KernelAccess::read_only:
      return normal | read_only | execute_never;
    case KernelAccess::read_write:
      return normal | execute_never;
    case KernelAccess::device:
      return valid | memory_type_device << 2 | accessed | one_privilege | execute_never;
  }
  return 0;
}

/// Tables are reached by their physical address: the MMU is off while they are built, and the map is the identity.
std::uint64_t* entry(PhysicalAddress table, std::uint64_t address, unsigned level) {
  return reinterpret_cast<std::uint64_t*>(table.value) + (address / level_bytes(level)) % 512;
}

}  // namespace

TranslationTables::TranslationTables(MemoryRange pool) : pool_(pool), root_(allocate()) {}

PhysicalAddress TranslationTables::allocate() {
  if (pool_.bytes < page_bytes) return PhysicalAddress{0};
  const PhysicalAddress page = pool_.base;
  pool_ = {offset(page, page_bytes), pool_.bytes - page_bytes};
  std::memset(reinterpret_cast<void*>(page.value), 0, page_bytes);
  return page;
}

bool TranslationTables::map_one(std::uint64_t address, unsigned level, std::uint64_t descriptor) {
  PhysicalAddress table = root_;
  for (unsigned at = 0; at < level; ++at) {
    std::uint64_t& e = *entry(table, address, at);
    if (e == 0) {
      const PhysicalAddress next = allocate();
      if (next.value == 0) return false;
      e = next.value | table_or_page | valid;
    }
    if ((e & table_or_page) == 0) return false;  // a block is there
    table = PhysicalAddress{e & address_mask};
  }
  std::uint64_t& e = *entry(table, address, level);
  if (e != 0) return false;
  e = address | descriptor | (level == last_level ? table_or_page : 0);
  return true;
}

bool TranslationTables::map(MemoryRange range, KernelAccess access) {
  std::uint64_t address = range.base.value, left = range.bytes;
  if (root_.value == 0 || (address | left) % page_bytes != 0 || left > address_limit || address > address_limit - left)
    return false;
  while (left != 0) {
    unsigned level = 1;
    while (level < last_level && (address % level_bytes(level) != 0 || left < level_bytes(level))) ++level;
    if (!map_one(address, level, attributes(access))) return false;
    address += level_bytes(level);
    left -= level_bytes(level);
  }
  return true;
}

std::optional<std::uint64_t> TranslationTables::lookup(std::uint64_t address) const {
  PhysicalAddress table = root_;
  for (unsigned level = 0; level <= last_level && table.value != 0; ++level) {
    const std::uint64_t e = *entry(table, address, level);
    if ((e & valid) == 0) return std::nullopt;
    if (level == last_level || (e & table_or_page) == 0) return e;
    table = PhysicalAddress{e & address_mask};
  }
  return std::nullopt;
}

}  // namespace rvm::hal
