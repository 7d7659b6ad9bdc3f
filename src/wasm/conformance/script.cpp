// SPDX-License-Identifier: MIT OR Apache-2.0
#include "script.hpp"

#include <algorithm>

namespace rvm::wasm::conformance {

namespace {

constexpr std::uint64_t fuel = std::uint64_t{1} << 40;

/// The functions of the module "spectest" print; nothing here looks at what they print.
Trap print_nothing(void* /*user*/, std::uint32_t /*function*/, Instance* /*caller*/,
                   std::span<std::uint64_t> /*slots*/) {
  return Trap::none;
}

bool matches_lane(Match how, unsigned width, std::uint64_t expected, std::uint64_t bits) {
  const std::uint64_t quiet = width == 32 ? 0x7fc00000 : 0x7ff8000000000000;
  const std::uint64_t sign = width == 32 ? 0x80000000 : 0x8000000000000000;
  switch (how) {
    case Match::bits:
      return bits == expected;
    case Match::canonical_nan:
      return (bits & ~sign) == quiet;
    case Match::arithmetic_nan:
      return (bits & quiet) == quiet;
    case Match::any_reference:
      return bits != 0;
  }
  return false;
}

}  // namespace

void Script::Names::set(std::string_view name, Instance* instance) {
  const auto found =
      std::ranges::find(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count), name, &Named::name);
  if (found != entries.begin() + static_cast<std::ptrdiff_t>(count)) {
    found->instance = instance;
  } else if (count < entries.size()) {
    entries[count++] = {name, instance};
  }
}
Instance* Script::Names::find(std::string_view name) const {
  for (const Named& n : std::span{entries}.first(count)) {
    if (n.name == name) return n.instance;
  }
  return nullptr;
}

Script::World::World(const Workspace& workspace, const Limits& limits)
    : arena(workspace.store),
      store(arena, limits,
            {.call = &print_nothing,
             .user = workspace.host.user,
             .resize = workspace.host.resize,
             .view = workspace.host.view}),
      execution(store, workspace.stack) {}

Script::~Script() { clear(); }

/// Makes what was used zero again, but for the rooms of memories, where nothing was written beyond their size.
void Script::clear() {
  if (!world_) return;
  std::span<std::byte> used = workspace_.store.first(world_->arena.used());
  std::byte* from = used.data();
  for (const Memory* described : std::span{memories_}.first(memory_count_)) {
    if (described->place < from) continue;  // none, or seen before
    const Memory memory = *described;       // which lies in what is cleared
    std::fill(from, memory.place + memory.bytes, std::byte{0});
    if (memory.guarded) (void)workspace_.host.resize(workspace_.host.user, memory.base, memory.bytes, 0);
    from = memory.place + std::size_t{memory.room} * memory_page_bytes;
  }
  std::fill(from, used.data() + used.size(), std::byte{0});
  memory_count_ = 0;
}

/// Memories come in ascending order. Those that do not fit are cleared as whole rooms.
void Script::remember(Memory* memory) {
  if (memory != nullptr && memory_count_ < memories_.size()) memories_[memory_count_++] = memory;
}

/// Forgets all instances.
Script::World& Script::start_over() {
  clear();
  World& fresh = world_.emplace(workspace_, limits_);
  module_bytes_ = 0;
  listener_.begins();
  spectest_count_ = 0;
  last_ = nullptr;
  make_spectest();
  return fresh;
}

