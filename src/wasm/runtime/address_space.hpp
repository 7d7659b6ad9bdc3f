// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace rvm::wasm {

/// What the agent's own translation tables can do for linear memories. A memory's *view* is where the module accesses it; its
/// *place* are the same bytes in the arena. Only the view is guarded and watched.
class AddressSpace {
 public:
  AddressSpace() = default;
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  /// Memory for the tables, zero; what views need of it is `table_bytes(place)` each.
  virtual void give_tables(std::span<std::byte> pages) = 0;
  [[nodiscard]] static constexpr std::size_t table_bytes(std::size_t place) {
    constexpr std::size_t page = 4096;
    return (place / (512 * page) + place / (512 * 512 * page) + 5) *
           page;  // 512 entries a table, ends that share theirs
  }

  /// As the functions of Host. nullptr: there is no view left.
  [[nodiscard]] virtual std::byte* view(std::span<std::byte> place) = 0;
  [[nodiscard]] virtual bool resize(std::byte* view, std::uint64_t before, std::uint64_t bytes) = 0;
  /// A fault that this code causes in a view goes on at `target`, in bytes from its begin. False: it cannot be made to.
  [[nodiscard]] virtual bool expect_faults(std::span<const std::byte> code, std::uint32_t target) = 0;

  // Watching the one view there is.

  /// From now on `written` says which pages of 4 KiB of a view were written, counted from its base, in the order in which they
  /// were; there is room for as many as it can have. For views made and resized from now on.
  virtual void watch(std::span<std::uint32_t> numbers) = 0;
  [[nodiscard]] virtual std::span<const std::uint32_t> written() const = 0;
  /// None was written. From now on what is in a page before it is written is kept in `before`, one after another in the order of
  /// `written`.
  virtual void start_over(std::span<std::byte> before) = 0;

 protected:
  ~AddressSpace() = default;
};

}  // namespace rvm::wasm
