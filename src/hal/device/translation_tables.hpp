// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Translation tables of the kernel itself (EL2, 48-bit addresses, 4 KiB granule; Arm ARM D8.3). The mapping is the
// identity; what is not mapped faults. Each page is writable or executable, never both.
#pragma once

#include <cstdint>
#include <optional>

#include "rvm/hal/machine.hpp"

namespace rvm::hal {

enum class KernelAccess : std::uint8_t { text, read_only, read_write, device };

/// Index of each memory type in MAIR_EL2.
inline constexpr std::uint64_t memory_type_device = 0, memory_type_normal = 1;
/// MAIR_EL2: type 0 Device-nGnRE, type 1 normal write-back, allocating on reads and writes.
inline constexpr std::uint64_t memory_types = 0x04 << (8 * memory_type_device) | 0xff << (8 * memory_type_normal);

class TranslationTables {
 public:
  /// Tables come from `pool`: page-aligned, exclusively ours, addressed by its physical address.
  explicit TranslationTables(MemoryRange pool);

  /// Maps whole pages, in blocks of 1 GiB and 2 MiB where alignment allows. False when the pool is empty, the range is not
  /// whole pages within 48 bits, or something in it is mapped already.
  [[nodiscard]] bool map(MemoryRange range, KernelAccess access);
  [[nodiscard]] PhysicalAddress root() const { return root_; }
  /// The descriptor that translates `address`, for tests and checks; nothing when it is not mapped.
  [[nodiscard]] std::optional<std::uint64_t> lookup(std::uint64_t address) const;

 private:
  [[nodiscard]] PhysicalAddress allocate();
  [[nodiscard]] bool map_one(std::uint64_t address, unsigned level, std::uint64_t descriptor);

  MemoryRange pool_;
  PhysicalAddress root_;
};

}  // namespace rvm::hal
