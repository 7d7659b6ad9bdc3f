// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/elf/elf.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "rvm/abi.h"

namespace rvm::host {

namespace {

using File = std::span<const std::byte>;

constexpr std::uint64_t page = RVM_PAGE_SIZE;
constexpr std::size_t headers_limit = 32;
constexpr std::size_t relocations_limit = std::size_t{1} << 20;
constexpr const char* link_cure = "link with the SDK's flags: -static-pie -nostdlib -Wl,-z,separate-loadable-segments";

std::unexpected<ElfError> refuse(std::string cause, std::string cure = link_cure) {
  return std::unexpected<ElfError>{ElfError{std::move(cause), std::move(cure)}};
}

/// The `T` at `offset`; nothing when it does not lie whole inside the file.
template <typename T>
std::optional<T> structure_at(File file, std::uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) {
    return std::nullopt;
  }
  T out;
  std::memcpy(&out, file.data() + offset, sizeof(T));
  return out;
}

bool inside(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

std::expected<Elf64_Ehdr, ElfError> read_header(File file) {
  const auto header = structure_at<Elf64_Ehdr>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    return refuse("this is not an ELF file");
  }
  const Elf64_Ehdr& h = *header;
  if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB || h.e_machine != EM_AARCH64) {
    return refuse("the program is not for 64-bit little-endian Arm", "compile with --target=aarch64-none-elf");
  }
  if (h.e_ident[EI_VERSION] != EV_CURRENT || h.e_version != EV_CURRENT) {
    return refuse("unknown ELF version");
  }
  return h;
}

std::expected<std::vector<Elf64_Phdr>, ElfError> read_program_headers(File file, const Elf64_Ehdr& h) {
  if (h.e_type != ET_DYN) {
    return refuse(h.e_type == ET_REL ? "this is an object file, not a linked program"
                                     : "the program is linked at a fixed address; agents are position independent");
  }
  if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum == 0 || h.e_phnum > headers_limit) {
    return refuse(fmt::format("{} program headers of {} bytes; 1 to {} of {} bytes are accepted", h.e_phnum,
                              h.e_phentsize, headers_limit, sizeof(Elf64_Phdr)));
  }
  std::vector<Elf64_Phdr> headers;
  for (std::uint64_t i = 0; i < h.e_phnum; ++i) {
    const auto entry = inside(h.e_phoff, (i + 1) * sizeof(Elf64_Phdr), file.size())
                           ? structure_at<Elf64_Phdr>(file, h.e_phoff + i * sizeof(Elf64_Phdr))
                           : std::nullopt;
    if (!entry) {
      return refuse("the program headers lie outside the file");
    }
    headers.push_back(*entry);
  }
  return headers;
}

std::expected<void, ElfError> check_kind(const Elf64_Phdr& p) {
  switch (p.p_type) {
    case PT_NULL:
    case PT_LOAD:
    case PT_DYNAMIC:
    case PT_NOTE:
    case PT_PHDR:
    case PT_GNU_EH_FRAME:
    case PT_GNU_RELRO:
    case PT_GNU_PROPERTY:
      return {};
    case PT_GNU_STACK:
      if ((p.p_flags & PF_X) != 0) {
        return refuse("the program asks for an executable stack", "link with -Wl,-z,noexecstack");
      }
      return {};
    case PT_INTERP:
      return refuse("the program needs a dynamic loader; agents are linked statically");
    case PT_TLS:
      return refuse("the program uses thread-local storage; an agent is one thread", "replace thread_local by static");
    default:
      return refuse(fmt::format("unknown program header type {:#x}", p.p_type));
  }
}

