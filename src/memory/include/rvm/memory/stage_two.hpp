// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/hal/machine.hpp"
#include "rvm/memory/page_account.hpp"
#include "rvm/memory/page_allocator.hpp"

namespace rvm::memory {

enum class MemoryType : std::uint8_t { normal, device };

struct Translation {
  PhysicalAddress address;  ///< of the byte asked for
  Access access;
  MemoryType type;
};

/// What StageTwo::unmap leaves to do: always invalidate, then release_retired() if tables_retired.
struct Unmapped {
  bool tables_retired;  ///< invalidate the whole VMID; else single pages suffice
};

template <PageMachine Machine>
class StageTwo {
 public:
  StageTwo() = default;
  [[nodiscard]] static Result<StageTwo> create(PageAllocator<Machine>& allocator, const hal::TranslationGeometry& geometry,
                                               PartitionId owner, PageAccount& account);
  [[nodiscard]] Status map(GuestAddress guest, PhysicalAddress physical, std::uint64_t pages, Access access,
                           MemoryType type);
  /// visitor(GuestAddress, PhysicalAddress, std::uint64_t pages) for each run removed.
  template <typename Visitor>
  [[nodiscard]] Result<Unmapped> unmap(GuestAddress guest, std::uint64_t pages, Visitor&& visitor);
  void release_retired();
  [[nodiscard]] Result<Translation> translate(GuestAddress guest) const;
  void destroy();
  [[nodiscard]] PhysicalAddress root() const;
  [[nodiscard]] bool empty() const;
};

}  // namespace rvm::memory
