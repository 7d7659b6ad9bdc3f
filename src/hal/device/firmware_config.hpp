// SPDX-License-Identifier: MIT OR Apache-2.0
//
// QEMU's firmware configuration device, memory-mapped form (QEMU docs/specs/fw_cfg): a selector and a byte stream. Numbers
// in its directory are big-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "register.hpp"

namespace rvm::hal {

template <typename Registers>
class FirmwareConfig {
 public:
  explicit FirmwareConfig(Registers registers) : registers_(registers) {}

  struct File {
    std::uint16_t selector;
    std::uint32_t bytes;
  };

  [[nodiscard]] bool present() const {
    select(signature_selector);
    return next() == std::byte{'Q'} && next() == std::byte{'E'} && next() == std::byte{'M'} && next() == std::byte{'U'};
  }

  [[nodiscard]] std::optional<File> find(std::string_view name) const {
    constexpr std::size_t name_bytes = 56;
    constexpr std::uint32_t file_limit = 1024;
    if (name.size() >= name_bytes) return std::nullopt;
    select(directory_selector);
    const std::uint32_t count = number(4);
    for (std::uint32_t i = 0; i < count && i < file_limit; ++i) {
      const std::uint32_t bytes = number(4);
      const auto key = static_cast<std::uint16_t>(number(2));
      static_cast<void>(number(2));  // reserved
      bool equal = true;
      for (std::size_t c = 0; c < name_bytes; ++c) {
        const char expected = c < name.size() ? name[c] : '\0';
        // Characters after the first NUL do not matter.
        const std::byte got = next();
        if (c <= name.size() && got != static_cast<std::byte>(expected)) equal = false;
      }
      if (equal) return File{key, bytes};
    }
    return std::nullopt;
  }

  /// Precondition: into.size() == file.bytes.
  void read(File file, std::span<std::byte> into) const {
    select(file.selector);
    for (std::byte& b : into) b = next();
  }

 private:
  static constexpr std::uint64_t data = 0, selector = 8;
  static constexpr std::uint16_t signature_selector = 0x0000, directory_selector = 0x0019;

  void select(std::uint16_t key) const { registers_.write(selector, static_cast<std::uint16_t>(key << 8 | key >> 8)); }
  [[nodiscard]] std::byte next() const { return static_cast<std::byte>(registers_.template read<std::uint8_t>(data)); }
  [[nodiscard]] std::uint32_t number(unsigned bytes) const {
    std::uint32_t v = 0;
    while (bytes-- > 0) v = v << 8 | std::to_integer<std::uint32_t>(next());
    return v;
  }

  Registers registers_;
};

}  // namespace rvm::hal
