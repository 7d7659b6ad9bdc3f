// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For tests: a small AArch64 program as a file, every field open to change.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <vector>

namespace rvm::host::test {

struct ElfBuilder {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> programs;
  std::size_t bytes = 0x4000;
  std::vector<std::pair<std::size_t, std::vector<std::byte>>> patches;  ///< contents at file offsets

  /// Code at 0x1000, constants at 0x2000, data with 0x2000 bytes of zeros at 0x3000.
  ElfBuilder() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_AARCH64;
    header.e_version = EV_CURRENT;
    header.e_entry = 0x1010;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    add(PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0x800, 0x800);
    add(PT_LOAD, PF_R, 0x2000, 0x2000, 0x100, 0x100);
    add(PT_LOAD, PF_R | PF_W, 0x3000, 0x3000, 0x100, 0x2000);
  }

  Elf64_Phdr& add(std::uint32_t type, std::uint32_t flags, std::uint64_t offset, std::uint64_t address,
                  std::uint64_t file, std::uint64_t memory) {
    Elf64_Phdr p{};
    p.p_type = type;
    p.p_flags = flags;
    p.p_offset = offset;
    p.p_vaddr = address;
    p.p_filesz = file;
    p.p_memsz = memory;
    p.p_align = 0x1000;
    return programs.emplace_back(p);
  }

  template <typename T>
  void put(std::size_t offset, const T& value) {
    std::vector<std::byte> raw(sizeof(T));
    std::memcpy(raw.data(), &value, sizeof(T));
    patches.emplace_back(offset, std::move(raw));
  }

  [[nodiscard]] std::vector<std::byte> file() const {
    std::vector<std::byte> out(bytes);
    for (std::size_t i = 0x1000; i < bytes; ++i) {
      out[i] = static_cast<std::byte>(i);
    }
    Elf64_Ehdr h = header;
    h.e_phnum = static_cast<Elf64_Half>(programs.size());
    std::memcpy(out.data(), &h, sizeof(h));
    std::memcpy(out.data() + sizeof(h), programs.data(), programs.size() * sizeof(Elf64_Phdr));
    for (const auto& [offset, raw] : patches) {
      std::memcpy(out.data() + offset, raw.data(), raw.size());
    }
    return out;
  }
};

}  // namespace rvm::host::test
