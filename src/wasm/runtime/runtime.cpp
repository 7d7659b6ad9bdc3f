// SPDX-License-Identifier: MIT OR Apache-2.0
#include "runtime.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace rvm::wasm {

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t stack_most = std::size_t{1} << 20;
constexpr std::size_t stack_least = std::size_t{64} << 10;
/// What a store takes beside linear memory and what instantiation counts: interned types, a table that grows.
constexpr std::size_t store_slack = std::size_t{64} << 10;

constexpr std::string_view wasi_module = "wasi_snapshot_preview1";
constexpr std::string_view interface_module = "rvm";
constexpr std::uint32_t interface_function = 0x10000;  ///< set in the numbers of host functions of that module

std::size_t rounded_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

/// Decimal digits of a number, for messages.
class Digits {
 public:
  explicit Digits(std::uint64_t value) { end_ = std::to_chars(text_.data(), text_.data() + text_.size(), value).ptr; }
  [[nodiscard]] std::string_view text() const { return {text_.data(), end_}; }

 private:
  std::array<char, 20> text_{};
  const char* end_;
};

/// Pages of linear memory that an arena of `bytes` has room for, beside everything else that the module defines.
std::uint32_t pages_in(std::size_t bytes, const Module& module) {
  std::size_t rest = store_slack + module.functions.size() * (sizeof(Function) + sizeof(void*)) +
                     module.globals.size() * (sizeof(Global) + sizeof(void*)) + module.types.size() * 64 +
                     module.data.size() + module.elements.size();
  for (const TableType& table : module.tables) rest += sizeof(Table) + std::size_t{table.size.minimum} * 8;
  if (rest >= bytes) return 0;
  return static_cast<std::uint32_t>(std::min<std::size_t>((bytes - rest) / memory_page_bytes, memory_pages_max));
}

/// Memory for compiled code: what real modules take, but no more than a good part of the heap; what does not fit is left to the
/// interpreter. Kept free when the module is interpreted, too; pages that are not used are not touched.
std::size_t room_for_code(const Module& module, std::size_t available) {
  const std::size_t usual = module.code.size() * 48 + module.bodies.size() * 256 + (std::size_t{64} << 10);
  return std::min({usual, code_bytes_max(module), available / 3}) / page * page;
}

/// Memory for the tables of compiled code (real modules take 0.8 to 1.2 times their internal code). It is kept free when the module
/// is interpreted, too: how far a memory grows and how deep calls go must not depend on how the module runs.
std::size_t room_for_tables(const Module& module) {
  return rounded_up(module.code.size_bytes() * 3 / 2 + module.bodies.size() * 128, page) + page;
}

}  // namespace

void Runtime::complain(std::initializer_list<std::string_view> parts) {
  console_.flush();
  for (const std::string_view part : parts) (void)console_.write(part);
  console_.flush();
}

const Module* Runtime::load() {
  Arena arena{memory_};
  const auto module = wasm::load(bundle_.module(), arena);
  if (!module) {
    complain({"wasm: the module is refused: ", describe(module.error().reason).text, ", at byte ",
              Digits{module.error().offset}.text()});
    return nullptr;
  }
  const std::size_t code_bytes = room_for_code(**module, arena.available());
  const std::size_t taken = rounded_up(arena.used(), page) + code_bytes + room_for_tables(**module);
  if ((bundle_.header().flags & RVM_WASM_INTERPRETED) == 0) compile(**module, arena, code_bytes, taken);
  std::ranges::fill(memory_.subspan(arena.high_reached()), std::byte{0});
  if (taken > memory_.size() || memory_.size() - taken < 2 * stack_least) {
    complain({"wasm: the heap is too small for the module: give the agent more (heap)"});
    return nullptr;
  }
  memory_ = memory_.subspan(taken);
  return *module;
}

/// Where it does not succeed within the first `most` bytes, the module is interpreted, with the same results.
void Runtime::compile(const Module& module, Arena& arena, std::size_t code_bytes, std::size_t most) {
  if (!system_.can_seal()) return;
  const std::span<std::byte> code = arena.reserve(code_bytes, page);
  AddressSpace* const space = system_.address_space();
  const auto compiled = wasm::compile(module, code, arena, {.guarded = space != nullptr});
  if (compiled && arena.used() <= most &&
      (space == nullptr || space->expect_faults(code.first(compiled->bytes), compiled->guard_target)) &&
      system_.seal(code.first(rounded_up(compiled->bytes, page)))) {
    compiled_ = *compiled;
    code_ = code.data();
  }
  if (arena.used() > most) std::ranges::fill(memory_.subspan(most, arena.used() - most), std::byte{0});
}

