// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a program with a window (rvm/window.h) can do with its own address space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/window.h"
#include "translation.hpp"

namespace rvm::window {

/// Zero pages for translation tables, from the program's memory: one for each 2 MiB that is mapped in a view, two more for each
/// view. Replaces what was given before.
void give_tables(std::span<std::byte> pages);

/// How many views there are.
[[nodiscard]] unsigned view_count();

/// The same bytes in a view; nothing says that they are mapped there.
[[nodiscard]] inline std::byte* in_view(unsigned view, const std::byte* pointer) {
  return reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(pointer) & (RVM_WINDOW_BYTES - 1)) +
                                      RVM_VIEW_BASE(view));
}

/// Makes whole pages of a view what they are in the window. False: no table is left.
[[nodiscard]] bool map(std::span<std::byte> in_view, Permission permission);
/// From now on they fault.
[[nodiscard]] bool unmap(std::span<std::byte> in_view);

/// A data abort of this code, which `map` or `unmap` caused, goes on `target` bytes from its begin, with all other registers as they
/// were. Code that lay there before is forgotten. False: there are too many.
[[nodiscard]] bool expect_faults(std::span<const std::byte> code, std::uint32_t target);

/// From now on notes which pages of a view are written that is mapped to be read only: the first write to one makes it writable, and its
/// number, counted from `in_view`, is the next of `numbers`, which has room for all.
void watch(std::span<std::byte> in_view, std::span<std::uint32_t> numbers);
[[nodiscard]] std::span<const std::uint32_t> written();
/// Pages that were written are read-only again, and none was. From now on what is in a page before it is written is kept in `before`,
/// one after another.
void watch_again(std::span<std::byte> before);

}  // namespace rvm::window
