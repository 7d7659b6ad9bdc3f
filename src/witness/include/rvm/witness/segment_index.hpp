// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a segment's header tells about its records, so that a search reads only segments that may have what it looks for.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "rvm/witness/record.hpp"

namespace rvm::witness {

/// A set that may answer yes wrongly, never no (Bloom, CACM 1970). `Bits`: a power of two.
template <std::size_t Bits, unsigned Hashes>
struct BloomFilter {
  std::array<std::uint64_t, Bits / 64> words{};

  constexpr void add(std::uint64_t key) {
    for (unsigned i = 0; i < Hashes; ++i) {
      const std::size_t bit = place(key, i);
      words[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
  }
  [[nodiscard]] constexpr bool may_contain(std::uint64_t key) const {
    for (unsigned i = 0; i < Hashes; ++i) {
      const std::size_t bit = place(key, i);
      if ((words[bit / 64] >> (bit % 64) & 1) == 0) return false;
    }
    return true;
  }
  friend bool operator==(const BloomFilter&, const BloomFilter&) = default;

 private:
  // Part of the format: bits 63-54, 53-44, ... of the key times 2^64 divided by the golden ratio, after a fold that lets its
  // high half reach them.
  [[nodiscard]] static constexpr std::size_t place(std::uint64_t key, unsigned i) {
    const std::uint64_t folded = (key ^ key >> 32) * 0x9e37'79b9'7f4a'7c15;
    return static_cast<std::size_t>(folded >> (54 - 10 * i)) % Bits;
  }
};

/// 208 bytes of a segment's header.
struct SegmentIndex {
  std::uint64_t first_time = UINT64_MAX;  ///< smallest timestamp
  std::uint64_t last_time = 0;            ///< largest
  std::array<std::uint64_t, 4> kinds{};   ///< bit k: there is a record of kind k
  BloomFilter<256, 2> partitions{};       ///< actors
  BloomFilter<1024, 3> objects{};         ///< object_key of each record

  /// About 60 instructions.
  constexpr void add(const Record& r) {
    first_time = std::min(first_time, r.timestamp_ns);
    last_time = std::max(last_time, r.timestamp_ns);
    const auto kind = static_cast<std::uint8_t>(r.action_kind);
    kinds[kind / 64] |= std::uint64_t{1} << (kind % 64);
    partitions.add(r.actor_partition);
    objects.add(object_key(r.action_kind, r.target_object));
  }
  [[nodiscard]] constexpr bool has(Kind kind) const {
    const auto k = static_cast<std::uint8_t>(kind);
    return (kinds[k / 64] >> (k % 64) & 1) != 0;
  }
  /// Ids of different types of objects overlap; kinds of one group (the kind's high half byte) are mostly about one type.
  [[nodiscard]] static constexpr std::uint64_t object_key(Kind kind, std::uint32_t target) {
    return std::uint64_t{static_cast<std::uint8_t>(kind)} >> 4 << 32 | target;
  }
  friend bool operator==(const SegmentIndex&, const SegmentIndex&) = default;
};
static_assert(sizeof(SegmentIndex) == 208);

}  // namespace rvm::witness