void Script::make_spectest() {
  using enum ValueType;
  static constexpr std::array all{i32, i64, f32, f64};
  static constexpr std::array mixed{i32, f32};
  static constexpr std::array doubles{f64, f64};
  Store& store = world().store;
  const auto add = [&](std::string_view name, const Extern& item) { spectest_[spectest_count_++] = {name, item}; };
  const auto print = [&](std::string_view name, std::span<const ValueType> parameters) {
    const FunctionType type{parameters, {}, static_cast<std::uint32_t>(parameters.size()), 0};
    add(name, {.kind = ExternKind::function, .function = store.host_function(type, 0).value()});
  };
  print("print", {});
  print("print_i32", {&all[0], 1});
  print("print_i64", {&all[1], 1});
  print("print_f32", {&all[2], 1});
  print("print_f64", {&all[3], 1});
  print("print_i32_f32", mixed);
  print("print_f64_f64", doubles);
  const auto global = [&](std::string_view name, ValueType type, std::uint64_t bits) {
    add(name, {.kind = ExternKind::global, .global = store.global({type, false}, {{bits, 0}}).value()});
  };
  global("global_i32", i32, 666);
  global("global_i64", i64, 666);
  global("global_f32", f32, 0x4426a666);          // 666.6
  global("global_f64", f64, 0x4084d4cccccccccd);  // 666.6
  add("table", {.kind = ExternKind::table, .table = store.table({funcref, {10, 20, true}}).value()});
  add("memory", {.kind = ExternKind::memory, .memory = store.memory({{1, 2, true}}).value()});
  remember(spectest_[spectest_count_ - 1].item.memory);
}

Count Script::run(std::span<const std::byte> commands) {
  Reader in{commands};
  limits_.memory_pages = in.number<std::uint32_t>();
  limits_.guarded = workspace_.guarded;
  start_over();
  while (!in.empty() && !in.broken()) step(in);
  if (in.broken()) passed(false, "the script is cut short");
  return count_;
}

void Script::passed(bool holds, std::string_view what, std::string_view expected) {
  ++(holds ? count_.passed : count_.failed);
  if (!holds) listener_.failed(line_, what, expected);
}

std::expected<const Module*, LoadError> Script::load(std::span<const std::byte> bytes) {
  Arena arena{workspace_.modules.subspan(module_bytes_)};
  const auto module = wasm::load(bytes, arena, limits_);
  if (module) module_bytes_ += (arena.used() + 15) / 16 * 16;  // a module that was refused leaves nothing
  return module;
}

std::optional<Extern> Script::imported(const Import& import, std::string_view& error) {
  error = "unknown import";
  if (import.module == "spectest") {
    for (const Spectest& s : std::span{spectest_}.first(spectest_count_)) {
      if (s.name == import.name) return s.item;
    }
    return std::nullopt;
  }
  Instance* const provider = registered_.find(import.module);
  if (provider == nullptr) return std::nullopt;
  const auto found = world().store.find(*provider, import.name);
  if (found) return *found;
  error = describe(found.error());
  return std::nullopt;
}

/// The reason why a module cannot be had, or "" and the instance.
std::string_view Script::instantiate(std::span<const std::byte> bytes, Instance*& instance) {
  const auto module = load(bytes);
  if (!module) return describe(module.error().reason).text;
  std::array<Extern, 64> imports{};
  if ((*module)->imports.size() > imports.size()) return "more imports than this program takes";
  std::size_t count = 0;
  for (const Import& import : (*module)->imports) {
    std::string_view error;
    const auto found = imported(import, error);
    if (!found) return error;
    imports[count++] = *found;
  }
  Store& store = world().store;
  const auto made = store.instantiate(**module, std::span{imports}.first(count));
  if (!made) return describe(made.error());
  instance = *made;
  remember(instance->memory);
  listener_.instantiated(store, *instance);
  Trap trap = store.initialize(*instance);
  if (trap == Trap::none && (*module)->start != UINT32_MAX) {
    world().execution.set_fuel(fuel);
    trap = world().execution.call(*instance->functions[(*module)->start], {});
  }
  return trap == Trap::none ? "" : describe(trap);
}

