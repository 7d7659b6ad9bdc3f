// SPDX-License-Identifier: MIT OR Apache-2.0
//
// wasm_actor_run MODULE NAME HEAP FUEL [compile]: runs the actor on this computer as an agent of that name would in a partition, gives it the
// messages of tests/agents/wasm/feed.h, and prints what each turn would have left in the log:
//   TurnCommit|TurnAbort REASON MESSAGE STATE        digests in hexadecimal
// tests/e2e/wasm_determinism.py compares it with the log.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

#include "../runtime.hpp"
#include "bundle_builder.hpp"
#include "feed.h"

namespace rvm::wasm::test {

namespace {

class Host final : public ActorSystem {
 public:
  explicit Host(bool sealing) : sealing_(sealing) {}
  void print(std::string_view line) override {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  }
  std::uint64_t now() override { return time_ += 1000; }
  std::uint64_t cpu_time() override { return 0; }
  void sleep_until(std::uint64_t /*time*/) override {}
  void yield() override {}
  std::uint32_t find(std::string_view /*name*/) override { return 0; }
  std::expected<Received, rvm_error> receive(std::uint32_t /*edge*/, std::span<std::byte> buffer,
                                             bool /*wait*/) override {
    if (given_ == FEED_MESSAGES) return std::unexpected{RVM_ERROR_PEER_GONE};
    const feed message = feed_message(given_++);
    std::memcpy(buffer.data(), &message, sizeof message);
    return Received{.edge = 1, .length = sizeof message};
  }
  rvm_error send(std::uint32_t /*edge*/, std::span<const std::byte> /*message*/) override {
    return RVM_ERROR_BAD_CAPABILITY;
  }
  rvm_error commit(std::span<const rvm_turn_message> /*messages*/, std::uint64_t message,
                   std::uint64_t state) override {
    std::printf("TurnCommit 0 %016" PRIx64 " %016" PRIx64 "\n", message, state);
    return RVM_ERROR_OK;
  }
  void abort(std::uint32_t reason, std::uint64_t message, std::uint64_t state) override {
    std::printf("TurnAbort %u %016" PRIx64 " %016" PRIx64 "\n", reason, message, state);
  }
  std::expected<std::uint32_t, rvm_error> spawn(std::uint32_t /*partition*/, std::uint32_t /*image*/,
                                                std::uint32_t /*priority*/, std::uint64_t /*argument*/) override {
    return std::unexpected{RVM_ERROR_BAD_CAPABILITY};
  }
  // As in a partition, code is made; on this processor it is not run, but what it takes of the heap must make no difference.
  bool can_seal() override { return sealing_; }
  bool seal(std::span<std::byte> /*pages*/) override { return sealing_; }
  std::uint32_t id() override { return 1; }
  std::uint32_t inbound_edges() override { return 1; }

 private:
  bool sealing_;
  std::uint64_t time_ = 0;
  std::uint32_t given_ = 0;
};

int run(const char* path, std::string_view name, std::size_t heap, std::uint64_t fuel, bool sealing) {
  std::ifstream in{path, std::ios::binary};
  const std::vector<char> module{std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
  const auto bytes = BundleBuilder{}.module(std::as_bytes(std::span{module})).fuel(fuel).bytes();
  const auto bundle = Bundle::parse(bytes);
  if (!bundle) {
    std::fprintf(stderr, "%s: no bundle\n", path);
    return 2;
  }
  // A page boundary, as a heap in a partition has it.
  const std::unique_ptr<std::byte, decltype(&std::free)> memory{static_cast<std::byte*>(std::aligned_alloc(4096, heap)),
                                                                &std::free};
  std::memset(memory.get(), 0, heap);
  Host host{sealing};
  const auto runtime = std::make_unique<Runtime>(host, *bundle, Identity{.name = name, .arguments = {}, .boot_time = 0},
                                                 std::span{memory.get(), heap}.subspan(runtime_bytes));
  return runtime->run();
}

}  // namespace

}  // namespace rvm::wasm::test

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) return 2;
  return rvm::wasm::test::run(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10),
                              std::strtoull(argv[4], nullptr, 10), argc == 6);
}
