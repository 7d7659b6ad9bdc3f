// SPDX-License-Identifier: MIT OR Apache-2.0
//
// wasm_generated FIRST COUNT FOLDER [exact|interrupted]: writes generated modules to FOLDER ("-": nowhere) and prints what their
// exports give, in the format of wabt's `wasm-interp --run-all-exports`. tests/wasm/differential.py compares the two.
// exact: all that the modules do is seen to the bit; a line with # says what each call cost. tests/wasm/fuzz.py compares tiers and wabt.
// interrupted: the same, while another thread interrupts the run again and again.
// RVM_WASM_TIER chooses the tier (compiled_tier.hpp).
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "compiled_tier.hpp"
#include "generator.hpp"
#include "host_memory.hpp"
#include "rvm/wasm/execution.hpp"

namespace rvm::wasm::test {

namespace {

void print(ValueType type, const std::uint64_t* slots) {
  const auto low = static_cast<std::uint32_t>(slots[0]);
  switch (type) {
    case ValueType::i32:
      std::printf("i32:%" PRIu32, low);
      return;
    case ValueType::i64:
      std::printf("i64:%" PRIu64, slots[0]);
      return;
    case ValueType::f32:
      std::printf("f32:%f", static_cast<double>(std::bit_cast<float>(low)));
      return;
    case ValueType::f64:
      std::printf("f64:%f", std::bit_cast<double>(slots[0]));
      return;
    default:
      std::printf("v128 i32x4:0x%08x 0x%08x 0x%08x 0x%08x", low, static_cast<std::uint32_t>(slots[0] >> 32),
                  static_cast<std::uint32_t>(slots[1]), static_cast<std::uint32_t>(slots[1] >> 32));
  }
}

/// Interrupts an execution from another thread, as often as it can, for as long as it lives.
class Interrupter {
 public:
  explicit Interrupter(Execution& execution)
      : thread_([&execution](const std::stop_token& stop) {
          for (std::uint32_t random = 1; !stop.stop_requested(); random = random * 1664525 + 1013904223) {
            execution.interrupt();
            std::this_thread::sleep_for(std::chrono::microseconds{random >> 26});
          }
        }) {}

 private:
  std::jthread thread_;
};

enum class Mode : std::uint8_t { shown, exact, interrupted };
constexpr std::uint64_t fuel = std::uint64_t{1} << 40;

int run(std::uint64_t seed, const std::string& folder, Mode mode) {
  Source source{seed};
  const auto bytes = generate_module(source, {.nan_bits = mode != Mode::shown, .exact = mode != Mode::shown});
  if (folder != "-")
    std::ofstream{folder + "/" + std::to_string(seed) + ".wasm", std::ios::binary}.write(
        reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const HostMemory module_memory{std::size_t{16} << 20};
  const HostMemory store_memory{std::size_t{16} << 20};
  const HostMemory stack{std::size_t{1} << 20};
  Arena module_arena{module_memory.bytes()};
  Arena store_arena{store_memory.bytes()};
  const auto module = load(std::as_bytes(std::span{bytes}), module_arena);
  if (!module) {
    std::printf("%" PRIu64 ": refused at byte %u: %s\n", seed, module.error().offset,
                std::string{describe(module.error().reason).text}.c_str());
    return 1;
  }
  CompiledTier tier;
  Store store{store_arena, {}, {}};
  Execution execution{store, stack.as<std::uint64_t>()};
  const auto instance = store.instantiate(**module, {});
  if (instance) tier.attach_to(store, **instance);
  if (!instance || store.initialize(**instance) != Trap::none) {
    std::printf("%" PRIu64 ": no instance\n", seed);
    return 1;
  }
  std::optional<Interrupter> interrupter;
  if (mode == Mode::interrupted) interrupter.emplace(execution);
  std::uint64_t interruptions = 0;
  for (const Export& e : (*module)->exports) {
    execution.set_fuel(fuel);
    Trap trap = execution.call(*(*instance)->functions[e.index], {});
    for (; trap == Trap::interrupted; trap = execution.resume()) ++interruptions;
    if (mode != Mode::shown) std::printf("%" PRIu64 " # %" PRIu64 "\n", seed, fuel - execution.fuel());
    std::printf("%" PRIu64 " %s() =>", seed, std::string{e.name}.c_str());
    if (trap != Trap::none) {
      std::printf(" error: %s\n", std::string{describe(trap)}.c_str());
      continue;
    }
    const std::uint64_t* slot = execution.results().data();
    for (const ValueType t : (*module)->function_type(e.index).results) {
      std::printf(" ");
      print(t, slot);
      slot += slots(t);
    }
    std::printf("\n");
  }
  if (mode == Mode::interrupted) std::fprintf(stderr, "%" PRIu64 " interruptions\n", interruptions);
  return 0;
}

}  // namespace

}  // namespace rvm::wasm::test

int main(int argc, char** argv) {
  using rvm::wasm::test::Mode;
  if (argc != 4 && argc != 5) return 2;
  const std::string_view word = argc == 5 ? argv[4] : "";
  const Mode mode = word == "exact" ? Mode::exact : word == "interrupted" ? Mode::interrupted : Mode::shown;
  const std::uint64_t first = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  int status = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) status |= rvm::wasm::test::run(seed, argv[3], mode);
  return status;
}
