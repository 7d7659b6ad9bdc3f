// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The agent that runs WebAssembly. Its image ends with the bundle that the package put behind it.
#include <cstring>
#include <rvm/agent.hpp>

#include "runtime.hpp"
#include "rvm/crypto/sha256.hpp"
#include "window_space.hpp"

namespace {

namespace agent = rvm::agent;

/// Messages that may wait between a fork and who made it.
constexpr std::uint64_t edge_queue = 16;
/// How long a turn waits for room in a queue before it is aborted.
constexpr agent::Nanoseconds patience = agent::milliseconds(10'000);

/// How long a fork waits for the original to be ready.
constexpr agent::Nanoseconds readiness = agent::milliseconds(5'000);

class Partition final : public rvm::wasm::ActorSystem {
 public:
  Partition() { learn_edges(); }
  /// Learns by which ids messages will name the edges of the directory.
  void learn_edges() {
    std::uint32_t count = 0;
    for (const rvm_directory_entry& entry : agent::directory()) {
      if (entry.type != RVM_OBJECT_EDGE) continue;
      const auto edge = agent::inspect(agent::Edge{entry.handle});
      if (edge && (edge->rights & RVM_RIGHT_READ) != 0) inbound_[count++] = {entry.handle, edge->object};
    }
    if (count_ != count) count_ = count;  // a fork of one that has none keeps sharing this page
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
      // A module has no use for a capability, and the agent's table has room for few.
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
  std::uint64_t kernel_address(const std::byte* pointer) override { return rvm_guest_address(pointer); }
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

  std::expected<Fork, rvm_error> fork(std::uint32_t partition, std::uint32_t original,
                                      std::uint32_t priority) override {
    Fork made;
    const agent::Nanoseconds deadline = agent::now() + readiness;
    for (;;) {
      const rvm_error e = rvm_agent_fork(partition, original, priority, 0, &made.agent, nullptr);
      if (e == RVM_ERROR_OK) break;
      if (e != RVM_ERROR_BAD_STATE || agent::now() > deadline) return std::unexpected{e};
      agent::sleep_for(agent::milliseconds(1));  // it does not wait yet
    }
    const auto self = agent::find<agent::AgentRef>(RVM_DIRECTORY_SELF);
    rvm_new_edge down{};
    rvm_new_edge up{};
    rvm_error e = rvm_edge_create(self.raw, made.agent, edge_queue, 0, &down);
    if (e == RVM_ERROR_OK) e = rvm_edge_create(made.agent, self.raw, edge_queue, 0, &up);
    if (e != RVM_ERROR_OK) {
      drop(made);
      return std::unexpected{e};
    }
    made.edge = down.sender;
    made.answers = up.sender;
    return made;
  }
  void start(const Fork& fork) override { (void)rvm_agent_resume(fork.agent); }
  void drop(const Fork& fork) override { (void)rvm_agent_terminate(fork.agent); }
  void rest() override {
    for (;;) (void)rvm_wait(UINT64_MAX, RVM_FOREVER, nullptr);
  }

  bool can_seal() override { return true; }
  bool seal(std::span<std::byte> pages) override {
    constexpr std::size_t most = std::size_t{512} * RVM_PAGE_SIZE;  // at once
    const auto self = agent::find<agent::AgentRef>(RVM_DIRECTORY_SELF);
    for (std::size_t at = 0; at < pages.size(); at += most) {
      const std::span<std::byte> now = pages.subspan(at, std::min(most, pages.size() - at));
      if (rvm_memory_seal(self.raw, rvm_guest_address(now.data()), now.size() / RVM_PAGE_SIZE) != RVM_ERROR_OK)
        return false;
    }
    return true;
  }
  rvm::wasm::AddressSpace* address_space() override { return &space_; }

 private:
  struct Inbound {
    rvm_handle handle = 0;
    std::uint64_t id = 0;
  };
  std::array<Inbound, RVM_DIRECTORY_ENTRIES> inbound_{};
  std::uint32_t count_ = 0;
  rvm::wasm::WindowSpace space_;
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

/// All that the agent has, at the begin of its heap, where a fork finds it: the address is the same in every slot.
struct Everything {
  explicit Everything(const rvm::wasm::Bundle& given, std::span<std::byte> memory)
      : bundle(given), runtime(partition, bundle, {agent::own_name(), arguments(), agent::info().boot_ns}, memory) {}
  rvm::wasm::Bundle bundle;
  Partition partition;
  rvm::wasm::Runtime runtime;
};

Everything* everything() { return reinterpret_cast<Everything*>(agent::heap_bytes().data()); }

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  rvm::crypto::select_implementation();
  const auto bundle = rvm::wasm::Bundle::parse(agent::package_data());
  if (!bundle) {
    agent::say("wasm: no module to run: of the bundle, ", bundle.error(), "; name a .wasm file in the manifest");
    return rvm::wasm::exit_refused;
  }
  constexpr std::size_t taken = rvm::wasm::runtime_bytes;
  static_assert(sizeof(Everything) <= taken);
  const std::span<std::byte> heap = agent::heap_bytes();
  if (heap.size() < taken) {
    agent::say("wasm: the heap is too small: give the agent more (heap)");
    return rvm::wasm::exit_refused;
  }
  return (new (everything()) Everything{*bundle, heap.subspan(taken)})->runtime.run();
}

extern "C" int agent_forked(const rvm_agent_info*) {
  everything()->partition.learn_edges();
  return everything()->runtime.go_on();
}
