// SPDX-License-Identifier: MIT OR Apache-2.0
//
// wasi_run [--prepare] [--file PATH=SOURCE]... MODULE [ARGUMENT]...
//
// Runs a WASI command on this computer with the engine and the WASI that agents have, in the tier that RVM_WASM_TIER names
// (test/compiled_tier.hpp). Its output is the command's; RVM_WASM_FUEL=1 prints the fuel it took to standard error.
// With --prepare it is loaded and compiled only: what that costs is no part of a program's speed.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "../../../src/wasm/runtime/console.hpp"
#include "../../../src/wasm/runtime/test/bundle_builder.hpp"
#include "../../../src/wasm/runtime/wasi.hpp"
#include "../../../src/wasm/test/compiled_tier.hpp"
#include "../../../src/wasm/test/host_memory.hpp"
#include "rvm/wasm/execution.hpp"

namespace {

using namespace rvm::wasm;

class HostSystem final : public System {
 public:
  void print(std::string_view line) override {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
  }
  std::uint64_t now() override { return clock(CLOCK_MONOTONIC); }
  std::uint64_t cpu_time() override { return clock(CLOCK_PROCESS_CPUTIME_ID); }
  void sleep_until(std::uint64_t) override {}
  void yield() override {}

 private:
  static std::uint64_t clock(clockid_t id) {
    std::timespec t{};
    clock_gettime(id, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
  }
};

std::string contents(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// The tree of a bundle: sorted, every folder before what is in it.
test::BundleBuilder tree(const std::map<std::string, std::string>& sources) {
  std::map<std::string, const std::string*> entries;
  for (const auto& [path, source] : sources) {
    for (std::size_t i = path.find('/'); i != std::string::npos; i = path.find('/', i + 1)) {
      entries.emplace(path.substr(0, i), nullptr);
    }
    entries[path] = &source;
  }
  test::BundleBuilder bundle;
  for (const auto& [path, source] : entries) {
    source == nullptr ? bundle.add_folder(path) : bundle.add(path, contents(*source));
  }
  return bundle;
}

Trap host_call(void* wasi, std::uint32_t function, Instance* caller, std::span<std::uint64_t> slots) {
  return static_cast<Wasi*>(wasi)->call(function, HostCall{caller == nullptr ? nullptr : caller->memory, slots});
}

int fail(std::string_view why) {
  std::fprintf(stderr, "wasi_run: %.*s\n", static_cast<int>(why.size()), why.data());
  return 126;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> sources;
  int next = 1;
  const bool prepare = argc > 1 && std::string_view{argv[1]} == "--prepare";
  if (prepare) ++next;
  for (; next + 1 < argc && std::string_view{argv[next]} == "--file"; next += 2) {
    const std::string pair{argv[next + 1]};
    sources[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
  }
  if (next >= argc) return fail("no module");
  const std::string bytes = contents(argv[next]);
  std::string arguments;
  for (int i = next + 1; i < argc; ++i) arguments += std::string{argv[i]} + '\0';

  const std::vector<std::byte> bundle_bytes = tree(sources).bytes();
  const auto bundle = Bundle::parse(bundle_bytes);
  if (!bundle) return fail("the files do not make a bundle");
  HostSystem system;
  Console console{system};
  Wasi wasi{system, *bundle, {.name = "program", .arguments = arguments, .boot_time = 0}, console};

  const test::HostMemory module_memory{std::size_t{256} << 20};
  test::CompiledTier tier;
  const test::HostMemory store_memory{(std::size_t{512} << 20) + (tier.guarded() ? guarded_bytes : 0)};
  const test::HostMemory stack{std::size_t{1} << 20};
  Arena module_arena{module_memory.bytes()};
  Arena store_arena{store_memory.bytes()};
  const auto module = load(std::as_bytes(std::span{bytes}), module_arena);
  if (!module) return fail(describe(module.error().reason).text);
  Store store{store_arena,
              {.memory_pages = 4096, .guarded = tier.guarded()},
              {.call = host_call, .user = &wasi, .resize = test::resize_guarded}};
  std::vector<Extern> imports;
  for (const Import& import : (*module)->imports) {
    const auto found = Wasi::find(import.name);
    if (import.kind != ExternKind::function || !found) return fail(import.name);
    imports.push_back({.kind = import.kind,
                       .function = store.host_function((*module)->function_type(import.index), found->number).value()});
  }
  const auto instance = store.instantiate(**module, imports);
  if (!instance || store.initialize(**instance) != Trap::none) return fail("not instantiated");
  tier.attach_to(store, **instance);
  Execution execution{store, stack.as<std::uint64_t>()};
  const auto start = store.find(**instance, "_start");
  if (!start || start->kind != ExternKind::function) return fail("no _start");
  if (prepare) return 0;
  const std::uint64_t before = execution.fuel();
  const Trap trap = execution.call(*start->function, {});
  console.flush();
  if (std::getenv("RVM_WASM_FUEL") != nullptr) {
    std::fprintf(stderr, "fuel %llu\n", static_cast<unsigned long long>(before - execution.fuel()));
  }
  if (const auto code = wasi.exit_code(); code && trap == Trap::host) return static_cast<int>(*code);
  if (trap == Trap::none) return 0;
  std::fprintf(stderr, "wasm: trap: %s\n", std::string{describe(trap)}.c_str());
  return 134;
}
