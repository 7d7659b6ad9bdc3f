// SPDX-License-Identifier: MIT OR Apache-2.0
//
// wasm_bench MODULE ROUNDS: calls the export "run" in the interpreter and prints its result.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "../../../src/wasm/test/compiled_tier.hpp"
#include "../../../src/wasm/test/host_memory.hpp"
#include "rvm/wasm/execution.hpp"

int main(int argc, char** argv) {
  using namespace rvm::wasm;
  if (argc != 3) return 2;
  std::ifstream in{argv[1], std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  const test::HostMemory module_memory{std::size_t{64} << 20};
  test::CompiledTier tier;
  const test::HostMemory store_memory{(std::size_t{512} << 20) + (tier.guarded() ? guarded_bytes : 0)};
  const test::HostMemory stack{std::size_t{8} << 20};
  Arena module_arena{module_memory.bytes()};
  Arena store_arena{store_memory.bytes()};
  const auto module = load(std::as_bytes(std::span{bytes}), module_arena);
  if (!module) {
    std::fprintf(stderr, "refused: %s\n", std::string{describe(module.error().reason).text}.c_str());
    return 1;
  }
  Store store{store_arena, {.memory_pages = 4096, .guarded = tier.guarded()}, {.resize = test::resize_guarded}};
  Execution execution{store, stack.as<std::uint64_t>()};
  const auto instance = store.instantiate(**module, {});
  if (!instance || store.initialize(**instance) != Trap::none) return 1;
  tier.attach_to(store, **instance);
  const auto found = store.find(**instance, "run");
  if (!found || found->kind != ExternKind::function) return 1;
  const std::uint64_t before = execution.fuel();
  const std::uint64_t rounds = std::strtoull(argv[2], nullptr, 10);
  const Trap trap = execution.call(*found->function, {&rounds, 1});
  if (trap != Trap::none) {
    std::fprintf(stderr, "%s\n", std::string{describe(trap)}.c_str());
    return 1;
  }
  std::printf("%d %llu\n", static_cast<int>(execution.results()[0]),
              static_cast<unsigned long long>(before - execution.fuel()));
}
