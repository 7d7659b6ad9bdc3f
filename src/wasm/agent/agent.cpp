// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The agent that runs WebAssembly. Its image ends with the bundle that the package put behind it.
#include <cstring>
#include <rvm/agent.hpp>

#include "code_pages.hpp"
#include "runtime.hpp"
#include "rvm/crypto/sha256.hpp"

namespace {

namespace agent = rvm::agent;

/// How long a turn waits for room in a queue before it is aborted.
constexpr agent::Nanoseconds patience = agent::milliseconds(10'000);

class Partition final : public rvm::wasm::ActorSystem {
 public:
  /// Learns by which ids messages will name the edges of the directory.
  Partition() {
    for (const rvm_directory_entry& entry : agent::directory()) {
      if (entry.type != RVM_OBJECT_EDGE) continue;
      const auto edge = agent::inspect(agent::Edge{entry.handle});
      if (edge && (edge->rights & RVM_RIGHT_READ) != 0) inbound_[count_++] = {entry.handle, edge->object};
    }
  }
  void print(std::string_view line) override { agent::say(line); }
  std::uint64_t now() override { return agent::now().count; }
  std::uint64_t cpu_time() override { return agent::cpu_time().count; }
  void sleep_until(std::uint64_t time) override { agent::sleep_until({time}); }
  void yield() override { agent::yield(); }
  std::uint32_t id() override { return agent::info().agent_id; }
  std::uint32_t inbound_edges() override { return count_; }

  std::uint32_t find(std::string_view name) override {
    for (const rvm_directory_entry& entry : agent::directory()) {
      if (name == entry.name) return entry.handle;
    }
    return 0;
  }
  std::expected<Received, rvm_error> receive(std::uint32_t edge, std::span<std::byte> buffer, bool wait) override {
    rvm_received r{};
    const rvm_error e = rvm_receive(edge, buffer.data(), buffer.size(), wait ? RVM_FOREVER : 0, &r);
    if (e != RVM_ERROR_OK) return std::unexpected{e};
    if (r.kind != RVM_MESSAGE_BYTES && buffer.size() >= sizeof(rvm_capability_message)) {
      // A module has no use for a capability, and the partition's table has room for few.
      rvm_capability_message message{};
      std::memcpy(&message, buffer.data(), sizeof message);
      (void)rvm_cap_drop(message.handle);
    }
    Received received{.length = static_cast<std::uint32_t>(r.length), .kind = static_cast<std::uint32_t>(r.kind)};
    for (const Inbound& known : std::span{inbound_}.first(count_)) {
      if (known.id == r.edge) received.edge = known.handle;
    }
    return received;
  }
  rvm_error send(std::uint32_t edge, std::span<const std::byte> message) override {
    return rvm_send(edge, message.data(), message.size(), RVM_FOREVER);
  }
  rvm_error commit(std::span<const rvm_turn_message> messages, std::uint64_t message_digest,
                   std::uint64_t state_root) override {
    const agent::Nanoseconds deadline = agent::now() + patience;
    for (;;) {
      const rvm_error e =
          rvm_turn_commit(messages.data(), messages.size(), deadline.count, message_digest, state_root, nullptr);
      if (e != RVM_ERROR_WITNESS_LOG_FULL) return e;
      agent::sleep_for(agent::milliseconds(1));
    }
  }
  void abort(std::uint32_t reason, std::uint64_t message_digest, std::uint64_t state_root) override {
    while (rvm_turn_abort(reason, message_digest, state_root) == RVM_ERROR_WITNESS_LOG_FULL) {
      agent::sleep_for(agent::milliseconds(1));
    }
  }
  std::expected<std::uint32_t, rvm_error> spawn(std::uint32_t partition, std::uint32_t image, std::uint32_t priority,
                                                std::uint64_t argument) override {
    rvm_handle made = 0;
    const rvm_error e = rvm_agent_spawn(partition, image, priority, argument, &made, nullptr);
    if (e != RVM_ERROR_OK) return std::unexpected{e};
    return made;
  }

  std::span<std::byte> code_memory(std::size_t bytes) override { return code_.create(bytes); }
  const std::byte* seal_code() override { return code_.seal(); }

 private:
  struct Inbound {
    rvm_handle handle = 0;
    std::uint64_t id = 0;
  };
  std::array<Inbound, RVM_DIRECTORY_ENTRIES> inbound_{};
  std::uint32_t count_ = 0;
  rvm::wasm::CodePages code_;
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
