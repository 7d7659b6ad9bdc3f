// SPDX-License-Identifier: MIT OR Apache-2.0
//
// wasm_scripts SCRIPT...: runs scripts of the official test suite that `wasm_spec_test --pack` made, where there are no tools
// to make them. The environment variable RVM_WASM_TIER chooses the tier, see ../test/compiled_tier.hpp.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "../test/compiled_tier.hpp"
#include "../test/host_memory.hpp"
#include "script.hpp"

namespace {

using namespace rvm::wasm;

class Printer final : public conformance::Listener {
 public:
  explicit Printer(std::string name) : name_(std::move(name)) {}
  void failed(std::uint32_t line, std::string_view what, std::string_view expected) override {
    std::printf("%s:%u: '%.*s'; expected %.*s\n", name_.c_str(), line, static_cast<int>(what.size()), what.data(),
                static_cast<int>(expected.size()), expected.data());
  }
  void instantiated(Store& store, Instance& instance) override { tier_.attach_to(store, instance); }

 private:
  std::string name_;
  test::CompiledTier tier_;
};

}  // namespace

int main(int argc, char** argv) {
  const test::HostMemory modules{std::size_t{64} << 20};
  const test::HostMemory store{std::size_t{1} << 30};
  const test::HostMemory stack{std::size_t{4} << 20};
  const conformance::Workspace workspace{modules.bytes(), store.bytes(), stack.as<std::uint64_t>()};
  conformance::Count total;
  for (int i = 1; i < argc; ++i) {
    std::ifstream in{argv[i], std::ios::binary};
    const std::string script{std::istreambuf_iterator<char>{in}, {}};
    Printer printer{argv[i]};
    const conformance::Count count =
        conformance::Script{workspace, printer}.run(std::as_bytes(std::span{script.data(), script.size()}));
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  std::printf("%d files: passed %u, failed %u, skipped %u\n", argc - 1, total.passed, total.failed, total.skipped);
  return total.failed + total.skipped == 0 && total.passed > 0 ? 0 : 1;
}
