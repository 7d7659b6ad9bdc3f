// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bytes between the kernel and guest-physical memory. Every page is checked before the first byte moves, so a refused copy
// has no effect. Addresses are the guest's own claim: they may wrap, cross into unmapped pages or name device memory; all of
// these are Error::bad_address. More than max_copy_bytes is Error::bad_argument.
//
// Runs under the kernel lock, so no mapping changes between check and copy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "rvm/memory/stage_two.hpp"

namespace rvm::memory {

inline constexpr std::size_t max_copy_bytes = 4096;

/// A checked guest range as the kernel sees it: at most two pieces, as max_copy_bytes cross at most one page boundary.
struct GuestBytes {
  std::array<std::span<std::byte>, 2> pieces;
};

/// Checks that the guest has `access` to all of [from, from + bytes) and that it is ordinary memory.
template <TableMachine Machine>
[[nodiscard]] Result<GuestBytes> guest_bytes(const StageTwo<Machine>& tables, GuestAddress from, std::size_t bytes,
                                             Access access) {
  static_assert(max_copy_bytes <= page_bytes);
  if (bytes > max_copy_bytes) {
    return fail(Error::bad_argument);
  }
  if (from.value > UINT64_MAX - bytes) {
    return fail(Error::bad_address);
  }
  GuestBytes found{};
  for (std::span<std::byte>& piece : found.pieces) {
    if (bytes == 0) {
      break;
    }
    const Result<Translation> translation = tables.translate(from);
    if (!translation || !allows(translation->access, access) || translation->type != MemoryType::normal) {
      return fail(Error::bad_address);
    }
    const std::size_t in_page = page_bytes - static_cast<std::size_t>(from.value % page_bytes);
    const std::size_t length = bytes < in_page ? bytes : in_page;
    piece = {Machine::to_pointer(translation->address), length};
    from = offset(from, length);
    bytes -= length;
  }
  return found;
}

/// From guest memory that the guest may read. Zero bytes succeed at any address.
template <TableMachine Machine>
[[nodiscard]] Status copy_in(const StageTwo<Machine>& tables, GuestAddress from, std::span<std::byte> to) {
  const Result<GuestBytes> source = guest_bytes(tables, from, to.size(), Access::read);
  if (!source) {
    return fail(source.error());
  }
  for (const std::span<std::byte> piece : source->pieces) {
    if (!piece.empty()) {
      std::memcpy(to.data(), piece.data(), piece.size());
      to = to.subspan(piece.size());
    }
  }
  return {};
}

/// To guest memory that the guest may write.
template <TableMachine Machine>
[[nodiscard]] Status copy_out(const StageTwo<Machine>& tables, GuestAddress to, std::span<const std::byte> from) {
  const Result<GuestBytes> destination = guest_bytes(tables, to, from.size(), Access::write);
  if (!destination) {
    return fail(destination.error());
  }
  for (const std::span<std::byte> piece : destination->pieces) {
    if (!piece.empty()) {
      std::memcpy(piece.data(), from.data(), piece.size());
      from = from.subspan(piece.size());
    }
  }
  return {};
}

/// From one partition to another, or within one; where the ranges overlap the result is unspecified.
template <TableMachine Machine>
[[nodiscard]] Status copy_between(const StageTwo<Machine>& source_tables, GuestAddress from,
                                  const StageTwo<Machine>& destination_tables, GuestAddress to, std::size_t bytes) {
  Result<GuestBytes> source = guest_bytes(source_tables, from, bytes, Access::read);
  if (!source) {
    return fail(source.error());
  }
  Result<GuestBytes> destination = guest_bytes(destination_tables, to, bytes, Access::write);
  if (!destination) {
    return fail(destination.error());
  }
  std::size_t read = 0;
  std::size_t written = 0;
  while (bytes != 0) {
    std::span<std::byte>& in = source->pieces[read];
    std::span<std::byte>& out = destination->pieces[written];
    const std::size_t length = in.size() < out.size() ? in.size() : out.size();
    std::memmove(out.data(), in.data(), length);
    in = in.subspan(length);
    out = out.subspan(length);
    read += in.empty() ? 1u : 0u;
    written += out.empty() ? 1u : 0u;
    bytes -= length;
  }
  return {};
}

}  // namespace rvm::memory
