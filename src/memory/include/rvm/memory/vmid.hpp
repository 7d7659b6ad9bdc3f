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
#include <bit>
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
  ~VmidAllocator() = default;

  /// `bits` is 8 or 16. Called once.
  void init(unsigned bits, std::uint32_t cores);

  /// Whether `tag` may be used as it is.
  [[nodiscard]] bool is_current(VmidTag tag) const { return (tag.raw ^ generation_) >> 16 == 0; }

  /// Call on every switch to a partition: `core` now runs under `tag`, which must be current. One store.
  void activate(VmidTag tag, CoreIndex core) { active_[core.value] = tag; }
  /// `core` runs no partition; after Port::deactivate(). Not calling it only keeps one VMID from being reclaimed.
  void deactivate(CoreIndex core) { active_[core.value] = VmidTag{}; }

  /// A current tag for the partition that holds `tag`, and activates it on `core`. Cost: a few tens of instructions;
  /// about 1 000 (8 bits) or 4 000 (16 bits) when a generation ends.
  [[nodiscard]] Assignment assign(VmidTag tag, CoreIndex core);

  [[nodiscard]] std::uint64_t generation() const { return generation_ >> 16; }

 private:
  [[nodiscard]] std::uint32_t take_free();
  void begin_generation();

  static constexpr unsigned word_bits = 64;
  std::uint64_t generation_ = 0;  ///< in VmidTag's bits; the first is 1, so that a zero tag is never current
  std::uint32_t count_ = 0;       ///< number of VMIDs, the reserved one included
  std::uint32_t cursor_ = 0;      ///< bitmap word below which none is free
  std::uint32_t cores_ = 0;
  std::array<VmidTag, max_cores> active_{};
  std::array<std::uint64_t, 65536 / word_bits> used_{};
};

inline void VmidAllocator::init(unsigned bits, std::uint32_t cores) {
  ensure((bits == 8 || bits == 16) && cores >= 1 && cores <= max_cores && count_ == 0);
  count_ = std::uint32_t{1} << bits;
  cores_ = cores;
  generation_ = std::uint64_t{1} << 16;
  used_[0] = 1;
}

/// A free VMID of this generation, now used; 0 if there is none.
inline std::uint32_t VmidAllocator::take_free() {
  for (; cursor_ < count_ / word_bits; ++cursor_) {
    std::uint64_t& word = used_[cursor_];
    if (word != UINT64_MAX) {
      const auto bit = static_cast<unsigned>(std::countr_one(word));
      word |= std::uint64_t{1} << bit;
      return cursor_ * word_bits + bit;
    }
  }
  return 0;
}

inline void VmidAllocator::begin_generation() {
  generation_ += std::uint64_t{1} << 16;  // 48 bits of generations: never wraps in practice
  for (std::uint32_t i = 0; i < count_ / word_bits; ++i) {
    used_[i] = 0;
  }
  used_[0] = 1;
  cursor_ = 0;
  // A core goes on filling its TLB under the VMID loaded in it, so nobody else may get that. It holds for the core that
  // asks, too: the old translation stays loaded, and open to speculative walks, until the switch that follows.
  for (std::uint32_t core = 0; core < cores_; ++core) {
    const std::uint16_t vmid = active_[core].vmid();
    used_[vmid / word_bits] |= std::uint64_t{1} << vmid % word_bits;
  }
}

inline VmidAllocator::Assignment VmidAllocator::assign(VmidTag tag, CoreIndex core) {
  ensure(count_ != 0);
  Assignment assignment{tag, false};
  if (!is_current(tag)) {
    bool running = false;
    for (std::uint32_t i = 0; i < cores_; ++i) {
      running |= tag.vmid() != 0 && active_[i] == tag;
    }
    if (running) {
      // Runs on another core since before this generation began: the VMID was kept for it, under a new tag everywhere.
      assignment.tag = VmidTag{generation_ | tag.vmid()};
      for (std::uint32_t i = 0; i < cores_; ++i) {
        if (active_[i] == tag) {
          active_[i] = assignment.tag;
        }
      }
    } else {
      std::uint32_t vmid = take_free();
      if (vmid == 0) {
        begin_generation();
        assignment.reclaimed = true;
        vmid = take_free();
        ensure(vmid != 0);
      }
      assignment.tag = VmidTag{generation_ | vmid};
    }
  }
  activate(assignment.tag, core);
  return assignment;
}

}  // namespace rvm::memory
