// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An agent whose WebAssembly engine has gone wrong, as if a module had found a hole in it: it overwrites what the engine relies on,
// by wild values, and runs on. args[0] names which. Whatever comes of it ends in this agent: a fault of its own, a trap, a refusal.
//   attack: tried NAME, then, if it is still there, attack: contained NAME error=...
#include <rvm/agent.hpp>
#include <string_view>

#include "code_pages.hpp"
#include "compiled_run.hpp"
#include "rvm/wasm/compiler.hpp"
#include "rvm/wasm/execution.hpp"

namespace {

namespace agent = rvm::agent;
using namespace rvm::wasm;

// (module (import "m" "h" (func $h (param i32))) (type $t (func (param i32) (result i32))) (memory 1) (table 2 funcref)
//   (elem (i32.const 0) $leaf $leaf) (global $g (mut i64) (i64.const 0))
//   (func $leaf (type $t) (i32.add (local.get 0) (i32.load (local.get 0))))
//   (func (export "run") (type $t) (local $sum i32)
//     (call $h (i32.const 1))
//     (loop $again
//       (local.set $sum (i32.add (local.get $sum) (call $leaf (local.get 0))))
//       (local.set $sum (i32.add (local.get $sum) (call_indirect (type $t) (local.get 0) (i32.const 1))))
//       (i32.store (local.get 0) (local.get $sum))
//       (global.set $g (i64.add (global.get $g) (i64.extend_i32_u (local.get $sum))))
//       (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))
//     (local.get $sum)))
constexpr unsigned char module_bytes[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0a, 0x02, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7f,
    0x00, 0x02, 0x07, 0x01, 0x01, 0x6d, 0x01, 0x68, 0x00, 0x01, 0x03, 0x03, 0x02, 0x00, 0x00, 0x04, 0x04, 0x01, 0x70,
    0x00, 0x02, 0x05, 0x03, 0x01, 0x00, 0x01, 0x06, 0x06, 0x01, 0x7e, 0x01, 0x42, 0x00, 0x0b, 0x07, 0x07, 0x01, 0x03,
    0x72, 0x75, 0x6e, 0x00, 0x02, 0x09, 0x08, 0x01, 0x00, 0x41, 0x00, 0x0b, 0x02, 0x01, 0x01, 0x0a, 0x47, 0x02, 0x0a,
    0x00, 0x20, 0x00, 0x20, 0x00, 0x28, 0x02, 0x00, 0x6a, 0x0b, 0x3a, 0x01, 0x01, 0x7f, 0x41, 0x01, 0x10, 0x00, 0x03,
    0x40, 0x20, 0x01, 0x20, 0x00, 0x10, 0x01, 0x6a, 0x21, 0x01, 0x20, 0x01, 0x20, 0x00, 0x41, 0x01, 0x11, 0x00, 0x00,
    0x6a, 0x21, 0x01, 0x20, 0x00, 0x20, 0x01, 0x36, 0x02, 0x00, 0x23, 0x00, 0x20, 0x01, 0xad, 0x7c, 0x24, 0x00, 0x20,
    0x00, 0x41, 0x04, 0x6b, 0x22, 0x00, 0x0d, 0x00, 0x0b, 0x20, 0x01, 0x0b};

// The victim is the first agent of the manifest; the others are where QEMU's virt machine has its kernel and its serial port.
std::uintptr_t victim() { return 1 * agent::info().slot_size + 0x10000; }
constexpr std::uintptr_t kernel = 0x40200000;
constexpr std::uintptr_t uart = 0x09000000;
constexpr std::uintptr_t nowhere = 0x0000'7fff'ffff'0000;

template <typename T>
T* pointer(std::uintptr_t address) {
  return reinterpret_cast<T*>(address);  // wild on purpose
}

struct World {
  Module* module = nullptr;
  Store* store = nullptr;
  Instance* instance = nullptr;
  Execution* execution = nullptr;
  std::span<std::uint64_t> stack;
  std::span<std::byte> code;  ///< of compiled functions, writable until it is sealed
  const std::byte* executable = nullptr;
  Compiled* compiled = nullptr;

