// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libFuzzer target: whatever the reader accepts keeps its promises.
#include <cstdlib>

#include "host/elf/elf.hpp"
#include "rvm/abi.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  (void)rvm::host::read_section_sizes(file);
  const auto program = rvm::host::read_program(file);
  if (!program) {
    return program.error().cause.empty() || program.error().cure.empty() ? (std::abort(), 0) : 0;
  }
  std::uint64_t end = 0;
  bool entry_executable = false;
  for (const auto& s : program->segments) {
    const bool write = (s.permissions & RVM_MAP_WRITE) != 0;
    const bool execute = (s.permissions & RVM_MAP_EXECUTE) != 0;
    if ((write && execute) || s.offset < end || s.offset % RVM_PAGE_SIZE != 0 || s.memory_bytes % RVM_PAGE_SIZE != 0 ||
        s.contents.size() > s.memory_bytes) {
      std::abort();
    }
    end = s.offset + s.memory_bytes;
    entry_executable |= execute && program->entry >= s.offset && program->entry < end;
  }
  if (end != program->bytes || end > rvm::host::image_limit || !entry_executable) {
    std::abort();
  }
  return 0;
}
