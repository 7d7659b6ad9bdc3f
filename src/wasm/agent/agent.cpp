// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The agent that runs WebAssembly. Its image ends with the bundle that the package put behind it.
#include <rvm/agent.hpp>

#include "runtime.hpp"
#include "rvm/crypto/sha256.hpp"

namespace {

namespace agent = rvm::agent;

/// The linker puts it at the end of the last segment, page-aligned (sdk/agent.ld).
extern "C" const std::byte rvm_image_end[] __attribute__((visibility("hidden")));

class Partition final : public rvm::wasm::System {
 public:
  void print(std::string_view line) override { agent::say(line); }
  std::uint64_t now() override { return agent::now().count; }
  std::uint64_t cpu_time() override { return agent::cpu_time().count; }
  void sleep_until(std::uint64_t time) override { agent::sleep_until({time}); }
  void yield() override { agent::yield(); }
};

/// The package's own segment of the image; empty if there is none.
std::span<const std::byte> bundle_bytes() {
  const auto start = reinterpret_cast<std::uintptr_t>(rvm_image_end);
  const std::uint64_t end = agent::info().image_base + agent::info().image_size;
  if (end <= start) return {};
  return {rvm_image_end, static_cast<std::size_t>(end - start)};
}

/// The manifest's arguments as texts, each ended by NUL, one after another.
std::string_view arguments() {
  const char* const first = agent::info().arguments;
  std::size_t bytes = 0;
  while (bytes < RVM_ARGUMENT_BYTES && first[bytes] != '\0') {
    while (bytes < RVM_ARGUMENT_BYTES && first[bytes] != '\0') ++bytes;
    ++bytes;
  }
  return {first, bytes};
}

std::span<std::byte> heap() {
  // Mapped, zero and nobody else's: the information page says so.
  return {reinterpret_cast<std::byte*>(agent::info().heap_base), static_cast<std::size_t>(agent::info().heap_size)};
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info* info) {
  rvm::crypto::select_implementation();
  const auto bundle = rvm::wasm::Bundle::parse(bundle_bytes());
  if (!bundle) {
    agent::say("wasm: no module to run: of the bundle, ", bundle.error(), "; name a .wasm file in the manifest");
    return rvm::wasm::exit_refused;
  }
  Partition partition;
  const rvm::wasm::Identity identity{.name = agent::own_name(), .arguments = arguments(), .boot_time = info->boot_ns};
  // Too large for the stack of an agent.
  alignas(rvm::wasm::Runtime) static std::byte place[sizeof(rvm::wasm::Runtime)];
  auto* const runtime = new (place) rvm::wasm::Runtime{partition, *bundle, identity, heap()};
  return runtime->run();
}
