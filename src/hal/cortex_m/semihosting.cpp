// SPDX-License-Identifier: MIT OR Apache-2.0
#include "semihosting.hpp"

#include <array>

namespace rvm::hal::semihosting {
namespace {

enum class Call : std::uint32_t {
  open = 0x01,
  write = 0x05,
  read = 0x06,
  seek = 0x0a,
  length = 0x0c,
  command = 0x15,
  exit = 0x18
};

std::int32_t call(Call number, const void* block) {
  register std::uint32_t r0 asm("r0") = static_cast<std::uint32_t>(number);
  register const void* r1 asm("r1") = block;
  // Sound: the debugger reads and writes what the block names, hence the clobber.
  asm volatile("bkpt #0xab" : "+r"(r0) : "r"(r1) : "memory");
  return static_cast<std::int32_t>(r0);
}

std::uint32_t word(const void* p) { return reinterpret_cast<std::uint32_t>(p); }

bool seek(std::int32_t file, std::uint32_t at) {
  const std::array<std::uint32_t, 2> block{static_cast<std::uint32_t>(file), at};
  return call(Call::seek, block.data()) == 0;
}

}  // namespace

std::int32_t open(std::string_view path, bool writable) {
  constexpr std::uint32_t read_binary = 1, update_binary = 3;
  const std::array<std::uint32_t, 3> block{word(path.data()), writable ? update_binary : read_binary,
                                           static_cast<std::uint32_t>(path.size())};
  return call(Call::open, block.data());
}

bool read(std::int32_t file, std::uint32_t at, std::span<std::byte> into) {
  const std::array<std::uint32_t, 3> block{static_cast<std::uint32_t>(file), word(into.data()),
                                           static_cast<std::uint32_t>(into.size())};
  return seek(file, at) && call(Call::read, block.data()) == 0;
}

bool write(std::int32_t file, std::uint32_t at, std::span<const std::byte> from) {
  const std::array<std::uint32_t, 3> block{static_cast<std::uint32_t>(file), word(from.data()),
                                           static_cast<std::uint32_t>(from.size())};
  return seek(file, at) && call(Call::write, block.data()) == 0;
}

std::uint32_t length(std::int32_t file) {
  const auto block = static_cast<std::uint32_t>(file);
  const std::int32_t bytes = call(Call::length, &block);
  return bytes > 0 ? static_cast<std::uint32_t>(bytes) : 0;
}

std::string_view command_line(std::span<char> buffer) {
  std::array<std::uint32_t, 2> block{word(buffer.data()), static_cast<std::uint32_t>(buffer.size())};
  if (call(Call::command, block.data()) != 0 || block[1] >= buffer.size()) return {};
  return {buffer.data(), block[1]};
}

void exit() {
  constexpr std::uintptr_t application_exit = 0x20026;
  (void)call(Call::exit, reinterpret_cast<const void*>(application_exit));  // a number, not an address
}

}  // namespace rvm::hal::semihosting