/// The trap's text or "", and the results.
std::string_view Script::act(Reader& in, std::span<const std::uint64_t>& results) {
  const bool get = in.number<std::uint8_t>() != 0;
  const std::string_view module = in.text();
  const std::string_view field = in.text();
  std::array<std::uint64_t, 64> arguments{};
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && !in.broken(); ++i) {
    const auto slot = in.number<std::uint64_t>();
    if (i < arguments.size()) arguments[i] = slot;
  }
  if (count > arguments.size()) return "more arguments than this program takes";
  Instance* const instance = module.empty() ? last_ : named_.find(module);
  if (instance == nullptr) return "no such module";
  const auto found = world().store.find(*instance, field);
  if (!found) return "no such export";
  if (get) {
    if (found->kind != ExternKind::global) return "not a global";
    std::ranges::copy(found->global->value.bits, global_.begin());
    results = std::span{global_}.first(slots(found->global->type.value));
    return "";
  }
  if (found->kind != ExternKind::function) return "not a function";
  world().execution.set_fuel(fuel);
  const Trap trap = world().execution.call(*found->function, std::span{arguments}.first(count));
  if (trap != Trap::none) return describe(trap);
  results = world().execution.results();
  return "";
}

bool Script::matches(Reader& in, std::span<const std::uint64_t> results) {
  bool same = true;
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t value = 0; value < count && !in.broken(); ++value) {
    const auto width_in_slots = in.number<std::uint8_t>();
    const auto width = in.number<std::uint8_t>();
    const bool there = results.size() >= width_in_slots;
    const unsigned lanes = width == 0 ? 0 : (width_in_slots == 1 ? 1 : 128U / width);
    for (unsigned lane = 0; lane < lanes; ++lane) {
      const auto how = in.number<Match>();
      const auto expected = in.number<std::uint64_t>();
      const unsigned at = lane * width;
      const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
      // A scalar's slot counts as a whole: the upper half of a 32-bit value's is zero.
      const std::uint64_t bits = !there ? 0 : width_in_slots == 1 ? results[0] : results[at / 64] >> at % 64 & mask;
      same = same && there && matches_lane(how, width, expected, bits);
    }
    results = results.subspan(there ? width_in_slots : results.size());
  }
  return same && results.empty();
}

void Script::refused(Reader& in, ErrorClass expected) {
  const std::string_view text = in.text();
  const auto module = load(in.bytes());
  if (module) return passed(false, "accepted", text);
  const ModuleErrorDescription& why = describe(module.error().reason);
  passed(why.kind == expected, why.text, text);
}

void Script::step(Reader& in) {
  const auto command = in.number<Command>();
  line_ = in.number<std::uint32_t>();
  std::span<const std::uint64_t> results;
  switch (command) {
    case Command::module: {
      const std::string_view name = in.text();
      // Nothing can reach those before, if none has a name.
      if (named_.count == 0 && registered_.count == 0) start_over();
      Instance* instance = nullptr;
      const std::string_view error = instantiate(in.bytes(), instance);
      passed(error.empty(), error, "a module");
      last_ = instance;
      if (!name.empty()) named_.set(name, instance);
      return;
    }
    case Command::register_as: {
      const std::string_view name = in.text();
      registered_.set(in.text(), name.empty() ? last_ : named_.find(name));
      return;
    }
    case Command::action: {
      const std::string_view error = act(in, results);
      return passed(error.empty(), error, "an action");
    }
    case Command::assert_return: {
      const std::string_view error = act(in, results);
      const bool same = matches(in, results);
      return passed(error.empty() && same, error.empty() ? "another result" : error, "a result");
    }
    case Command::assert_trap: {
      const std::string_view error = act(in, results);
      const std::string_view text = in.text();
      // The suite's text may go on with detail ("uninitialized element 2").
      return passed(!error.empty() && text.starts_with(error), error, text);
    }
    case Command::assert_invalid:
      return refused(in, ErrorClass::invalid);
    case Command::assert_malformed:
      return refused(in, ErrorClass::malformed);
    case Command::assert_unlinkable: {
      const std::string_view text = in.text();
      Instance* instance = nullptr;
      const std::string_view error = instantiate(in.bytes(), instance);
      return passed(!error.empty() && text.starts_with(error), error, text);
    }
    case Command::text_refused:
      return passed(true, {});
  }
  ++count_.skipped;
}

}  // namespace rvm::wasm::conformance
