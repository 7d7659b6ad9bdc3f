// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two properties. Bytes that are no module are refused, and nothing else happens. A module that validates runs within its
// arenas, whatever it does, for as long as its fuel lasts, and costs and gives the same each time; and it compiles.
//
// The first byte chooses: the rest is a module as it stands, or choices for the generator of valid ones, which must load.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "../test/generator.hpp"
#include "../test/run_anything.hpp"
#include "rvm/wasm/compiler.hpp"

namespace {

using namespace rvm::wasm;

constexpr std::size_t arena_words = std::size_t{64} << 10;

void require(bool holds) {
  if (!holds) std::abort();
}

/// What the compiler makes of it: never more than it says, the same again, and however little room there is, it stays inside.
void compile_both(const Module& module, std::uint8_t choice) {
  const std::size_t most = code_bytes_max(module);
  if (most > std::size_t{8} << 20) return;
  const std::size_t room = choice % 3 == 0 ? most : std::min<std::size_t>(most, std::size_t{choice} * 64);
  const CompileOptions options{.guarded = choice % 2 == 1,
                               .left_out = choice % 5 == 0 ? std::uint64_t{0x5555'5555'5555'5555} : 0};
  std::vector<std::uint32_t> code[2];
  for (auto& words : code) {
    words.resize(room / 4);
    const auto memory = std::make_unique<std::uint64_t[]>(std::size_t{1} << 19);
    Arena arena{std::as_writable_bytes(std::span{memory.get(), std::size_t{1} << 19})};
    const auto compiled = compile(module, std::as_writable_bytes(std::span{words}), arena, options);
    if (!compiled) {
      require(room < 512 || compiled.error() == CompileError::out_of_memory);
      words.clear();
      continue;
    }
    require(compiled->bytes <= words.size() * 4);
    if (room == most && options.left_out == 0) require(compiled->function_count == module.bodies.size());
    for (std::size_t i = 1; i < compiled->sites.size(); ++i) {
      require(compiled->sites[i - 1].native < compiled->sites[i].native);
    }
    words.resize(compiled->bytes / 4);
  }
  require(code[0] == code[1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool generated = data[0] % 2 == 1;
  std::vector<std::uint8_t> bytes{data + 1, data + size};
  if (generated) {
    test::Source source{std::span{data + 1, size - 1}};
    bytes = test::generate_module(source, {});
    // Sometimes one byte is wrong.
    if (size > 2 && data[0] % 4 == 3) bytes[(data[1] * 256U + data[2]) % bytes.size()] ^= data[0];
  }
  const auto memory = std::make_unique<std::uint64_t[]>(arena_words / 2);
  Arena arena{std::as_writable_bytes(std::span{memory.get(), arena_words / 2})};
  const Limits limits{.frame_slots = 4000, .nesting = 200, .operands = 2000};
  const auto module = load(std::as_bytes(std::span{bytes}), arena, limits);
  if (!module) {
    require(data[0] % 4 != 1);
    require(module.error().offset <= bytes.size());
    return 0;
  }
  require(test::run_anything(**module).digest == test::run_anything(**module).digest);
  compile_both(**module, data[0]);
  return 0;
}
