// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Any bytes as a bundle, and if they are one, as a program: the module in it is loaded and run with little fuel.
#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime.hpp"

namespace {

class Silent final : public rvm::wasm::ActorSystem {
 public:
  void print(std::string_view /*line*/) override {}
  std::uint64_t now() override { return ++time_; }
  std::uint64_t cpu_time() override { return time_; }
  void sleep_until(std::uint64_t time) override { time_ = time; }
  void yield() override {}
  std::uint32_t find(std::string_view /*name*/) override { return 1; }
  std::expected<Received, rvm_error> receive(std::uint32_t /*edge*/, std::span<std::byte> buffer, bool) override {
    if (++received_ % 8 == 0) return std::unexpected{RVM_ERROR_PEER_GONE};
    std::ranges::fill(buffer.first(std::min<std::size_t>(buffer.size(), 8)), static_cast<std::byte>(received_));
    return Received{.edge = 1, .length = static_cast<std::uint32_t>(std::min<std::size_t>(buffer.size(), 8))};
  }
  rvm_error send(std::uint32_t /*edge*/, std::span<const std::byte> /*message*/) override { return RVM_ERROR_OK; }
  rvm_error commit(std::span<const rvm_turn_message> messages, std::uint64_t, std::uint64_t) override {
    return messages.size() % 2 == 0 ? RVM_ERROR_OK : RVM_ERROR_PEER_GONE;
  }
  void abort(std::uint32_t, std::uint64_t, std::uint64_t) override {}
  std::expected<std::uint32_t, rvm_error> spawn(std::uint32_t, std::uint32_t, std::uint32_t, std::uint64_t) override {
    return 1;
  }
  std::uint32_t id() override { return 1; }
  std::uint32_t inbound_edges() override { return 0; }

 private:
  std::uint64_t time_ = 0;
  unsigned received_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint64_t> aligned((size + 7) / 8);
  if (size != 0) std::memcpy(aligned.data(), data, size);
  if (size >= sizeof(rvm_wasm_bundle)) {
    // The magic and a bound on fuel are given: what is behind them is of interest.
    auto* const header = reinterpret_cast<rvm_wasm_bundle*>(aligned.data());
    std::memcpy(header->magic, RVM_WASM_BUNDLE_MAGIC, sizeof header->magic);
    header->header_bytes = sizeof *header;
    header->total_bytes = size;
    header->fuel = 1 + header->fuel % 10000;
  }
  const auto bundle = rvm::wasm::Bundle::parse(std::as_bytes(std::span{aligned}).first(size));
  if (!bundle) return 0;
  for (std::uint32_t i = 0; i < bundle->file_count(); ++i) {
    if (bundle->find(bundle->path(i)) != i) __builtin_trap();
    (void)bundle->contents(i);
  }
  static std::vector<std::byte> memory(std::size_t{1} << 20);
  std::ranges::fill(memory, std::byte{0});
  Silent system;
  rvm::wasm::Runtime runtime{system, *bundle, {.name = "fuzz", .arguments = {}}, memory};
  (void)runtime.run();
  return 0;
}
