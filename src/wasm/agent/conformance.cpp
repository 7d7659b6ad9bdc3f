// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs the official test suite in a partition: every file that the package gives the agent is a packed script.
#include <rvm/agent.hpp>

#include "bundle.hpp"
#include "script.hpp"

namespace {

namespace agent = rvm::agent;
using namespace rvm::wasm;

class Printer final : public conformance::Listener {
 public:
  explicit Printer(std::string_view name) : name_(name) {}
  void failed(std::uint32_t line, std::string_view what, std::string_view expected) override {
    agent::say(name_, ":", line, ": '", what, "'; expected ", expected);
  }

 private:
  std::string_view name_;
};

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const auto bundle = Bundle::parse(agent::package_data());
  if (!bundle) {
    agent::say("no scripts: of the bundle, ", bundle.error());
    return 1;
  }
  const std::span<std::byte> heap = agent::heap_bytes();
  constexpr std::size_t module_bytes = std::size_t{16} << 20;
  constexpr std::size_t stack_bytes = std::size_t{4} << 20;
  if (heap.size() < 2 * (module_bytes + stack_bytes)) {
    agent::say("the heap is too small");
    return 1;
  }
  auto* const stack = reinterpret_cast<std::uint64_t*>(heap.data() + module_bytes);  // page-aligned, nobody else's
  const conformance::Workspace workspace{
      heap.first(module_bytes), heap.subspan(module_bytes + stack_bytes), {stack, stack_bytes / sizeof(std::uint64_t)}};
  conformance::Count total;
  for (std::uint32_t file = 0; file < bundle->file_count(); ++file) {
    Printer printer{bundle->path(file)};
    const conformance::Count count = conformance::Script{workspace, printer}.run(bundle->contents(file));
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  agent::say(bundle->file_count(), " files: passed ", total.passed, ", failed ", total.failed, ", skipped ",
             total.skipped);
  return total.failed + total.skipped == 0 && total.passed > 0 ? 0 : 1;
}
