// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A strict reader of the one kind of file an agent may be: a static, position-independent ELF64 executable for AArch64
// (System V ABI, ELF; "ELF for the Arm 64-bit Architecture", ARM IHI 0056). Whatever the kernel would not map safely is
// refused here with the reason and the linker option that cures it. Input is untrusted; no read leaves the span.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace rvm::host {

/// Whole pages of an agent's image.
struct ProgramSegment {
  std::uint64_t offset = 0;         ///< from the image base, multiple of the page size
  std::uint64_t memory_bytes = 0;   ///< multiple of the page size
  std::vector<std::byte> contents;  ///< initialised part, at most memory_bytes; the rest is zero
  std::uint32_t permissions = 0;    ///< RVM_MAP_*
};

struct Program {
  std::uint64_t entry = 0;               ///< offset from the image base, inside an executable segment
  std::uint64_t bytes = 0;               ///< extent of the image, multiple of the page size
  std::vector<ProgramSegment> segments;  ///< ascending, sharing no page
};

struct ElfError {
  std::string cause;
  std::string cure;
};

/// Greatest extent of an image in memory.
inline constexpr std::uint64_t image_limit = std::uint64_t{64} << 20;

[[nodiscard]] std::expected<Program, ElfError> read_program(std::span<const std::byte> file);

/// Sizes of what a linked ELF64 file occupies in memory, by kind of section. Sections named .text.X and .rodata.X, which
/// the kernel's linker script makes for third-party code X, are counted apart.
struct SectionSizes {
  std::uint64_t text = 0;    ///< executable
  std::uint64_t rodata = 0;  ///< neither writable nor executable, exception tables included
  std::uint64_t data = 0;    ///< writable with contents in the file
  std::uint64_t bss = 0;     ///< writable, zero at start
  std::uint64_t third_party_text = 0;
  std::uint64_t third_party_rodata = 0;
};
[[nodiscard]] std::expected<SectionSizes, ElfError> read_section_sizes(std::span<const std::byte> file);

}  // namespace rvm::host