std::expected<ProgramSegment, ElfError> read_segment(File file, const Elf64_Phdr& p) {
  if ((p.p_flags & PF_W) != 0 && (p.p_flags & PF_X) != 0) {
    return refuse(fmt::format("the segment at {:#x} is writable and executable", p.p_vaddr));
  }
  if ((p.p_flags & ~static_cast<Elf64_Word>(PF_R | PF_W | PF_X)) != 0 || (p.p_flags & PF_R) == 0) {
    return refuse(
        fmt::format("the segment at {:#x} has flags {:#x}; readable ones are accepted", p.p_vaddr, p.p_flags));
  }
  if (p.p_filesz > p.p_memsz || !inside(p.p_offset, p.p_filesz, file.size())) {
    return refuse(fmt::format("the contents of the segment at {:#x} do not fit the file or the segment", p.p_vaddr));
  }
  if (!inside(p.p_vaddr, p.p_memsz, image_limit)) {
    return refuse(fmt::format("the segment at {:#x} ends beyond {} MiB", p.p_vaddr, image_limit >> 20),
                  "take large buffers from the heap (`heap` in the manifest) instead of static storage");
  }
  ProgramSegment out;
  out.offset = p.p_vaddr & ~(page - 1);
  const std::uint64_t lead = p.p_vaddr - out.offset;
  out.memory_bytes = (lead + p.p_memsz + page - 1) & ~(page - 1);
  out.permissions =
      RVM_MAP_READ | ((p.p_flags & PF_W) != 0 ? RVM_MAP_WRITE : 0) | ((p.p_flags & PF_X) != 0 ? RVM_MAP_EXECUTE : 0);
  const File contents = file.subspan(p.p_offset, p.p_filesz);
  // A segment that is not writable is mapped in place from the package, so it is stored whole, zeros included.
  const std::uint64_t stored = (p.p_flags & PF_W) != 0 ? lead + p.p_filesz : out.memory_bytes;
  out.contents.resize(stored);
  std::ranges::copy(contents, out.contents.begin() + static_cast<std::ptrdiff_t>(lead));
  return out;
}

/// The segment that holds all of [address, address + length), as linked (not as whole pages).
const Elf64_Phdr* load_segment(std::span<const Elf64_Phdr> headers, std::uint64_t address, std::uint64_t length) {
  const auto it = std::ranges::find_if(headers, [&](const Elf64_Phdr& p) {
    return p.p_type == PT_LOAD && address >= p.p_vaddr && inside(address - p.p_vaddr, length, p.p_memsz);
  });
  return it == headers.end() ? nullptr : &*it;
}

struct DynamicTags {
  std::uint64_t rela = 0;
  std::uint64_t rela_bytes = 0;
};

std::expected<DynamicTags, ElfError> read_dynamic(File file, const Elf64_Phdr& p) {
  DynamicTags tags;
  if (!inside(p.p_offset, p.p_filesz, file.size())) {
    return refuse("the dynamic section lies outside the file");
  }
  for (std::uint64_t at = 0; p.p_filesz - at >= sizeof(Elf64_Dyn); at += sizeof(Elf64_Dyn)) {
    const auto entry = structure_at<Elf64_Dyn>(file, p.p_offset + at);
    if (!entry || entry->d_tag == DT_NULL) {
      break;
    }
    switch (entry->d_tag) {
      case DT_NEEDED:
        return refuse("the program needs a shared library; agents are linked statically");
      case DT_TEXTREL:
        return refuse("the program has relocations in read-only memory", "compile with -fPIE");
      case DT_RELR:
      case DT_REL:
      case DT_JMPREL:
        return refuse("the program has relocations that the SDK's start code does not apply",
                      "link with -Wl,--pack-dyn-relocs=none and leave no symbol undefined");
      case DT_RELA:
        tags.rela = entry->d_un.d_ptr;
        break;
      case DT_RELASZ:
        tags.rela_bytes = entry->d_un.d_val;
        break;
      case DT_RELAENT:
        if (entry->d_un.d_val != sizeof(Elf64_Rela)) {
          return refuse("relocation entries have an unknown size");
        }
        break;
      default:
        break;
    }
  }
  return tags;
}

/// Every relocation adds the image base to a word of a writable segment, which is all that the start code does.
std::expected<void, ElfError> check_relocations(File file, std::span<const Elf64_Phdr> headers) {
  const auto dynamic = std::ranges::find(headers, static_cast<Elf64_Word>(PT_DYNAMIC), &Elf64_Phdr::p_type);
  if (dynamic == headers.end()) {
    return {};
  }
  const auto tags = read_dynamic(file, *dynamic);
  if (!tags) {
    return std::unexpected(tags.error());
  }
  const std::uint64_t count = tags->rela_bytes / sizeof(Elf64_Rela);
  if (count == 0) {
    return {};
  }
  const Elf64_Phdr* const home = load_segment(headers, tags->rela, tags->rela_bytes);
  if (home == nullptr || count > relocations_limit || tags->rela - home->p_vaddr > home->p_filesz) {
    return refuse("the relocation table lies outside the program");
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto entry =
        structure_at<Elf64_Rela>(file, home->p_offset + (tags->rela - home->p_vaddr) + i * sizeof(Elf64_Rela));
    if (!entry) {
      return refuse("the relocation table lies outside the file");
    }
    if (ELF64_R_TYPE(entry->r_info) != R_AARCH64_RELATIVE || ELF64_R_SYM(entry->r_info) != 0) {
      return refuse(
          fmt::format("relocation {} has type {}; only R_AARCH64_RELATIVE is applied", i, ELF64_R_TYPE(entry->r_info)),
          "leave no symbol undefined and link with -static-pie");
    }
    const Elf64_Phdr* const target = load_segment(headers, entry->r_offset, sizeof(std::uint64_t));
    if (target == nullptr || (target->p_flags & PF_W) == 0) {
      return refuse(fmt::format("relocation {} changes {:#x}, which is not writable", i, entry->r_offset),
                    "compile with -fPIE");
    }
  }
  return {};
}

