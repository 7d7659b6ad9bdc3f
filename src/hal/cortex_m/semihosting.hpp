// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Calls to the debugger or the emulator (Semihosting for AArch32 and AArch64, Arm 100863): how a development board reaches files
// that stand for its flash part and its key fuses, and how it ends. A board without one answers with a fault at the first call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace rvm::hal::semihosting {

/// 0 or greater: a file.
[[nodiscard]] std::int32_t open(std::string_view path_with_nul, bool writable);
[[nodiscard]] bool read(std::int32_t file, std::uint32_t at, std::span<std::byte> into);
[[nodiscard]] bool write(std::int32_t file, std::uint32_t at, std::span<const std::byte> from);
/// 0: unknown.
[[nodiscard]] std::uint32_t length(std::int32_t file);
/// The words the machine was started with; empty when there are none.
[[nodiscard]] std::string_view command_line(std::span<char> buffer);
void exit();

}  // namespace rvm::hal::semihosting
