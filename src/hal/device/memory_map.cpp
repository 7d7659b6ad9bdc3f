// SPDX-License-Identifier: MIT OR Apache-2.0
#include "memory_map.hpp"

#include <algorithm>

namespace rvm::hal {
namespace {

constexpr std::uint64_t page_mask = page_bytes - 1;

std::uint64_t end_of(MemoryRange r) { return r.base.value + std::min(r.bytes, UINT64_MAX - r.base.value); }
std::uint64_t up(std::uint64_t a) {
  return a > UINT64_MAX - page_mask ? UINT64_MAX & ~page_mask : (a + page_mask) & ~page_mask;
}
std::uint64_t down(std::uint64_t a) { return a & ~page_mask; }

}  // namespace

bool MemoryMap::add(MemoryRange range) {
  const std::uint64_t first = up(range.base.value), last = down(end_of(range));
  if (first >= last) return true;
  if (!remove({PhysicalAddress{first}, last - first})) return false;  // so that overlapping additions count once
  FixedList<MemoryRange, range_limit> ordered;
  bool added = false;
  for (const MemoryRange& r : ranges_) {
    if (!added && r.base.value > first) {
      if (!ordered.add({PhysicalAddress{first}, last - first})) return false;
      added = true;
    }
    if (!ordered.add(r)) return false;
  }
  if (!added && !ordered.add({PhysicalAddress{first}, last - first})) return false;
  ranges_ = ordered;
  return true;
}

bool MemoryMap::remove(MemoryRange range) {
  const std::uint64_t first = down(range.base.value), last = up(end_of(range));
  if (first >= last) return true;
  FixedList<MemoryRange, range_limit> left;
  for (const MemoryRange& r : ranges_) {
    const std::uint64_t start = r.base.value, end = end_of(r);
    if (start < first && !left.add({r.base, std::min(end, first) - start})) return false;
    if (end > last && !left.add({PhysicalAddress{std::max(start, last)}, end - std::max(start, last)})) return false;
  }
  ranges_ = left;
  return true;
}

MemoryRange MemoryMap::take(std::uint64_t bytes) {
  for (std::size_t i = ranges_.size(); i-- > 0;) {
    MemoryRange& r = ranges_[i];
    if (r.bytes <= bytes) continue;  // never a whole range: none becomes empty
    r.bytes -= bytes;
    return {PhysicalAddress{r.base.value + r.bytes}, bytes};
  }
  return {};
}

}  // namespace rvm::hal
