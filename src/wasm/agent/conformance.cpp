// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs the official test suite in a partition: every file that the package gives the agent is a packed script.
//   args: "compiled" (else all is interpreted)
#include <rvm/agent.hpp>

#include "bundle.hpp"
#include "code_pages.hpp"
#include "rvm/wasm/compiler.hpp"
#include "script.hpp"
#include "window_space.hpp"

namespace {

namespace agent = rvm::agent;
using namespace rvm::wasm;

/// Compiles every instance. The code of all that live beside each other lies one behind the other; each time it is written to,
/// none of it can be executed.
class Compiler {
 public:
  [[nodiscard]] bool start(std::span<std::byte> tables) {
    code_ = pages_.create(code_bytes);
    tables_ = tables;
    start_over();
    return code_.size() == code_bytes && pages_.seal() != nullptr;
  }
  void start_over() { taken_ = used_ = count_ = 0; }
  [[nodiscard]] bool attach_to(Store& store, Instance& instance) {
    if (count_ == compiled_.size() || !pages_.open()) return false;
    Arena arena{tables_.subspan(used_)};
    const auto made = compile(*instance.module, code_.subspan(taken_), arena, {.guarded = true});
    const std::byte* const code = pages_.seal();
    if (!made || code == nullptr) return false;
    if (!rvm::window::expect_faults({code + taken_, made->bytes}, made->guard_target)) return false;
    compiled_[count_] = *made;
    make_code_visible({code + taken_, made->bytes});
    if (!attach(store, instance, compiled_[count_++], code + taken_)) return false;
    taken_ += (made->bytes + 63) / 64 * 64;
    used_ += (arena.used() + 63) / 64 * 64;
    functions_ += made->function_count;
    return true;
  }
  [[nodiscard]] std::uint64_t functions() const { return functions_; }

 private:
  static constexpr std::size_t code_bytes = std::size_t{1} << 20;
  CodePages pages_;
  std::span<std::byte> code_;
  std::span<std::byte> tables_;
  std::array<Compiled, 256> compiled_{};
  std::size_t count_ = 0;
  std::size_t taken_ = 0;
  std::size_t used_ = 0;
  std::uint64_t functions_ = 0;
};

class Printer final : public conformance::Listener {
 public:
  Printer(std::string_view name, Compiler* compiler, WindowSpace& space)
      : name_(name), compiler_(compiler), space_(space) {}
  void failed(std::uint32_t line, std::string_view what, std::string_view expected) override {
    agent::say(name_, ":", line, ": '", what, "'; expected ", expected);
  }
  void begins() override {
    if (compiler_ != nullptr) compiler_->start_over();
    space_.forget_views();
  }
  void instantiated(Store& store, Instance& instance) override {
    if (compiler_ != nullptr && !compiler_->attach_to(store, instance))
      agent::say(name_, ": an instance is not compiled");
  }

 private:
  std::string_view name_;
  Compiler* compiler_;
  WindowSpace& space_;
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
  conformance::Workspace workspace{
      heap.first(module_bytes), heap.subspan(module_bytes + stack_bytes), {stack, stack_bytes / sizeof(std::uint64_t)}};
  static Compiler compiler;
  const bool compiled = agent::argument(0) == "compiled";
  const std::size_t table_bytes = std::size_t{8} << 20;
  if (compiled && !compiler.start(workspace.store.last(table_bytes))) {
    agent::say("there is no memory for code");
    return 1;
  }
  if (compiled) workspace.store = workspace.store.first(workspace.store.size() - table_bytes);
  // Compiled code leaves all checks of addresses to the translation tables.
  static WindowSpace space;
  const std::size_t translation_bytes = std::size_t{4} << 20;
  space.give_tables(workspace.store.last(translation_bytes));
  workspace.store = workspace.store.first(workspace.store.size() - translation_bytes);
  workspace.guarded = compiled;
  workspace.host = {
      .user = &space,
      .resize = [](void* user, std::byte* base, std::uint64_t before,
                   std::uint64_t bytes) { return static_cast<WindowSpace*>(user)->resize(base, before, bytes); },
      .view = [](void* user, std::span<std::byte> place) { return static_cast<WindowSpace*>(user)->view(place); }};
  conformance::Count total;
  for (std::uint32_t file = 0; file < bundle->file_count(); ++file) {
    Printer printer{bundle->path(file), compiled ? &compiler : nullptr, space};
    const conformance::Count count = conformance::Script{workspace, printer}.run(bundle->contents(file));
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  agent::say(bundle->file_count(), " files: passed ", total.passed, ", failed ", total.failed, ", skipped ",
             total.skipped);
  if (compiled) agent::say(compiler.functions(), " functions were compiled");
  return total.failed + total.skipped == 0 && total.passed > 0 ? 0 : 1;
}
