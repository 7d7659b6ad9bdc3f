// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs the official test suite: wasm_spec_test [FILE.wast ...]. Without files, all of the folder that RVM_WASM_TESTSUITE
// names. wast2json (Debian package wabt) turns each into JSON and modules in a scratch folder. Assertions about the text
// format hold when wat2wasm, or else the engine, refuses the module.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host_memory.hpp"
#include "rvm/wasm/execution.hpp"
#include "spec_values.hpp"

namespace rvm::wasm::test {

namespace {

namespace fs = std::filesystem;

struct Count {
  unsigned passed = 0;
  unsigned failed = 0;
  unsigned skipped = 0;
};

std::vector<std::byte> read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

class Script {
 public:
  Script(fs::path folder, std::string name)
      : folder_(std::move(folder)),
        name_(std::move(name)),
        store_arena_(store_memory_.bytes()),
        store_(store_arena_, limits(), {host_call, this}),
        execution_(store_, stack_memory_.as<std::uint64_t>()) {
    make_spectest();
  }

  Count run() {
    std::ifstream in{folder_ / (name_ + ".json")};
    for (const Json& command : Json::parse(in).at("commands")) {
      line_ = command.at("line");
      step(command);
    }
    return count_;
  }

 private:
  static Limits limits() { return {.memory_pages = 4096}; }

  /// The functions of the module "spectest" print; nothing here looks at what they print.
  static Trap host_call(void* /*user*/, std::uint32_t /*function*/, Instance* /*caller*/,
                        std::span<std::uint64_t> /*slots*/) {
    return Trap::none;
  }

  void make_spectest() {
    using enum ValueType;
    static constexpr std::array all{i32, i64, f32, f64};
    static constexpr std::array mixed{i32, f32};
    static constexpr std::array doubles{f64, f64};
    const auto print = [&](const char* name, std::span<const ValueType> parameters) {
      const FunctionType type{parameters, {}, static_cast<std::uint32_t>(parameters.size()), 0};
      spectest_[name] = {.kind = ExternKind::function, .function = store_.host_function(type, 0).value()};
    };
    print("print", {});
    print("print_i32", {&all[0], 1});
    print("print_i64", {&all[1], 1});
    print("print_f32", {&all[2], 1});
    print("print_f64", {&all[3], 1});
    print("print_i32_f32", mixed);
    print("print_f64_f64", doubles);
    const auto global = [&](const char* name, ValueType type, std::uint64_t bits) {
      spectest_[name] = {.kind = ExternKind::global, .global = store_.global({type, false}, {{bits, 0}}).value()};
    };
    global("global_i32", i32, 666);
    global("global_i64", i64, 666);
    global("global_f32", f32, 0x4426a666);          // 666.6
    global("global_f64", f64, 0x4084d4cccccccccd);  // 666.6
    spectest_["table"] = {.kind = ExternKind::table, .table = store_.table({funcref, {10, 20, true}}).value()};
    spectest_["memory"] = {.kind = ExternKind::memory, .memory = store_.memory({{1, 2, true}}).value()};
  }

  void passed(bool holds, const std::string& what) {
    if (holds) {
      ++count_.passed;
      return;
    }
    ++count_.failed;
    std::printf("%s.wast:%u: %s\n", name_.c_str(), line_, what.c_str());
  }

  std::expected<const Module*, LoadError> load_file(const std::string& file) {
    memories_.push_back(std::make_unique<HostMemory>(std::size_t{64} << 20));
    arenas_.push_back(std::make_unique<Arena>(memories_.back()->bytes()));
    return load(read_file(folder_ / file), *arenas_.back(), limits());
  }

  /// The reason why a module cannot be had, or "" and the instance in `instance`.
  std::string instantiate(const Json& command, Instance*& instance) {
    const auto module = load_file(command.at("filename"));
    if (!module) return std::string{"refused: "} + std::string{describe(module.error().reason).text};
    std::vector<Extern> imports;
    for (const Import& import : (*module)->imports) {
      const std::string name{import.name};
      if (import.module == "spectest") {
        if (!spectest_.contains(name)) return "unknown import";
        imports.push_back(spectest_.at(name));
        continue;
      }
      const auto provider = registered_.find(std::string{import.module});
      if (provider == registered_.end()) return "unknown import";
      const auto found = store_.find(*provider->second, import.name);
      if (!found) return std::string{describe(found.error())};
      imports.push_back(*found);
    }
    const auto made = store_.instantiate(**module, imports);
    if (!made) return std::string{describe(made.error())};
    instance = *made;
    Trap trap = store_.initialize(*instance);
    if (trap == Trap::none && (*module)->start != UINT32_MAX) {
      execution_.set_fuel(fuel);
      trap = execution_.call(*instance->functions[(*module)->start], {});
    }
    return trap == Trap::none ? "" : std::string{describe(trap)};
  }

  Instance* instance_of(const Json& action) {
    if (!action.contains("module")) return last_;
    const auto found = named_.find(action.at("module"));
    return found == named_.end() ? nullptr : found->second;
  }

  /// The trap's text or "", and the results.
  std::string act(const Json& action, std::vector<std::uint64_t>& results) {
    Instance* instance = instance_of(action);
    if (instance == nullptr) return "no such module";
    const auto found = store_.find(*instance, std::string{action.at("field")});
    if (!found) return "no such export";
    if (action.at("type") == "get") {
      if (found->kind != ExternKind::global) return "not a global";
      const Value& value = found->global->value;
      results.assign(value.bits, value.bits + slots(found->global->type.value));
      return "";
    }
    if (found->kind != ExternKind::function) return "not a function";
    std::vector<std::uint64_t> arguments;
    for (const Json& argument : action.at("args")) std::ranges::copy(slots_of(argument), std::back_inserter(arguments));
    execution_.set_fuel(fuel);
    const Trap trap = execution_.call(*found->function, arguments);
    if (trap != Trap::none) return std::string{describe(trap)};
    results.assign(execution_.results().begin(), execution_.results().end());
    return "";
  }

