// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Instances and what they own. A store is one arena: everything in it can import from everything else in it, and the whole of
// its state is the arena's bytes. References are offsets in the arena, so their bits are the same wherever it lies.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "rvm/wasm/arena.hpp"
#include "rvm/wasm/module.hpp"

namespace rvm::wasm {

struct Instance;
struct Attachment;  ///< of an instance to compiled code, see compiler.hpp

/// A value of any type as its bits; v128 uses both words, everything else the first. Null references are zero; a host's own
/// reference n is n + 1.
struct Value {
  std::uint64_t bits[2]{};
};

inline constexpr std::uint32_t not_host = UINT32_MAX;

struct Function {
  std::uint32_t type = 0;         ///< interned: equal types of one store have equal numbers
  std::uint32_t host = not_host;  ///< number of the host's function
  std::uint32_t parameter_slots = 0;
  std::uint32_t result_slots = 0;
  const std::uint64_t* code = nullptr;
  Instance* instance = nullptr;
  const std::byte* native = nullptr;  ///< its compiled code, while its instance is attached to it
};

struct Table {
  std::span<std::uint64_t> elements;  ///< as long as there is room; `length` of them exist
  std::uint32_t length = 0;
  SizeRange size;
  ValueType type = ValueType::funcref;
};

struct Memory {
  std::byte* base = nullptr;   ///< by which it is accessed
  std::byte* place = nullptr;  ///< in the arena; the same bytes, see Host::view
  std::uint64_t bytes = 0;
  std::uint32_t room = 0;  ///< pages reserved in the arena
  SizeRange pages;
  bool guarded = false;  ///< see Limits
};

struct Global {
  Value value;
  GlobalType type;
};

/// What an instance runs on. Its address does not change.
struct Instance {
  const Module* module = nullptr;
  std::span<Function*> functions;
  std::span<Table*> tables;
  std::span<Global*> globals;
  Memory* memory = nullptr;
  std::span<std::uint32_t> types;  ///< interned numbers of the module's types
  std::span<bool> dropped_data;
  std::span<bool> dropped_elements;
  const Attachment* attachment = nullptr;  ///< stays when it is detached: frames may still name its code
  bool attached = false;
};

struct Extern {
  ExternKind kind = ExternKind::function;
  Function* function = nullptr;
  Table* table = nullptr;
  Memory* memory = nullptr;
  Global* global = nullptr;
};

/// The host's side of imported functions. Arguments are in `slots` and results replace them.
struct Host {
  Trap (*call)(void* user, std::uint32_t function, Instance* caller, std::span<std::uint64_t> slots) = nullptr;
  void* user = nullptr;
  /// What such a call costs in fuel, beside its instruction; asked and paid before it is made. It depends on the arguments, the caller's
  /// memory and the host's state between calls alone, so that it is the same wherever the call is. nullptr: nothing.
  std::uint64_t (*price)(void* user, std::uint32_t function, Instance* caller,
                         std::span<std::uint64_t> slots) = nullptr;
  /// A guarded memory is made, of no bytes, or grows; or it shrinks to what it was, all beyond being zero again. False: it cannot
  /// grow. Those of guarded_bytes from its base that are not its bytes fault.
  bool (*resize)(void* user, std::byte* base, std::uint64_t before, std::uint64_t bytes) = nullptr;
  /// Where the guarded memory that has `place` in the arena appears: guarded_bytes of addresses which are its alone. nullptr:
  /// nowhere. A host without this function has arenas large enough for guarded_bytes, and memories are accessed in them.
  std::byte* (*view)(void* user, std::span<std::byte> place) = nullptr;
};

enum class LinkError : std::uint8_t { unknown_import, incompatible_import, out_of_memory };

[[nodiscard]] constexpr std::string_view describe(LinkError e) {
  constexpr std::string_view texts[] = {"unknown import", "incompatible import type", "the arena is full"};
  return texts[static_cast<std::size_t>(e)];
}

class Store {
 public:
  /// The arena is the store's alone from here on.
  Store(Arena& arena, const Limits& limits, Host host) : arena_(arena), limits_(limits), host_(host) {}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() = default;

  /// Checks the imports (one per Module::imports, in order) and builds the instance; the module must outlive the store. Its
  /// segments and its start function are still to be run: see initialize.
  [[nodiscard]] std::expected<Instance*, LinkError> instantiate(const Module& module, std::span<const Extern> imports);

  /// Writes the active segments. What was written before a trap stays, as the specification has it. The start function is the
  /// caller's to call.
  [[nodiscard]] Trap initialize(Instance& instance);

  [[nodiscard]] std::expected<Function*, LinkError> host_function(const FunctionType& type, std::uint32_t number);
  [[nodiscard]] std::expected<Table*, LinkError> table(const TableType& type);
  [[nodiscard]] std::expected<Memory*, LinkError> memory(const MemoryType& type);
  [[nodiscard]] std::expected<Global*, LinkError> global(const GlobalType& type, Value value);

  [[nodiscard]] std::expected<Extern, LinkError> find(Instance& instance, std::string_view name);

  [[nodiscard]] Value evaluate(const Instance& instance, const ConstantExpression& expression) const;

  /// -1 (all ones) when it cannot grow, else the former size.
  [[nodiscard]] std::uint32_t grow(Table& table, std::uint32_t by, std::uint64_t fill);
  [[nodiscard]] std::uint32_t grow(Memory& memory, std::uint32_t by);

  [[nodiscard]] std::uint64_t reference(const Function& function) const { return arena_.offset_of(&function); }
  /// Precondition: a reference that this store gave, not null.
  [[nodiscard]] Function& referred(std::uint64_t reference) const {
    return *reinterpret_cast<Function*>(arena_.base() + reference);  // the offset came from reference()
  }
  [[nodiscard]] const Arena& arena() const { return arena_; }
  [[nodiscard]] Arena& arena() { return arena_; }
  [[nodiscard]] const Host& host() const { return host_; }

 private:
  struct InternedType {
    FunctionType type;
    std::uint32_t number = 0;
    InternedType* next = nullptr;
  };
  [[nodiscard]] std::uint32_t intern(const FunctionType& type);  ///< UINT32_MAX: no room
  [[nodiscard]] bool intern_types(Instance& instance);
  [[nodiscard]] bool link(Instance& instance, std::span<const Extern> imports, LinkError& error);
  [[nodiscard]] bool define(Instance& instance);

  Arena& arena_;
  Limits limits_;
  Host host_;
  InternedType* types_[64]{};
  std::uint32_t type_count_ = 0;
};

// What the bulk instructions and initialize share. All check their ranges first and change nothing when they trap.
[[nodiscard]] Trap memory_initialize(Instance& instance, std::uint32_t segment, std::uint32_t to, std::uint32_t from,
                                     std::uint32_t count);
[[nodiscard]] Trap table_initialize(const Store& store, Instance& instance, std::uint32_t table, std::uint32_t segment,
                                    std::uint32_t to, std::uint32_t from, std::uint32_t count);

}  // namespace rvm::wasm
