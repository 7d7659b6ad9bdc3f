// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <rvm/agent.hpp>
#include <span>

namespace rvm::wasm {

/// Memory for compiled code: regions of the agent's own partition, mapped one behind the other from `map_base`, to be written first
/// and to be executed afterwards, never both.
class CodePages {
 public:
  /// Empty: the partition has no room.
  [[nodiscard]] std::span<std::byte> create(std::size_t bytes) {
    pages_ = (bytes + RVM_PAGE_SIZE - 1) / RVM_PAGE_SIZE;
    const std::size_t regions = (pages_ + region_pages - 1) / region_pages;
    if (regions > regions_.size()) return {};
    while (count_ < regions) {
      const auto region = agent::create_region(std::min(region_pages, pages_ - count_ * region_pages));
      if (!region) return {};
      regions_[count_++] = *region;
    }
    if (!map(agent::Access::read_write)) return {};
    return agent::memory_at<std::byte>(agent::map_base(), pages_ * RVM_PAGE_SIZE);
  }
  /// nullptr: refused.
  [[nodiscard]] const std::byte* seal() {
    return unmap() && map(agent::Access::read_execute) ? agent::memory_at<std::byte>(agent::map_base(), 1).data()
                                                       : nullptr;
  }
  /// Makes them writable again; what was there is still there.
  [[nodiscard]] bool open() { return unmap() && map(agent::Access::read_write); }

 private:
  static constexpr std::size_t region_pages = 512;  // the most that the kernel makes at once
  [[nodiscard]] bool unmap() {
    return std::ranges::all_of(std::span{regions_}.first(count_),
                               [](agent::Region r) { return agent::unmap(r).has_value(); });
  }
  [[nodiscard]] bool map(agent::Access access) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (!agent::map(regions_[i], agent::map_base() + i * region_pages * RVM_PAGE_SIZE, access)) return false;
    }
    return true;
  }

  std::array<agent::Region, 16> regions_{};
  std::size_t count_ = 0;
  std::size_t pages_ = 0;
};

}  // namespace rvm::wasm
