// SPDX-License-Identifier: MIT OR Apache-2.0
//
// wasm_tiers FIRST COUNT: generated modules in the interpreter, compiled, half compiled, and changing between the tiers whenever the
// fuel runs out. Results, traps, fuel, memory and globals must be the same. On AArch64 only (status 77 elsewhere).
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "compiled_tier.hpp"
#include "generator.hpp"
#include "host_memory.hpp"
#include "rvm/wasm/execution.hpp"

namespace rvm::wasm::test {

namespace {

constexpr std::uint64_t plenty = std::uint64_t{1} << 30;

/// What one call shows of itself.
struct Outcome {
  Trap trap = Trap::none;
  std::uint64_t fuel = 0;  ///< left
  std::vector<std::uint64_t> results;
  std::vector<std::uint64_t> state;  ///< globals, tables' lengths, and memory folded to 64 bits

  bool operator==(const Outcome&) const = default;
};

/// What a run does each time its fuel is used up.
enum class Change : std::uint8_t { never, to_interpreter, to_compiled, each_time };

struct Plan {
  const char* name;
  bool compiled;  ///< at first
  Change change;
  std::uint64_t left_out;
  bool guarded = false;
};

constexpr Plan plans[] = {
    {"interpreted", false, Change::never, 0},
    {"compiled", true, Change::never, 0},
    {"even functions compiled", true, Change::never, 0xaaaa'aaaa'aaaa'aaaa},
    {"odd functions compiled", true, Change::never, 0x5555'5555'5555'5555},
    {"compiled, then interpreted", true, Change::to_interpreter, 0},
    {"interpreted, then compiled", false, Change::to_compiled, 0},
    {"in turns", true, Change::each_time, 0},
    {"odd functions in turns", true, Change::each_time, 0x5555'5555'5555'5555},
    {"guarded", true, Change::never, 0, true},
    {"guarded, in turns", true, Change::each_time, 0, true},
};

void remember(const Instance& instance, Outcome& outcome) {
  for (const Global* g : instance.globals) {
    outcome.state.push_back(g->value.bits[0]);
    outcome.state.push_back(g->value.bits[1]);
  }
  for (const Table* t : instance.tables) {
    outcome.state.push_back(t->length);
    for (const std::uint64_t e : t->elements.first(t->length)) outcome.state.push_back(e == 0 ? 0 : 1);
  }
  if (instance.memory == nullptr) return;
  std::uint64_t folded = instance.memory->bytes;
  const auto* const words = reinterpret_cast<const std::uint64_t*>(instance.memory->base);
  for (std::uint64_t i = 0; i < instance.memory->bytes / 8; ++i) folded = folded * 0x9e37'79b9'7f4a'7c15 + words[i];
  outcome.state.push_back(folded);
}

/// The fuel that a run is given first, and each time it asks again.
std::uint64_t portion(std::uint64_t seed) { return 1 + seed * 0x9e37'79b9'7f4a'7c15 % 3000; }

std::vector<Outcome> run(const Module& module, const Plan& plan, std::uint64_t seed, std::uint64_t first_portion) {
  const HostMemory store_memory{(std::size_t{16} << 20) + (plan.guarded ? guarded_bytes : 0)};
  const HostMemory stack{std::size_t{1} << 20};
  Arena arena{store_memory.bytes()};
  Store store{arena, {.guarded = plan.guarded}, {.resize = resize_guarded}};
  Execution execution{store, stack.as<std::uint64_t>()};
  const auto made = store.instantiate(module, {});
  if (!made || store.initialize(**made) != Trap::none) std::abort();
  Instance& instance = **made;
  CompileOptions options{.guarded = plan.guarded, .left_out = plan.left_out};
  // These runs are short: with the usual reserve the interpreter would do most of them.
  if (seed % 4 != 0) options.fuel_reserve = static_cast<std::uint32_t>(seed * 37 % 200);
  CompiledTier tier{options};
  if (plan.compiled) tier.attach_to(store, instance);
  std::vector<Outcome> outcomes;
  for (const Export& e : module.exports) {
    Outcome outcome;
    std::uint64_t left = plenty;
    const auto give = [&] {
      const std::uint64_t given = plan.change == Change::never ? left : std::min(left, first_portion);
      left -= given;
      execution.set_fuel(execution.fuel() + given);
    };
    execution.set_fuel(0);
    give();
    outcome.trap = execution.call(*instance.functions[e.index], {});
    for (unsigned turn = 0; outcome.trap == Trap::out_of_fuel && left > 0; ++turn) {
      if (plan.change != Change::never) {
        const bool to_interpreter =
            plan.change == Change::to_interpreter || (plan.change == Change::each_time && turn % 2 == 0);
        if (to_interpreter) {
          if (instance.attached) detach(instance);
        } else if (!instance.attached) {
          tier.attach_again(store, instance);
        }
      }
      if (plan.change == Change::each_time || portion(seed + turn) % 4 != 0) {
        give();
      } else {
        execution.set_fuel(execution.fuel() + std::exchange(left, 0));
      }
      outcome.trap = execution.resume();
    }
    // A trap takes what the run has; what it had not asked for does not count.
    const bool trapped = outcome.trap != Trap::none && outcome.trap != Trap::out_of_fuel;
    outcome.fuel = execution.fuel() + (trapped ? 0 : left);
    if (outcome.trap == Trap::none) outcome.results.assign(execution.results().begin(), execution.results().end());
    remember(instance, outcome);
    outcomes.push_back(outcome);
  }
  return outcomes;
}

bool compare(std::uint64_t seed) {
  Source source{seed};
  const auto bytes = generate_module(source, {});
  const HostMemory module_memory{std::size_t{16} << 20};
  Arena arena{module_memory.bytes()};
  const auto module = load(std::as_bytes(std::span{bytes}), arena);
  if (!module) return false;
  const auto expected = run(**module, plans[0], seed, 0);
  bool same = true;
  for (const Plan& plan : plans) {
    if (plan.guarded && seed % 16 != 0) continue;  // emulators take long over so much address space
    const auto outcomes = run(**module, plan, seed, portion(seed));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Outcome& have = outcomes[i];
      const Outcome& want = expected[i];
      if (have == want) continue;
      same = false;
      std::printf("seed %" PRIu64 ", f%zu, %s: %s, fuel %" PRIu64 "; expected %s, fuel %" PRIu64 "%s%s\n", seed, i,
                  plan.name, std::string{describe(have.trap)}.c_str(), have.fuel,
                  std::string{describe(want.trap)}.c_str(), want.fuel, have.results == want.results ? "" : ", results",
                  have.state == want.state ? "" : ", state");
      break;
    }
  }
  if (same || std::getenv("RVM_WASM_BISECT") == nullptr) return same;
  // Where compiled code first does something else: the fuel after which the interpreter cannot mend it any more.
  std::uint64_t good = 0;
  std::uint64_t bad = plenty - expected[0].fuel;
  while (bad - good > 1) {
    const std::uint64_t middle = good + (bad - good) / 2;
    (run(**module, plans[4], seed, middle) == expected ? good : bad) = middle;
  }
  std::printf("seed %" PRIu64 ": wrong after %" PRIu64 " units\n", seed, bad);
  return same;
}

}  // namespace

}  // namespace rvm::wasm::test

int main(int argc, char** argv) {
#ifndef __aarch64__
  static_cast<void>(argc), static_cast<void>(argv);
  return 77;
#else
  if (argc != 3) return 2;
  const std::uint64_t first = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  std::uint64_t different = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) different += rvm::wasm::test::compare(seed) ? 0 : 1;
  std::printf("%" PRIu64 " modules: %" PRIu64 " different\n", count, different);
  return different == 0 && count > 0 ? 0 : 1;
#endif
}
