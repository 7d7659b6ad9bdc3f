// SPDX-License-Identifier: MIT OR Apache-2.0
//
// VMIDs name a partition's entries in the TLBs. There are 255 or 65535 of them (0 is reserved) and may be more partitions,
// so a VMID belongs to a partition only within a *generation*. When none is left a new generation begins: every partition
// that runs on no core loses its VMID at once, those running keep theirs, and all TLBs are invalidated.
//
// Invariant: within a generation a VMID is given to at most one partition, and a partition runs on all cores under the same
// VMID, so that one invalidation by VMID reaches all its entries.
//
// Every member runs under the kernel lock.
#pragma once

#include <array>
#include <cstdint>

#include "rvm/types/ids.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::memory {

/// A partition's VMID and the generation it was given in. Zero for a partition that never ran; start a new partition with
/// a zero tag even where it takes the place of a destroyed one.
struct VmidTag {
  std::uint64_t raw = 0;  ///< VMID in bits 0-15, generation above

  [[nodiscard]] constexpr std::uint16_t vmid() const { return static_cast<std::uint16_t>(raw); }
  [[nodiscard]] constexpr std::uint64_t generation() const { return raw >> 16; }
  friend constexpr bool operator==(VmidTag, VmidTag) = default;
};

class VmidAllocator {
 public:
  static constexpr std::uint32_t max_cores = 32;

  struct Assignment {
    VmidTag tag;
    bool reclaimed;  ///< a new generation began: invalidate all TLBs before the tag is used, and witness VmidReclaim
  };

  constexpr VmidAllocator() = default;
  VmidAllocator(const VmidAllocator&) = delete;
  VmidAllocator& operator=(const VmidAllocator&) = delete;

  /// `bits` is 8 or 16. Called once.
  void init(unsigned bits, std::uint32_t cores);

  /// Whether `tag` may be used as it is.
  [[nodiscard]] bool is_current(VmidTag tag) const { return (tag.raw ^ generation_) >> 16 == 0; }

  /// Call on every switch to a partition: `core` now runs under `tag`, which must be current. One store.
  void activate(VmidTag tag, CoreIndex core) { active_[core.value] = tag; }
  /// `core` runs no partition (hal::Machine::deactivate). Not calling it only keeps one VMID from being reclaimed.
  void deactivate(CoreIndex core) { active_[core.value] = VmidTag{}; }

  /// A current tag for the partition that holds `tag`, and activates it on `core`. Cost: a few tens of instructions;
  /// about 1 000 (8 bits) or 4 000 (16 bits) when a generation ends.
  [[nodiscard]] Assignment assign(VmidTag tag, CoreIndex core);

  [[nodiscard]] std::uint64_t generation() const { return generation_ >> 16; }

 private:
  [[nodiscard]] std::uint32_t take_free();
  void begin_generation();

  static constexpr unsigned word_bits = 64;
  std::uint64_t generation_ = std::uint64_t{1} << 16;
  std::uint32_t count_ = 0;   ///< number of VMIDs, the reserved one included
  std::uint32_t cursor_ = 0;  ///< bitmap word below which none is free
  std::uint32_t cores_ = 0;
  std::array<VmidTag, max_cores> active_{};
  std::array<std::uint64_t, 65536 / word_bits> used_{};
};

inline void VmidAllocator::init(unsigned bits, std::uint32_t cores) {
  ensure((bits == 8 || bits == 16) && cores >= 1 && cores <= max_cores && count_ == 0);
  count_ = std::uint32_t{1} << bits;
  cores_ = cores;
  used_[0] = 1;
}

}  // namespace rvm::memory