Runtime::Parts Runtime::divide(bool actor) const {
  Parts parts;
  std::span<std::byte> rest = memory_;
  const auto take = [&](std::size_t bytes) {
    const std::span<std::byte> part = rest.first(std::min(bytes, rest.size()) / page * page);
    rest = rest.subspan(part.size());
    return part;
  };
  const std::span stack = take(std::clamp(rounded_up(memory_.size() / 16, page), stack_least, stack_most));
  parts.stack = {reinterpret_cast<std::uint64_t*>(stack.data()), stack.size() / sizeof(std::uint64_t)};
  // Whether it has tables of its own or not: how far a memory grows must not depend on where the module runs.
  parts.tables = take(AddressSpace::table_bytes(rest.size()));
  if (!actor) {
    parts.store = rest;
    return parts;
  }
  // For each page of memory two digests, since the tree is rounded up to a power of two perhaps four, and its number.
  parts.tree = take(rest.size() / 2 / page * (4 * crypto::digest_bytes + sizeof(std::uint32_t)) + 2 * page);
  parts.store = take(rest.size() / 2);
  parts.copy = take(parts.store.size());
  return parts;
}

std::optional<Extern> Runtime::imported(const Import& import, const FunctionType& type, Store& store) {
  std::optional<std::uint32_t> number;
  Signature signature;
  if (import.module == wasi_module) {
    if (const auto found = Wasi::find(import.name)) {
      number = found->number;
      signature = found->signature;
    }
  } else if (import.module == interface_module) {
    if (const auto found = AgentInterface::find_import(import.name)) {
      number = found->number | interface_function;
      signature = found->signature;
    }
  }
  if (!number) {
    complain({"wasm: the module imports ", import.module, ".", import.name, ", which there is not"});
    return std::nullopt;
  }
  if (!signature.is(type)) {
    complain({"wasm: the module imports ", import.module, ".", import.name, " with another type than it has"});
    return std::nullopt;
  }
  const auto function = store.host_function(type, *number);
  if (!function) {
    complain({"wasm: ", describe(function.error())});
    return std::nullopt;
  }
  return Extern{.kind = ExternKind::function, .function = *function};
}

std::optional<std::span<const Extern>> Runtime::link(const Module& module, Store& store, Arena& arena) {
  const auto imports = arena.allocate<Extern>(module.imports.size());
  if (imports.size() != module.imports.size()) {
    complain({"wasm: the heap is too small for the module: give the agent more (heap)"});
    return std::nullopt;
  }
  for (std::size_t i = 0; i < imports.size(); ++i) {
    const Import& wanted = module.imports[i];
    if (wanted.kind != ExternKind::function) {
      complain({"wasm: the module imports ", wanted.module, ".", wanted.name, ", which is no function"});
      return std::nullopt;
    }
    const auto found = imported(wanted, module.function_type(wanted.index), store);
    if (!found) return std::nullopt;
    imports[i] = *found;
  }
  return imports;
}

std::uint64_t Runtime::host_price(void* user, std::uint32_t function, Instance* caller,
                                  std::span<std::uint64_t> slots) {
  const auto& self = *static_cast<const Runtime*>(user);
  const HostCall c{caller == nullptr ? nullptr : caller->memory, slots};
  return (function & interface_function) != 0 ? AgentInterface::price(function & ~interface_function, c)
                                              : self.wasi_.price(function, c);
}

Trap Runtime::host_call(void* user, std::uint32_t function, Instance* caller, std::span<std::uint64_t> slots) {
  auto& self = *static_cast<Runtime*>(user);
  const HostCall c{caller == nullptr ? nullptr : caller->memory, slots};
  return (function & interface_function) != 0 ? self.interface_.call(function & ~interface_function, c)
                                              : self.wasi_.call(function, c);
}

Host Runtime::host() {
  Host host{.call = &Runtime::host_call, .user = this, .price = &Runtime::host_price};
  if (system_.address_space() == nullptr) return host;
  host.resize = [](void* user, std::byte* base, std::uint64_t before, std::uint64_t bytes) {
    return static_cast<Runtime*>(user)->system_.address_space()->resize(base, before, bytes);
  };
  host.view = [](void* user, std::span<std::byte> place) {
    return static_cast<Runtime*>(user)->system_.address_space()->view(place);
  };
  return host;
}

