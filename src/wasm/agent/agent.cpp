// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The agent that runs WebAssembly. Its image ends with the bundle that the package put behind it.
#include <rvm/agent.hpp>

#include "runtime.hpp"
#include "rvm/crypto/sha256.hpp"

namespace {

namespace agent = rvm::agent;

class Partition final : public rvm::wasm::System {
 public:
  void print(std::string_view line) override { agent::say(line); }
  std::uint64_t now() override { return agent::now().count; }
  std::uint64_t cpu_time() override { return agent::cpu_time().count; }
  void sleep_until(std::uint64_t time) override { agent::sleep_until({time}); }
  void yield() override { agent::yield(); }
};

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

}  // namespace

extern "C" int agent_main(const rvm_agent_info* info) {
  rvm::crypto::select_implementation();
  const auto bundle = rvm::wasm::Bundle::parse(agent::package_data());
  if (!bundle) {
    agent::say("wasm: no module to run: of the bundle, ", bundle.error(), "; name a .wasm file in the manifest");
    return rvm::wasm::exit_refused;
  }
  Partition partition;
  const rvm::wasm::Identity identity{.name = agent::own_name(), .arguments = arguments(), .boot_time = info->boot_ns};
  // Too large for the stack of an agent.
  alignas(rvm::wasm::Runtime) static std::byte place[sizeof(rvm::wasm::Runtime)];
  auto* const runtime = new (place) rvm::wasm::Runtime{partition, *bundle, identity, agent::heap_bytes()};
  return runtime->run();
}
