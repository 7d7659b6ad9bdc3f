// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The flash part that holds the log, and the device key.
//
// None of the boards' emulations has a flash controller, so the part is a model: a file that the emulator keeps stands for the cells,
// and this driver enforces what a NOR part does. Programming only clears bits, four bytes at a time and in ascending order;
// erasing sets whole blocks of 1 KiB, 64 bytes after another. So a machine that is stopped hard in the middle leaves what a part
// would: some words of an entry, some of a block. A driver for a real part replaces this file; nothing above it knows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace rvm::hal {

class Flash {
 public:
  static constexpr std::size_t erase_bytes = 1024;

  /// Finds the part and the key. False: there is none.
  [[nodiscard]] static bool start();
  /// Once: it is not kept.
  [[nodiscard]] static std::optional<std::array<std::byte, 32>> take_device_key();

  [[nodiscard]] static std::uint32_t bytes();
  [[nodiscard]] static bool read(std::uint32_t at, std::span<std::byte> into);
  /// Multiples of 4 bytes. False, and the rest is not programmed, where a bit would have to be set.
  [[nodiscard]] static bool program(std::uint32_t at, std::span<const std::byte> from);
  [[nodiscard]] static bool erase(std::uint32_t at);
};

}  // namespace rvm::hal
