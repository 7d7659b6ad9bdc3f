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
#include "rvm/wasm/compiler.hpp"
#include "rvm/wasm/execution.hpp"

namespace {

using namespace rvm::wasm;

constexpr std::size_t arena_words = std::size_t{64} << 10;
constexpr std::uint64_t fuel = 20'000;

void require(bool holds) {
  if (!holds) std::abort();
}

Trap host_call(void* /*user*/, std::uint32_t /*number*/, Instance* /*caller*/, std::span<std::uint64_t> slots) {
  for (std::uint64_t& s : slots) s = 0;
  return Trap::none;
}

/// Whatever the module asks for, so that it links.
bool provide(Store& store, const Module& module, std::vector<Extern>& imports) {
  for (const Import& import : module.imports) {
    Extern e{.kind = import.kind};
    switch (import.kind) {
      case ExternKind::function: {
        const auto made = store.host_function(module.types[module.functions[import.index]], 0);
        if (!made) return false;
        e.function = *made;
        break;
      }
      case ExternKind::table: {
        const auto made = store.table(module.tables[import.index]);
        if (!made) return false;
        e.table = *made;
        break;
      }
      case ExternKind::memory: {
        const auto made = store.memory(module.memories[import.index]);
        if (!made) return false;
        e.memory = *made;
        break;
      }
      case ExternKind::global: {
        const auto made = store.global(module.globals[import.index].type, {});
        if (!made) return false;
        e.global = *made;
        break;
      }
    }
    imports.push_back(e);
  }
  return true;
}

/// A digest of all that a run of every export gave and cost. Buffers are exact, so that AddressSanitizer sees a step outside.
std::uint64_t run(const Module& module) {
  const auto memory = std::make_unique<std::uint64_t[]>(arena_words);
  const auto stack = std::make_unique<std::uint64_t[]>(8192);
  Arena arena{std::as_writable_bytes(std::span{memory.get(), arena_words})};
  const Limits limits{.memory_pages = 4, .table_elements = 1000};
  Store store{arena, limits, {host_call, nullptr}};
  Execution execution{store, {stack.get(), 8192}};
  std::vector<Extern> imports;
  if (!provide(store, module, imports)) return 1;
  const auto instance = store.instantiate(module, imports);
  if (!instance) return 2;
  std::uint64_t digest = static_cast<std::uint64_t>(store.initialize(**instance));
  const auto mix = [&](std::uint64_t value) { digest = (digest ^ value) * 0x9e3779b97f4a7c15 + 1; };
  for (const Export& e : module.exports) {
    if (e.kind != ExternKind::function) continue;
    const Function& function = *(*instance)->functions[e.index];
    const std::vector<std::uint64_t> arguments(function.parameter_slots, 3);
    execution.set_fuel(fuel);
    const Trap trap = execution.call(function, arguments);
    mix(static_cast<std::uint64_t>(trap));
    mix(execution.fuel());
    require(execution.fuel() <= fuel);
    require(trap != Trap::corrupt_code);
    if (trap == Trap::none) {
      for (const std::uint64_t slot : execution.results()) mix(slot);
    }
  }
  return digest;
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
  require(run(**module) == run(**module));
  compile_both(**module, data[0]);
  return 0;
}
