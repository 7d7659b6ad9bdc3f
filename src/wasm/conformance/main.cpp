// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs the official test suite on this computer, or packs it for a partition:
//   wasm_spec_test [--pack FOLDER] [FILE.wast ...]
// On AArch64 the environment variable RVM_WASM_TIER chooses between interpreter and compiler, see ../test/compiled_tier.hpp.
// Without files, all of the folder that RVM_WASM_TESTSUITE names. Exit status 77: there is no such folder.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../test/compiled_tier.hpp"
#include "../test/host_memory.hpp"
#include "pack.hpp"
#include "script.hpp"

namespace rvm::wasm::conformance {

namespace {

namespace fs = std::filesystem;

class Printer final : public Listener {
 public:
  explicit Printer(std::string name) : name_(std::move(name)) {}
  void failed(std::uint32_t line, std::string_view what, std::string_view expected) override {
    std::printf("%s.wast:%u: '%.*s'; expected %.*s\n", name_.c_str(), line, static_cast<int>(what.size()), what.data(),
                static_cast<int>(expected.size()), expected.data());
  }
  void instantiated(Store& store, Instance& instance) override { tier_.attach_to(store, instance); }

 private:
  std::string name_;
  test::CompiledTier tier_;
};

int run(const std::vector<fs::path>& files, const fs::path& packed) {
  std::string scratch = (fs::temp_directory_path() / "wasm_spec_XXXXXX").string();
  if (mkdtemp(scratch.data()) == nullptr) return 1;
  const test::HostMemory modules{std::size_t{64} << 20};
  const test::HostMemory store{std::size_t{1} << 30};
  const test::HostMemory stack{std::size_t{4} << 20};
  const Workspace workspace{modules.bytes(), store.bytes(), stack.as<std::uint64_t>()};
  Count total;
  for (const fs::path& file : files) {
    const std::string name = file.stem().string();
    const auto commands = pack(file, scratch);
    Count count;
    if (!commands) {
      count.failed = 1;
    } else if (!packed.empty()) {
      std::ofstream{packed / (name + ".script"), std::ios::binary}.write(
          reinterpret_cast<const char*>(commands->data()), static_cast<std::streamsize>(commands->size()));
      continue;
    } else {
      Printer printer{name};
      count = Script{workspace, printer}.run(*commands);
    }
    std::printf("%-42s passed %u, failed %u, skipped %u\n", name.c_str(), count.passed, count.failed, count.skipped);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  fs::remove_all(scratch);
  if (!packed.empty()) return total.failed == 0 ? 0 : 1;
  std::printf("%zu files: passed %u, failed %u, skipped %u\n", files.size(), total.passed, total.failed, total.skipped);
  return total.failed + total.skipped == 0 && total.passed > 0 ? 0 : 1;
}

}  // namespace

}  // namespace rvm::wasm::conformance

int main(int argc, char** argv) try {
  namespace fs = std::filesystem;
  std::vector<std::string> arguments{argv + 1, argv + argc};
  fs::path packed;
  if (arguments.size() >= 2 && arguments[0] == "--pack") {
    packed = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  std::vector<fs::path> files{arguments.begin(), arguments.end()};
  if (files.empty()) {
    const char* given = std::getenv("RVM_WASM_TESTSUITE");
    const fs::path folder = given != nullptr ? given : RVM_WASM_TESTSUITE;
    if (!fs::is_directory(folder)) {
      std::printf("no test suite at %s: set RVM_WASM_TESTSUITE to a copy of the WebAssembly/testsuite repository\n",
                  folder.c_str());
      return 77;
    }
    for (const auto& entry : fs::directory_iterator{folder}) {
      if (entry.path().extension() == ".wast") files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return rvm::wasm::conformance::run(files, packed);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