std::expected<void, ElfError> check_layout(const Program& program, std::span<const Elf64_Phdr> headers) {
  std::uint64_t end = 0;
  for (const ProgramSegment& s : program.segments) {
    if (s.offset < end) {
      return refuse(fmt::format("two segments share the page at {:#x}, or do not ascend", s.offset));
    }
    end = s.offset + s.memory_bytes;
  }
  const Elf64_Phdr* const home = load_segment(headers, program.entry, 4);
  if (home == nullptr || (home->p_flags & PF_X) == 0 || program.entry % 4 != 0) {
    return refuse(fmt::format("the entry point {:#x} is not in executable memory", program.entry),
                  "define _start, as the SDK's crt0 does");
  }
  return {};
}

}  // namespace

std::expected<Program, ElfError> read_program(File file) {
  const auto header = read_header(file);
  if (!header) {
    return std::unexpected(header.error());
  }
  const auto headers = read_program_headers(file, *header);
  if (!headers) {
    return std::unexpected(headers.error());
  }
  Program program;
  program.entry = header->e_entry;
  for (const Elf64_Phdr& p : *headers) {
    if (auto kind = check_kind(p); !kind) {
      return std::unexpected(kind.error());
    }
    if (p.p_type != PT_LOAD || p.p_memsz == 0) {
      continue;
    }
    auto segment = read_segment(file, p);
    if (!segment) {
      return std::unexpected(segment.error());
    }
    program.bytes = std::max(program.bytes, segment->offset + segment->memory_bytes);
    program.segments.push_back(std::move(*segment));
  }
  if (auto layout = check_layout(program, *headers); !layout) {
    return std::unexpected(layout.error());
  }
  if (auto relocations = check_relocations(file, *headers); !relocations) {
    return std::unexpected(relocations.error());
  }
  return program;
}

namespace {

/// Of a section; empty when the file does not say.
std::string_view name_of(File file, const Elf64_Ehdr& header, const Elf64_Shdr& section) {
  const auto names = header.e_shstrndx < header.e_shnum
                         ? structure_at<Elf64_Shdr>(file, header.e_shoff + header.e_shstrndx * sizeof(Elf64_Shdr))
                         : std::nullopt;
  if (!names || names->sh_offset > file.size() || section.sh_name >= file.size() - names->sh_offset) {
    return {};
  }
  const auto text = file.subspan(names->sh_offset + section.sh_name);
  const std::string_view from{reinterpret_cast<const char*>(text.data()), text.size()};  // char may alias
  return from.substr(0, from.find('\0'));
}

}  // namespace

std::expected<SectionSizes, ElfError> read_section_sizes(File file) {
  const auto header = read_header(file);
  if (!header) {
    return std::unexpected(header.error());
  }
  SectionSizes sizes;
  if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0) {
    return refuse("the file has no section table", "use the linked file as it is, without stripping sections");
  }
  for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
    const auto section = header->e_shoff <= file.size()
                             ? structure_at<Elf64_Shdr>(file, header->e_shoff + i * sizeof(Elf64_Shdr))
                             : std::nullopt;
    if (!section) {
      return refuse("the section table lies outside the file", "link it again");
    }
    if ((section->sh_flags & SHF_ALLOC) == 0) {
      continue;
    }
    const std::string_view name = name_of(file, *header, *section);
    std::uint64_t& kind = name.starts_with(".text.")                 ? sizes.third_party_text
                          : name.starts_with(".rodata.")             ? sizes.third_party_rodata
                          : (section->sh_flags & SHF_EXECINSTR) != 0 ? sizes.text
                          : (section->sh_flags & SHF_WRITE) == 0     ? sizes.rodata
                          : section->sh_type == SHT_NOBITS           ? sizes.bss
                                                                     : sizes.data;
    kind += section->sh_size;
  }
  return sizes;
}

}  // namespace rvm::host