  [[nodiscard]] std::span<std::uint64_t> words() const {
    return {const_cast<std::uint64_t*>(module->code.data()), module->code.size()};  // they lie in the heap
  }
  [[nodiscard]] Function& function(std::size_t i) const { return *instance->functions[i]; }
};

/// When the engine is corrupted: before the code is sealed, before the run, or by the host function that the run calls first.
enum class When : std::uint8_t { sealing, before, within };

struct Corruption {
  std::string_view name;
  bool compiled;
  When when;
  void (*corrupt)(World&);
};

void fill_code(World& w, std::uint32_t instruction) {
  for (std::size_t at = 0; at + 4 <= w.compiled->bytes; at += 4)
    std::memcpy(w.code.data() + at, &instruction, sizeof instruction);
}

constexpr Corruption corruptions[] = {
    // Internal code.
    {"opcode", false, When::before,
     [](World& w) {
       for (std::uint64_t& word : w.words()) word |= 0xffff;
     }},
    {"all-ones", false, When::before,
     [](World& w) {
       for (std::uint64_t& word : w.words()) word = ~std::uint64_t{0};
     }},
    {"jumps", false, When::before,
     [](World& w) {
       for (std::uint64_t& word : w.words()) word = (word & 0xffffffff) | std::uint64_t{0x70000000} << 32;
     }},
    {"slots", false, When::before,
     [](World& w) {
       for (std::uint64_t& word : w.words()) word |= std::uint64_t{0xfff0} << 16;
     }},
    // Functions.
    {"function-code-victim", false, When::within,
     [](World& w) { w.function(1).code = pointer<std::uint64_t>(victim()); }},
    {"function-code-kernel", false, When::within,
     [](World& w) { w.function(1).code = pointer<std::uint64_t>(kernel); }},
    {"function-code-null", false, When::within, [](World& w) { w.function(1).code = nullptr; }},
    {"function-instance", false, When::within, [](World& w) { w.function(1).instance = pointer<Instance>(victim()); }},
    {"function-pointers", false, When::within,
     [](World& w) { w.instance->functions = {pointer<Function*>(kernel), 3}; }},
    {"function-native-victim", true, When::within,
     [](World& w) { w.function(1).native = pointer<std::byte>(victim()); }},
    {"function-native-heap", true, When::within,
     [](World& w) { w.function(1).native = pointer<std::byte>(reinterpret_cast<std::uintptr_t>(w.stack.data())); }},
    // Memory.
    {"memory-base-victim", false, When::before,
     [](World& w) { w.instance->memory->base = pointer<std::byte>(victim()); }},
    {"memory-base-kernel", false, When::before,
     [](World& w) { w.instance->memory->base = pointer<std::byte>(kernel); }},
    {"memory-base-uart", true, When::before, [](World& w) { w.instance->memory->base = pointer<std::byte>(uart); }},
    {"memory-base-victim-compiled", true, When::before,
     [](World& w) { w.instance->memory->base = pointer<std::byte>(victim()); }},
    {"memory-base-nowhere", true, When::before,
     [](World& w) { w.instance->memory->base = pointer<std::byte>(nowhere); }},
    {"memory-size", true, When::before, [](World& w) { w.instance->memory->bytes = std::uint64_t{1} << 40; }},
    {"memory-pointer", false, When::before, [](World& w) { w.instance->memory = pointer<Memory>(victim()); }},
    // Tables and globals.
    {"table-elements", true, When::within,
     [](World& w) { w.instance->tables[0]->elements = {pointer<std::uint64_t>(kernel), 2}; }},
    {"table-reference", false, When::within, [](World& w) { w.instance->tables[0]->elements[1] = nowhere; }},
    {"globals", false, When::within, [](World& w) { w.instance->globals = {pointer<Global*>(victim()), 1}; }},
    // Where calls return to.
    {"return-interpreted", false, When::within, [](World& w) { w.stack[2] = kernel << 16; }},
    {"return-victim", false, When::within, [](World& w) { w.stack[2] = victim() << 16; }},
    {"return-stub", true, When::within,
     [](World& w) {
       w.stack[1] = victim();
       w.stack[2] = 0;
     }},
    {"return-stub-kernel", true, When::within,
     [](World& w) {
       w.stack[1] = kernel;
       w.stack[2] = 0;
     }},
    // Compiled code.
    {"code-page-written", true, When::before,
     [](World& w) { *const_cast<volatile std::byte*>(w.executable) = std::byte{0}; }},
    {"code-pointer", true, When::before,
     [](World& w) { const_cast<Attachment*>(w.instance->attachment)->code = pointer<std::byte>(victim()); }},
    {"code-tables", true, When::before,
     [](World& w) { const_cast<Attachment*>(w.instance->attachment)->compiled = pointer<Compiled>(kernel); }},
    {"code-undefined", true, When::sealing, [](World& w) { fill_code(w, 0); }},
    {"code-secure-monitor-call", true, When::sealing, [](World& w) { fill_code(w, 0xd4000003); }},
    {"code-translation-root", true, When::sealing, [](World& w) { fill_code(w, 0xd51c2100); }},  // MSR VTTBR_EL2, X0
    {"code-vectors-of-el2", true, When::sealing, [](World& w) { fill_code(w, 0xd51cc000); }},    // MSR VBAR_EL2, X0
    {"code-hypercall", true, When::sealing, [](World& w) { fill_code(w, 0xd4000002); }},         // HVC #0, and on
    {"code-loop", true, When::sealing, [](World& w) { fill_code(w, 0x14000000); }},              // B .
};

const Corruption* chosen = nullptr;
World world;

Trap host_call(void* /*user*/, std::uint32_t /*function*/, Instance* /*caller*/, std::span<std::uint64_t> /*slots*/) {
  if (chosen->when == When::within) chosen->corrupt(world);
  return Trap::none;
}

/// False: the world could not be made as it should be before anything is corrupted.
bool make_world() {
  const std::span<std::byte> heap = agent::heap_bytes();
  constexpr std::size_t part = std::size_t{1} << 20;
  if (heap.size() < 3 * part) return false;
  static Arena module_arena{heap.first(part)};
  static Arena arena{heap.subspan(part, part)};
  static Store store{arena, {.memory_pages = 1}, {.call = host_call}};
  const auto loaded = load(std::as_bytes(std::span{module_bytes}), module_arena);
  if (!loaded) return false;
  world.module = const_cast<Module*>(*loaded);
  world.store = &store;
  const auto host = store.host_function(world.module->function_type(0), 0);
  if (!host) return false;
  const Extern import{.kind = ExternKind::function, .function = *host};
  const auto made = store.instantiate(*world.module, {&import, 1});
  if (!made || store.initialize(**made) != Trap::none) return false;
  world.instance = *made;
  world.stack = {reinterpret_cast<std::uint64_t*>(heap.data() + 2 * part),
                 part / sizeof(std::uint64_t)};  // nobody else's
  static Execution execution{store, world.stack};
  execution.set_fuel(10'000'000);
  world.execution = &execution;
  if (!chosen->compiled) return true;
  static CodePages pages;
  world.code = pages.create(code_bytes_max(*world.module));
  static auto compiled = compile(*world.module, world.code, module_arena);
  if (!compiled || world.code.empty()) return false;
  world.compiled = &*compiled;
  if (chosen->when == When::sealing) chosen->corrupt(world);
  world.executable = pages.seal();
  if (world.executable == nullptr) return false;
  make_code_visible({world.executable, compiled->bytes});
  return attach(store, *world.instance, *compiled, world.executable);
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const std::string_view wanted = agent::argument(0);
  for (const Corruption& c : corruptions) {
    if (c.name == wanted) chosen = &c;
  }
  if (wanted == "list") {
    for (const Corruption& c : corruptions) agent::say("corruption ", c.name);
    return 0;
  }
  if (chosen == nullptr || !make_world()) {
    agent::say("cannot try '", wanted, "'");
    return 2;
  }
  std::byte start[16];
  rvm_received received{};
  (void)rvm_receive(0, start, sizeof start, RVM_FOREVER, &received);
  agent::say("attack: tried ", wanted);
  if (chosen->when == When::before) chosen->corrupt(world);
  // Within the memory that the module has, or far beyond it, where only its size stands in the way.
  const std::uint64_t argument[] = {wanted == "memory-size" ? 0xffff'fff0U : 60'000U};
  const Trap trap = world.execution->call(world.function(2), argument);
  agent::say("attack: contained ", wanted, " error=", describe(trap));
  return 0;
}