int Runtime::ended(Trap trap) {
  if (const auto code = wasi_.exit_code(); code && trap == Trap::host) {
    console_.flush();
    return static_cast<int>(*code);
  }
  if (trap == Trap::none) {
    console_.flush();
    return 0;
  }
  complain({"wasm: trap: ", describe(trap)});
  return exit_trapped;
}

std::uint64_t Runtime::fuel() const {
  return bundle_.header().fuel != 0 ? bundle_.header().fuel : std::uint64_t{INT64_MAX};
}

Limits Runtime::limits(const Module& module, bool actor, Arena& tree) const {
  Limits limits;
  limits.memory_pages = pages_in(parts_.store.size(), module);
  if (const std::uint64_t most = bundle_.header().memory_bytes; most != 0) {
    limits.memory_pages =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(limits.memory_pages, most / memory_page_bytes));
  }
  if (AddressSpace* const space = system_.address_space(); space != nullptr) {
    limits.guarded = true;
    space->give_tables(parts_.tables);
    if (actor) space->watch(tree.allocate<std::uint32_t>(parts_.store.size() / page));
  }
  return limits;
}

Instance* Runtime::instantiate(const Module& module, Store& store, Arena& arena) {
  interface_.use(store);
  const auto imports = link(module, store, arena);
  if (!imports) return nullptr;
  const auto instance = store.instantiate(module, *imports);
  if (!instance) {
    complain({"wasm: the module cannot be instantiated: ", describe(instance.error()),
              instance.error() == LinkError::out_of_memory ? "; give the agent more (heap, memory)" : ""});
    return nullptr;
  }
  // Refused for want of room: then it is interpreted.
  if (compiled_) (void)attach(store, **instance, *compiled_, code_);
  return *instance;
}

Trap Runtime::initialize(const Module& module, Instance& instance, Execution& execution) {
  Trap trap = execution.store().initialize(instance);
  if (trap == Trap::none && module.start != UINT32_MAX) {
    trap = execution.call(*instance.functions[module.start], {});
  }
  // Of a reactor (WASI): its constructors.
  if (const auto constructors = execution.store().find(instance, "_initialize");
      trap == Trap::none && constructors && constructors->kind == ExternKind::function &&
      constructors->function->parameter_slots == 0) {
    trap = execution.call(*constructors->function, {});
  }
  return trap;
}

int Runtime::run() {
  const Module* const module = load();
  if (module == nullptr) return exit_refused;
  const bool actor = module->find_export("rvm_on_message") != nullptr;
  if (!actor && module->find_export("_start") == nullptr) {
    complain({"wasm: the module is neither a command nor an actor: it exports no function _start or rvm_on_message"});
    return exit_refused;
  }
  if (!actor && (bundle_.header().flags & RVM_WASM_TEMPLATE) != 0) {
    complain({"wasm: a template is an actor, and the module exports no function rvm_on_message"});
    return exit_refused;
  }
  parts_ = divide(actor);
  Arena& arena = arena_.emplace(parts_.store);
  Arena& tree = tree_.emplace(parts_.tree);
  Store& store = store_.emplace(arena, limits(*module, actor, tree), host());
  Instance* const instance = instantiate(*module, store, arena);
  if (instance == nullptr) return exit_refused;
  Execution& execution = execution_.emplace(store, parts_.stack);
  execution.set_fuel(fuel());
  if (const Trap trap = initialize(*module, *instance, execution); trap != Trap::none) return ended(trap);
  return actor ? run_actor(*instance, execution, tree) : run_command(*instance, execution);
}

int Runtime::run_command(Instance& instance, Execution& execution) {
  const auto start = execution.store().find(instance, "_start");
  if (!start || start->kind != ExternKind::function || start->function->parameter_slots != 0) {
    complain({"wasm: _start is not a function without parameters"});
    return exit_refused;
  }
  return ended(execution.call(*start->function, {}));
}

int Runtime::run_actor(Instance& instance, Execution& execution, Arena& tree) {
  Actor& actor = actor_.emplace(Actor::Surroundings{system_, console_, wasi_, interface_}, execution, instance, fuel());
  if (const std::string_view wrong = actor.prepare(parts_.copy, tree); !wrong.empty()) {
    complain({"wasm: ", wrong});
    return exit_refused;
  }
  if (const auto over = actor.begin()) return *over;
  if ((bundle_.header().flags & RVM_WASM_TEMPLATE) != 0) system_.rest();
  return actor.serve();
}

int Runtime::go_on() {
  if (!actor_) {
    complain({"wasm: what was forked is no actor"});
    return exit_refused;
  }
  return actor_->serve();
}

}  // namespace rvm::wasm
