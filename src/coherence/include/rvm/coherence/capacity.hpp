// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the coherence engine counts, and how its caller's memory is divided among its tables. The kernel's ids carry reuse
// counts; the engine works on dense indices, which the kernel derives from its slots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "rvm/types/strong.hpp"

namespace rvm::coherence {

using NodeIndex = Strong<struct CoherenceNodeTag, std::uint32_t>;            ///< an agent
using EdgeIndex = Strong<struct CoherenceEdgeTag, std::uint32_t>;            ///< a CommEdge
using PartitionIndex = Strong<struct CoherencePartitionTag, std::uint32_t>;  ///< a partition
using Epoch = Strong<struct CoherenceEpochTag, std::uint64_t>;

inline constexpr std::uint32_t none = UINT32_MAX;  ///< as an index: no such thing

/// Agents in one partition: what a 64-bit set can name, and the kernel's own limit.
inline constexpr std::uint32_t members_maximum = 64;

/// Indices lie below these. On the appliance up to 16 384, 65 536 and 4096.
struct Capacity {
  std::uint32_t nodes = 0;
  std::uint32_t edges = 0;
  std::uint32_t partitions = 0;
};
inline constexpr Capacity capacity_maximum{16384, 65536, 4096};

/// Takes tables off the front of `memory`, each starting at a multiple of 8.
class Carver {
 public:
  static constexpr std::size_t alignment = 8;

  template <typename T>
  [[nodiscard]] static constexpr std::size_t bytes(std::size_t count) {
    static_assert(alignof(T) <= alignment);
    return (count * sizeof(T) + alignment - 1) / alignment * alignment;
  }

  explicit Carver(std::span<std::byte> memory) : memory_(memory) {}

  /// `count` value-initialised objects. Precondition: enough memory is left, and it is aligned.
  template <typename T>
  [[nodiscard]] std::span<T> take(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    std::byte* const at = memory_.data();
    memory_ = memory_.subspan(bytes<T>(count));
    for (std::size_t i = 0; i < count; ++i) new (at + i * sizeof(T)) T{};
    // The objects were made in place just above.
    return {std::launder(reinterpret_cast<T*>(at)), count};
  }

  [[nodiscard]] std::span<std::byte> rest() const { return memory_; }

 private:
  std::span<std::byte> memory_;
};

}  // namespace rvm::coherence
