// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stage-2 descriptors of VMSAv8-64 with the 4 KiB granule (Arm ARM DDI 0487, D8.3: "Translation table descriptor formats").
#pragma once

#include <cstdint>

#include "rvm/types/address.hpp"

namespace rvm::memory {

enum class MemoryType : std::uint8_t { normal, device };

/// A field of a descriptor.
struct Field {
  unsigned bit;
  unsigned width;

  [[nodiscard]] constexpr std::uint64_t mask() const { return ((std::uint64_t{1} << width) - 1) << bit; }
  [[nodiscard]] constexpr std::uint64_t encode(std::uint64_t value) const { return (value << bit) & mask(); }
  [[nodiscard]] constexpr std::uint64_t decode(std::uint64_t raw) const { return (raw & mask()) >> bit; }
};

inline constexpr unsigned entries_per_table = 512;
inline constexpr unsigned page_level = 3;

/// log2 of the bytes that one entry of a level covers: 512 GiB, 1 GiB, 2 MiB, 4 KiB.
[[nodiscard]] constexpr unsigned level_shift(unsigned level) { return 39 - 9 * level; }
[[nodiscard]] constexpr std::uint64_t level_bytes(unsigned level) { return std::uint64_t{1} << level_shift(level); }
[[nodiscard]] constexpr std::uint64_t level_pages(unsigned level) { return level_bytes(level) >> page_shift; }

class Descriptor {
 public:
  constexpr Descriptor() = default;
  constexpr explicit Descriptor(std::uint64_t raw) : raw_(raw) {}

  /// Points to the table of the next level, `live` of whose entries are valid. The count lies in bits that the hardware
  /// ignores in a table descriptor (bits 11:2; bit 10 too, as long as hardware updates of table access flags, FEAT_HAFT,
  /// stay disabled), so that an unmap finds an empty table without scanning it.
  [[nodiscard]] static constexpr Descriptor table(PhysicalAddress next, unsigned live) {
    return Descriptor{type.encode(type_table_or_page) | live_count.encode(live) | next.value};
  }

  /// Maps level_bytes(level) bytes. Access flag set: the kernel takes no access flag faults.
  [[nodiscard]] static constexpr Descriptor leaf(unsigned level, PhysicalAddress output, Access access,
                                                 MemoryType memory) {
    return Descriptor{output.value | type.encode(level == page_level ? type_table_or_page : type_block) |
                      attributes.encode(memory == MemoryType::normal ? write_back : device_ngnre) |
                      permissions.encode(static_cast<std::uint64_t>(access)) | shareability.encode(inner_shareable) |
                      access_flag.encode(1) | execute_never.encode(~static_cast<std::uint64_t>(access) >> 2)};
  }

  [[nodiscard]] constexpr std::uint64_t raw() const { return raw_; }
  [[nodiscard]] constexpr bool valid() const { return (raw_ & 1) != 0; }
  [[nodiscard]] constexpr bool is_table(unsigned level) const {
    return level < page_level && type.decode(raw_) == type_table_or_page;
  }
  [[nodiscard]] constexpr PhysicalAddress address() const { return PhysicalAddress{raw_ & output_address.mask()}; }
  [[nodiscard]] constexpr unsigned live() const { return static_cast<unsigned>(live_count.decode(raw_)); }
  [[nodiscard]] constexpr Descriptor with_live(unsigned live) const {
    return Descriptor{(raw_ & ~live_count.mask()) | live_count.encode(live)};
  }
  [[nodiscard]] constexpr Access access() const {
    return static_cast<Access>(permissions.decode(raw_) | (execute_never.decode(raw_) ^ 1) << 2);
  }
  /// The same page with other permissions.
  [[nodiscard]] constexpr Descriptor with_access(Access access) const {
    return Descriptor{(raw_ & ~(permissions.mask() | execute_never.mask())) |
                      permissions.encode(static_cast<std::uint64_t>(access)) |
                      execute_never.encode(~static_cast<std::uint64_t>(access) >> 2)};
  }
  [[nodiscard]] constexpr MemoryType memory_type() const {
    return attributes.decode(raw_) == write_back ? MemoryType::normal : MemoryType::device;
  }

 private:
  static constexpr Field type{0, 2};
  static constexpr Field live_count{2, 10};       // software use
  static constexpr Field attributes{2, 4};        // MemAttr, with HCR_EL2.FWB = 0
  static constexpr Field permissions{6, 2};       // S2AP: bit 0 read, bit 1 write, as in Access
  static constexpr Field shareability{8, 2};      // SH
  static constexpr Field access_flag{10, 1};      // AF
  static constexpr Field output_address{12, 36};  // 48-bit physical addresses
  static constexpr Field execute_never{54, 1};    // XN[1]; with XN[0] = 0 it means the same with and without FEAT_XNX

  static constexpr std::uint64_t type_block = 0b01;
  static constexpr std::uint64_t type_table_or_page = 0b11;
  static constexpr std::uint64_t write_back = 0b1111;  // Normal, inner and outer write-back cacheable
  static constexpr std::uint64_t device_ngnre = 0b0001;
  static constexpr std::uint64_t inner_shareable = 0b11;

  std::uint64_t raw_ = 0;
};
static_assert(sizeof(Descriptor) == 8);
static_assert(Descriptor::leaf(3, PhysicalAddress{0x40001000}, Access::read_write, MemoryType::normal).raw() ==
              0x0040'0000'4000'17ff);
static_assert(Descriptor::leaf(2, PhysicalAddress{0x40200000}, Access::read_execute, MemoryType::normal).raw() ==
              0x0000'0000'4020'077d);
static_assert(Descriptor::table(PhysicalAddress{0x40001000}, 512).live() == 512);

}  // namespace rvm::memory
