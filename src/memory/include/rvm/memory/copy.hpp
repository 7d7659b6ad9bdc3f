// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bytes between the kernel and guest-physical memory. Every page is checked before the first byte moves, so a refused copy
// has no effect. Addresses are the guest's own claim: they may wrap, cross into unmapped pages or name device memory; all of
// these are Error::bad_address. More than max_copy_bytes is Error::bad_argument.
//
// Runs under the kernel lock, so no mapping changes between check and copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/memory/stage_two.hpp"

namespace rvm::memory {

inline constexpr std::size_t max_copy_bytes = 4096;

/// From guest memory that the guest may read. Zero bytes always succeed.
template <PageMachine Machine>
[[nodiscard]] Status copy_in(const StageTwo<Machine>& tables, GuestAddress from, std::span<std::byte> to);
/// To guest memory that the guest may write.
template <PageMachine Machine>
[[nodiscard]] Status copy_out(const StageTwo<Machine>& tables, GuestAddress to, std::span<const std::byte> from);
/// From one partition to another (or the same; the contents are then unspecified where the ranges overlap).
template <PageMachine Machine>
[[nodiscard]] Status copy_between(const StageTwo<Machine>& source_tables, GuestAddress from,
                                  const StageTwo<Machine>& destination_tables, GuestAddress to, std::size_t bytes);

}  // namespace rvm::memory
