// SPDX-License-Identifier: MIT OR Apache-2.0
#include "agent_interface.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using namespace rvm::wasm;

namespace {

class FakeSystem final : public ActorSystem {
 public:
  void print(std::string_view /*line*/) override {}
  std::uint64_t now() override { return 0; }
  std::uint64_t cpu_time() override { return 0; }
  void sleep_until(std::uint64_t /*time*/) override {}
  void yield() override {}
  std::uint32_t find(std::string_view /*name*/) override { return 0; }
  std::expected<Received, rvm_error> receive(std::uint32_t /*edge*/, std::span<std::byte> /*buffer*/,
                                             bool /*wait*/) override {
    return std::unexpected{RVM_ERROR_PEER_GONE};
  }
  rvm_error send(std::uint32_t /*edge*/, std::span<const std::byte> /*message*/) override { return RVM_ERROR_OK; }
  rvm_error commit(std::span<const rvm_turn_message> /*messages*/, std::uint64_t /*digest*/,
                   std::uint64_t /*root*/) override {
    return RVM_ERROR_OK;
  }
  void abort(std::uint32_t /*reason*/, std::uint64_t /*digest*/, std::uint64_t /*root*/) override {}
  std::expected<std::uint32_t, rvm_error> spawn(std::uint32_t /*partition*/, std::uint32_t /*image*/,
                                                std::uint32_t /*priority*/, std::uint64_t /*argument*/) override {
    return 1;
  }
  std::expected<Fork, rvm_error> fork(std::uint32_t partition, std::uint32_t original,
                                      std::uint32_t /*priority*/) override {
    if (original == 0) return std::unexpected{RVM_ERROR_BAD_CAPABILITY};
    ++made;
    return Fork{made, 100 + made, 200 + partition};
  }
  void start(const Fork& fork) override { started.push_back(fork.agent); }
  void drop(const Fork& fork) override { dropped.push_back(fork.agent); }
  void rest() override {}
  std::uint32_t id() override { return 1; }
  std::uint32_t inbound_edges() override { return 0; }

  std::uint32_t made = 0;
  std::vector<std::uint32_t> started, dropped;
};

struct Caller {
  std::array<std::byte, memory_page_bytes> bytes{};
  Memory memory{.base = bytes.data(), .bytes = bytes.size(), .room = 1, .pages = {1, 1, true}};
  FakeSystem system;
  AgentInterface interface{system};

  std::int32_t fork(std::uint32_t original, std::uint32_t pointer) {
    std::array<std::uint64_t, 4> slots{7, original, 0, pointer};
    const auto import = AgentInterface::find_import("fork");
    REQUIRE(import.has_value());
    REQUIRE(interface.call(import->number, {&memory, slots}) == Trap::none);
    return static_cast<std::int32_t>(slots[0]);
  }
};

}  // namespace

TEST_CASE("forks of a turn begin when it commits, and never were when it does not") {
  Caller c;
  c.interface.begin_turn(1);
  CHECK(c.fork(3, 16) == 101);
  std::uint32_t answers = 0;
  std::memcpy(&answers, c.bytes.data() + 16, sizeof answers);
  CHECK(answers == 207);
  CHECK(c.fork(3, 16) == 102);
  CHECK(c.system.started.empty());
  c.interface.finish_turn();
  CHECK(c.system.started == std::vector<std::uint32_t>{1, 2});
  c.interface.begin_turn(2);
  CHECK(c.fork(3, 16) == 103);
  c.interface.abandon_turn();
  CHECK(c.system.dropped == std::vector<std::uint32_t>{3});
  c.interface.finish_turn();
  CHECK(c.system.started.size() == 2);
}

TEST_CASE("a fork that cannot be is refused, and a turn has few") {
  Caller c;
  CHECK(c.fork(0, 16) == -RVM_ERROR_BAD_CAPABILITY);
  CHECK(c.fork(3, memory_page_bytes - 3) == -RVM_ERROR_BAD_ADDRESS);
  CHECK(c.system.made == 0);
  CHECK(c.fork(3, memory_page_bytes - 4) == 101);  // of a command: at once
  CHECK(c.system.started.size() == 1);
  c.interface.begin_turn(1);
  for (int i = 0; i < 8; ++i) CHECK(c.fork(3, 0) > 0);
  CHECK(c.fork(3, 0) == -RVM_ERROR_RESOURCE_LIMIT);
}
