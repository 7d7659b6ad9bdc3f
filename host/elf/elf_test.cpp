// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/elf/elf.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <random>
#include <string>

#include "host/elf/elf_builder.hpp"
#include "rvm/abi.h"

using namespace rvm::host;
using rvm::host::test::ElfBuilder;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::string refusal(const std::function<void(ElfBuilder&)>& change) {
  ElfBuilder elf;
  change(elf);
  const auto program = read_program(elf.file());
  if (!program) {
    CHECK_FALSE(program.error().cure.empty());
    return program.error().cause;
  }
  return {};
}

}  // namespace

TEST_CASE("a well-formed program") {
  const auto program = read_program(ElfBuilder{}.file());
  REQUIRE(program);
  CHECK(program->entry == 0x1010);
  CHECK(program->bytes == 0x5000);
  REQUIRE(program->segments.size() == 3);
  CHECK(program->segments[0].permissions == (RVM_MAP_READ | RVM_MAP_EXECUTE));
  CHECK(program->segments[0].contents.size() == 0x1000);  // whole pages, to be mapped in place
  CHECK(program->segments[0].contents[0x7ff] == std::byte{0xff});
  CHECK(program->segments[0].contents[0x800] == std::byte{0});  // not what follows in the file
  CHECK(program->segments[2].permissions == (RVM_MAP_READ | RVM_MAP_WRITE));
  CHECK(program->segments[2].contents.size() == 0x100);
  CHECK(program->segments[2].memory_bytes == 0x2000);
}

TEST_CASE("a segment that starts inside a page gets zeros before it") {
  ElfBuilder elf;
  elf.programs[2].p_vaddr = 0x3010;
  elf.programs[2].p_offset = 0x3010;
  const auto program = read_program(elf.file());
  REQUIRE(program);
  CHECK(program->segments[2].offset == 0x3000);
  CHECK(program->segments[2].contents.size() == 0x110);
  CHECK(program->segments[2].contents[0xf] == std::byte{0});
  CHECK(program->segments[2].contents[0x11] == std::byte{0x11});
}

TEST_CASE("what the kernel could not map safely is refused with its reason") {
  CHECK(refusal([](ElfBuilder& e) { e.header.e_ident[0] = 0; }).contains("not an ELF file"));
  CHECK(refusal([](ElfBuilder& e) { e.header.e_machine = EM_X86_64; }).contains("64-bit little-endian Arm"));
  CHECK(refusal([](ElfBuilder& e) { e.header.e_type = ET_EXEC; }).contains("fixed address"));
  CHECK(refusal([](ElfBuilder& e) { e.header.e_type = ET_REL; }).contains("object file"));
  CHECK(refusal([](ElfBuilder& e) { e.header.e_phoff = UINT64_MAX - 8; }).contains("outside the file"));
  CHECK(refusal([](ElfBuilder& e) { e.header.e_phentsize = 32; }).contains("program headers"));
  CHECK(refusal([](ElfBuilder& e) { e.programs[0].p_flags |= PF_W; }).contains("writable and executable"));
  CHECK(refusal([](ElfBuilder& e) { e.programs[0].p_flags = PF_X; }).contains("flags"));
  CHECK(refusal([](ElfBuilder& e) { e.programs[1].p_filesz = 0x101; }).contains("do not fit"));
  CHECK(refusal([](ElfBuilder& e) { e.programs[1].p_offset = UINT64_MAX; }).contains("do not fit"));
  CHECK(refusal([](ElfBuilder& e) { e.programs[2].p_memsz = UINT64_MAX; }).contains("ends beyond 64 MiB"));
  CHECK(refusal([](ElfBuilder& e) { e.programs[2].p_vaddr = UINT64_MAX - 0xfff; }).contains("ends beyond"));
  CHECK(refusal([](ElfBuilder& e) { e.programs[1].p_vaddr = 0x1800; }).contains("share the page"));
  CHECK(refusal([](ElfBuilder& e) { std::swap(e.programs[0], e.programs[1]); }).contains("do not ascend"));
  CHECK(refusal([](ElfBuilder& e) { e.header.e_entry = 0x2000; }).contains("entry point"));
  CHECK(refusal([](ElfBuilder& e) { e.header.e_entry = 0x1002; }).contains("entry point"));
  CHECK(refusal([](ElfBuilder& e) { e.add(PT_INTERP, PF_R, 0, 0, 8, 8); }).contains("dynamic loader"));
  CHECK(refusal([](ElfBuilder& e) { e.add(PT_TLS, PF_R, 0, 0, 8, 8); }).contains("thread-local"));
  CHECK(
      refusal([](ElfBuilder& e) { e.add(PT_GNU_STACK, PF_R | PF_W | PF_X, 0, 0, 0, 0); }).contains("executable stack"));
  CHECK(refusal([](ElfBuilder& e) { e.add(0x12345, 0, 0, 0, 0, 0); }).contains("unknown program header"));
  CHECK(refusal([](ElfBuilder& e) { e.bytes = 0x3050; }).contains("do not fit the file"));
}

TEST_CASE("relocations that the start code does not apply are refused") {
  const auto with_dynamic = [](ElfBuilder& e, std::vector<Elf64_Dyn> tags) {
    tags.push_back({DT_NULL, {0}});
    for (std::size_t i = 0; i < tags.size(); ++i) {
      e.put(0x2000 + i * sizeof(Elf64_Dyn), tags[i]);
    }
    e.add(PT_DYNAMIC, PF_R, 0x2000, 0x2000, 0x100, 0x100);
  };
  const std::vector<Elf64_Dyn> table{
      {DT_RELA, {0x2080}}, {DT_RELASZ, {sizeof(Elf64_Rela)}}, {DT_RELAENT, {sizeof(Elf64_Rela)}}};
  CHECK(refusal([&](ElfBuilder& e) {
          with_dynamic(e, table);
          e.put(0x2080, Elf64_Rela{0x3000, ELF64_R_INFO(0, R_AARCH64_RELATIVE), 0x1000});
        }).empty());
  CHECK(refusal([&](ElfBuilder& e) {
          with_dynamic(e, table);
          e.put(0x2080, Elf64_Rela{0x1000, ELF64_R_INFO(0, R_AARCH64_RELATIVE), 0x1000});
        }).contains("not writable"));
  CHECK(refusal([&](ElfBuilder& e) {
          with_dynamic(e, table);
          e.put(0x2080, Elf64_Rela{0x3000, ELF64_R_INFO(1, R_AARCH64_GLOB_DAT), 0});
        }).contains("R_AARCH64_RELATIVE"));
  CHECK(refusal([&](ElfBuilder& e) { with_dynamic(e, {{DT_NEEDED, {1}}}); }).contains("shared library"));
  CHECK(refusal([&](ElfBuilder& e) { with_dynamic(e, {{DT_TEXTREL, {0}}}); }).contains("read-only"));
  CHECK(refusal([&](ElfBuilder& e) { with_dynamic(e, {{DT_RELR, {0}}}); }).contains("start code"));
  CHECK(
      refusal([&](ElfBuilder& e) { with_dynamic(e, {{DT_RELA, {0x20000}}, {DT_RELASZ, {24}}}); }).contains("outside"));
}

TEST_CASE("random changes: accepted programs keep every promise") {
  std::mt19937 random(20260102);
  for (int round = 0; round < 20000; ++round) {
    auto file = ElfBuilder{}.file();
    for (int change = 0; change < 4; ++change) {
      file[random() % 0x130] = static_cast<std::byte>(random());
    }
    CHECK(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(file.data()), file.size()) == 0);
  }
}
