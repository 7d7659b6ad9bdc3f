// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/hal/flash.hpp"

#include <algorithm>
#include <cstring>

#include "semihosting.hpp"

namespace rvm::hal {
namespace {

constinit std::int32_t cells = -1;
constinit std::uint32_t size = 0;
constinit std::int32_t key = -1;

using Word = std::array<std::byte, 4>;

bool program_word(std::uint32_t at, const Word& wanted) {
  Word held;
  if (!semihosting::read(cells, at, held)) return false;
  for (std::size_t i = 0; i < held.size(); ++i) {
    if ((wanted[i] & ~held[i]) != std::byte{0}) return false;  // a cleared bit stays cleared until the block is erased
  }
  return semihosting::write(cells, at, wanted);
}

}  // namespace

/// The machine is started with two words: the file of the part, and that of the key.
bool Flash::start() {
  std::array<char, 256> buffer;
  const std::string_view words = semihosting::command_line(buffer);
  std::size_t space = 0;
  while (space < words.size() && words[space] != ' ') ++space;
  if (space == words.size()) return false;
  buffer[space] = '\0';
  cells = semihosting::open({words.data(), space}, true);
  key = semihosting::open({words.data() + space + 1, words.size() - space - 1}, false);
  if (cells < 0 || key < 0) return false;
  size = semihosting::length(cells);
  return size != 0;
}

std::optional<std::array<std::byte, 32>> Flash::take_device_key() {
  std::array<std::byte, 32> bytes;
  if (key < 0 || !semihosting::read(key, 0, bytes)) return {};
  key = -1;
  return bytes;
}

std::uint32_t Flash::bytes() { return size; }

bool Flash::read(std::uint32_t at, std::span<std::byte> into) { return semihosting::read(cells, at, into); }

bool Flash::program(std::uint32_t at, std::span<const std::byte> from) {
  for (; !from.empty(); from = from.subspan(sizeof(Word)), at += sizeof(Word)) {
    Word word;
    std::memcpy(word.data(), from.data(), sizeof word);
    if (!program_word(at, word)) return false;
  }
  return true;
}

bool Flash::erase(std::uint32_t at) {
  std::array<std::byte, 64> ones;
  ones.fill(std::byte{0xff});
  for (std::uint32_t done = 0; done < erase_bytes; done += ones.size()) {
    if (!semihosting::write(cells, at + done, ones)) return false;
  }
  return true;
}

}  // namespace rvm::hal