  void refused(const Json& command, ErrorClass expected) {
    std::string file = command.at("filename");
    if (command.at("module_type") == "text") {
      const std::string module = (folder_ / "text.wasm").string();
      const std::string tool = "wat2wasm '" + (folder_ / file).string() + "' -o '" + module + "' 2>/dev/null";
      if (std::system(tool.c_str()) != 0) return passed(true, "");
      file = "text.wasm";
    }
    const auto module = load_file(file);
    const std::string text = command.at("text");
    if (module) return passed(false, "accepted; expected " + text);
    const ModuleErrorDescription& why = describe(module.error().reason);
    passed(why.kind == expected, std::string{why.text} + "; expected " + text);
    if (std::getenv("RVM_WASM_TEXTS") != nullptr && !text.starts_with(why.text)) {
      std::printf("%s.wast:%u: text: '%s', suite: '%s'\n", name_.c_str(), line_, std::string{why.text}.c_str(),
                  text.c_str());
    }
  }

  void step(const Json& command) {
    const std::string type = command.at("type");
    std::vector<std::uint64_t> results;
    if (type == "module") {
      Instance* instance = nullptr;
      const std::string error = instantiate(command, instance);
      passed(error.empty(), "module: " + error);
      last_ = instance;
      if (command.contains("name")) named_[command.at("name")] = instance;
    } else if (type == "register") {
      registered_[command.at("as")] = command.contains("name") ? named_[command.at("name")] : last_;
    } else if (type == "action") {
      const std::string error = act(command.at("action"), results);
      passed(error.empty(), "action: " + error);
    } else if (type == "assert_return") {
      const std::string error = act(command.at("action"), results);
      std::span<const std::uint64_t> left{results};
      bool same = error.empty();
      for (const Json& expected : command.at("expected")) same = matches(expected, left) && same;
      passed(same && left.empty(), error.empty() ? "wrong result of " + command.at("action").dump() + ", expected " +
                                                       command.at("expected").dump() + ", got " + Json(results).dump()
                                                 : error);
    } else if (type == "assert_trap" || type == "assert_exhaustion") {
      const std::string error = act(command.at("action"), results);
      const std::string text = command.at("text");
      // The suite's text may go on with detail ("uninitialized element 2").
      passed(!error.empty() && text.starts_with(error), "'" + error + "'; expected trap " + text);
    } else if (type == "assert_invalid") {
      refused(command, ErrorClass::invalid);
    } else if (type == "assert_malformed") {
      refused(command, ErrorClass::malformed);
    } else if (type == "assert_unlinkable" || type == "assert_uninstantiable") {
      Instance* instance = nullptr;
      const std::string error = instantiate(command, instance);
      const std::string text = command.at("text");
      passed(!error.empty() && text.starts_with(error), "'" + error + "'; expected " + text);
    } else {
      ++count_.skipped;
      std::printf("%s.wast:%u: unknown command %s\n", name_.c_str(), line_, type.c_str());
    }
  }

  static constexpr std::uint64_t fuel = std::uint64_t{1} << 40;

  fs::path folder_;
  std::string name_;
  HostMemory store_memory_{std::size_t{1} << 40};
  HostMemory stack_memory_{std::size_t{4} << 20};
  Arena store_arena_;
  Store store_;
  Execution execution_;
  std::vector<std::unique_ptr<HostMemory>> memories_;
  std::vector<std::unique_ptr<Arena>> arenas_;
  std::map<std::string, Extern> spectest_;
  std::map<std::string, Instance*> registered_;
  std::map<std::string, Instance*> named_;
  Instance* last_ = nullptr;
  unsigned line_ = 0;
  Count count_;
};

int run(std::vector<fs::path> files) {
  std::string scratch = (fs::temp_directory_path() / "wasm_spec_XXXXXX").string();
  if (mkdtemp(scratch.data()) == nullptr) return 1;
  Count total;
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const std::string name = file.stem().string();
    const std::string json = scratch + "/" + name + ".json";
    const std::string command = "wast2json '" + file.string() + "' -o '" + json + "'";
    Count count;
    if (std::system(command.c_str()) != 0) {
      std::printf("%s: wast2json failed\n", name.c_str());
      count.failed = 1;
    } else {
      count = Script{scratch, name}.run();
    }
    std::printf("%-42s passed %u, failed %u, skipped %u\n", name.c_str(), count.passed, count.failed, count.skipped);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  fs::remove_all(scratch);
  std::printf("%zu files: passed %u, failed %u, skipped %u\n", files.size(), total.passed, total.failed, total.skipped);
  return total.failed + total.skipped == 0 && total.passed > 0 ? 0 : 1;
}

}  // namespace

}  // namespace rvm::wasm::test

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files{argv + 1, argv + argc};
  if (files.empty()) {
    const char* given = std::getenv("RVM_WASM_TESTSUITE");
    const std::filesystem::path folder = given != nullptr ? given : RVM_WASM_TESTSUITE;
    if (!std::filesystem::is_directory(folder)) {
      std::printf("no test suite at %s: set RVM_WASM_TESTSUITE to a copy of the WebAssembly/testsuite repository\n",
                  folder.c_str());
      return 77;
    }
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
      if (entry.path().extension() == ".wast") files.push_back(entry.path());
    }
  }
  return rvm::wasm::test::run(std::move(files));
}
