// SPDX-License-Identifier: MIT OR Apache-2.0
#include "run_anything.hpp"

#include <cstdlib>
#include <span>
#include <vector>

#include "rvm/wasm/execution.hpp"
#include "zeroed.hpp"

namespace rvm::wasm::test {

namespace {

constexpr std::size_t stack_slots = 8192;

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

}  // namespace

Ran run_anything(const Module& module, const RunBounds& bounds) {
  const ZeroedWords memory{bounds.store_bytes / sizeof(std::uint64_t)};
  const ZeroedWords stack{stack_slots};
  Arena arena{memory.bytes()};
  const Limits limits{.memory_pages = bounds.memory_pages, .table_elements = 1000};
  Store store{arena, limits, {host_call, nullptr}};
  Execution execution{store, stack.words()};
  std::vector<Extern> imports;
  Ran ran{.digest = 1};
  if (!provide(store, module, imports)) return ran;
  const auto instance = store.instantiate(module, imports);
  if (!instance) return ran;
  ran.instantiated = true;
  ran.digest = 2 + static_cast<std::uint64_t>(store.initialize(**instance));
  const auto mix = [&](std::uint64_t value) { ran.digest = (ran.digest ^ value) * 0x9e3779b97f4a7c15 + 1; };
  for (const Export& e : module.exports) {
    if (e.kind != ExternKind::function || ran.calls == bounds.calls) continue;
    const Function& function = *(*instance)->functions[e.index];
    const std::vector<std::uint64_t> arguments(function.parameter_slots, 3);
    execution.set_fuel(bounds.fuel);
    const Trap trap = execution.call(function, arguments);
    ++ran.calls;
    ran.traps += trap == Trap::none ? 0 : 1;
    mix(static_cast<std::uint64_t>(trap));
    mix(execution.fuel());
    require(execution.fuel() <= bounds.fuel);
    require(trap != Trap::corrupt_code);
    ran.fuel += bounds.fuel - execution.fuel();
    if (trap == Trap::none) {
      for (const std::uint64_t slot : execution.results()) mix(slot);
    }
  }
  return ran;
}

}  // namespace rvm::wasm::test
