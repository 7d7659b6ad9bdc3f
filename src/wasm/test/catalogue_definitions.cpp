// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <iterator>

#include "assembly.hpp"

namespace rvm::wasm::test {

namespace {

using enum ValueType;

/// Rules about what a module defines, and what its instructions say of it (3.3.5 to 3.3.7, 3.4); codes that are none (5.4).
class Definitions : public Entries {
 public:
  void make() {
    memory();
    tables();
    codes();
    modules();
  }

 private:
  void memory() {
    const Assembly three = Assembly{}.values({i32, i32, i32});
    const auto with_three = [&] { return Assembly{}.raw(three.bytes()); };
    for (const ValueType t : all_types) {
      if (t == i32) continue;
      mismatch("memory.grow by another type", Assembly{}.value(t).op(Code::memory_grow, {0}).drop());
      for (const Code code : {Code::memory_copy, Code::memory_fill, Code::memory_init}) {
        const Bytes immediate = code == Code::memory_copy   ? Bytes{0, 0}
                                : code == Code::memory_fill ? Bytes{0}
                                                            : Bytes{1, 0};
        mismatch("bulk memory with another first", Assembly{}.values({t, i32, i32}).op(code).raw(immediate));
        mismatch("bulk memory with another second", Assembly{}.values({i32, t, i32}).op(code).raw(immediate));
        mismatch("bulk memory with another third", Assembly{}.values({i32, i32, t}).op(code).raw(immediate));
        mismatch("bulk memory with two", Assembly{}.values({i32, i32}).op(code).raw(immediate));
      }
    }
    mismatch("memory.size left", Assembly{}.op(Code::memory_size, {0}));
    mismatch("memory.grow of nothing", Assembly{}.op(Code::memory_grow, {0}).drop());
    for (const std::uint8_t byte : Bytes{1, 2, 0x40, 0xff}) {
      bad("memory.size of memory 1", ModuleError::zero_byte, Assembly{}.op(Code::memory_size).raw({byte}).drop());
      bad("memory.grow of memory 1", ModuleError::zero_byte,
          Assembly{}.value(i32).op(Code::memory_grow).raw({byte}).drop());
      bad("memory.fill of memory 1", ModuleError::zero_byte, with_three().op(Code::memory_fill).raw({byte}));
      bad("memory.copy to memory 1", ModuleError::zero_byte, with_three().op(Code::memory_copy).raw({byte, 0}));
      bad("memory.copy from memory 1", ModuleError::zero_byte, with_three().op(Code::memory_copy).raw({0, byte}));
      bad("memory.init of memory 1", ModuleError::zero_byte, with_three().op(Code::memory_init).raw({1, byte}));
    }
    for (const std::uint32_t index : {2U, 1000U, UINT32_MAX}) {
      bad("memory.init of data that there is not", ModuleError::unknown_data,
          with_three().op(Code::memory_init, {index}).raw({0}));
      bad("data.drop of data that there is not", ModuleError::unknown_data, Assembly{}.op(Code::data_drop, {index}));
    }
    // Without a memory, and without the count of data segments (5.5.16).
    const auto changed = [&](const Assembly& c, std::initializer_list<std::uint8_t> without) {
      Bytes body{0};
      append(body, c.bytes());
      body.push_back(0x0b);
      auto sections = sample(code_node(body));
      std::erase_if(sections, [&](const Section& s) { return std::ranges::find(without, s.id) != without.end(); });
      return write(sections);
    };
    const auto no_memory = [&](const char* name, const Assembly& c) {
      // Nor exports and active data, which would name it.
      add(name, changed(c, {5, 7, 11, 12}), Verdict::refused, ModuleError::unknown_memory);
    };
    add("no memory, and none used", changed(Assembly{}, {5, 7, 11, 12}), Verdict::valid, {});
    for (const Operation& o : make_operations()) {
      if (o.immediate != Operation::Immediate::access) continue;
      Assembly c;
      for (const ValueType t : o.operands) c.value(t);
      c.op(o.code);
      immediates(c, o);
      no_memory("access without a memory", o.result != unknown ? c.drop() : c);
    }
    no_memory("memory.size without a memory", Assembly{}.op(Code::memory_size, {0}).drop());
    no_memory("memory.grow without a memory", Assembly{}.value(i32).op(Code::memory_grow, {0}).drop());
    no_memory("memory.fill without a memory", with_three().op(Code::memory_fill, {0}));
    no_memory("memory.copy without a memory", with_three().op(Code::memory_copy, {0, 0}));
    add("memory.init without the count of data", changed(with_three().op(Code::memory_init, {1, 0}), {12}),
        Verdict::refused, ModuleError::data_count_required);
    add("data.drop without the count of data", changed(Assembly{}.op(Code::data_drop, {1}), {12}), Verdict::refused,
        ModuleError::data_count_required);
    add("no count of data, and none needed", changed(Assembly{}, {12}), Verdict::valid, {});
  }

  void tables() {
    const auto three = [] { return Assembly{}.values({i32, i32, i32}); };
    good("table.get", Assembly{}.value(i32).op(Code::table_get, {0}).drop());
    good("table.copy", three().op(Code::table_copy, {0, 0}));
    for (const std::uint32_t index : {2U, 1000U, UINT32_MAX}) {
      const ModuleError reason = ModuleError::unknown_table;
      bad("table.get of a table that there is not", reason, Assembly{}.value(i32).op(Code::table_get, {index}).drop());
      bad("table.set of a table that there is not", reason,
          Assembly{}.values({i32, funcref}).op(Code::table_set, {index}));
      bad("table.size of a table that there is not", reason, Assembly{}.op(Code::table_size, {index}).drop());
      bad("table.grow of a table that there is not", reason,
          Assembly{}.values({funcref, i32}).op(Code::table_grow, {index}).drop());
      bad("table.fill of a table that there is not", reason,
          Assembly{}.values({i32, funcref, i32}).op(Code::table_fill, {index}));
      bad("table.copy to a table that there is not", reason, three().op(Code::table_copy, {index, 0}));
      bad("table.copy from a table that there is not", reason, three().op(Code::table_copy, {0, index}));
      bad("table.init of a table that there is not", reason, three().op(Code::table_init, {1, index}));
      bad("table.init of elements that there are not", ModuleError::unknown_element,
          three().op(Code::table_init, {std::max(index, 3U), 0}));
      bad("elem.drop of elements that there are not", ModuleError::unknown_element,
          Assembly{}.op(Code::elem_drop, {std::max(index, 3U)}));
    }
    for (const ValueType t : all_types) {
      if (t != i32) {
        mismatch("table.get by another type", Assembly{}.value(t).op(Code::table_get, {0}).drop());
        mismatch("table.set by another type", Assembly{}.values({t, funcref}).op(Code::table_set, {0}));
        mismatch("table.grow by another type", Assembly{}.values({funcref, t}).op(Code::table_grow, {0}).drop());
        mismatch("table.fill at another type", Assembly{}.values({t, funcref, i32}).op(Code::table_fill, {0}));
        mismatch("table.fill of another number", Assembly{}.values({i32, funcref, t}).op(Code::table_fill, {0}));
        mismatch("table.copy of another number", Assembly{}.values({i32, i32, t}).op(Code::table_copy, {0, 0}));
        mismatch("table.init at another type", Assembly{}.values({t, i32, i32}).op(Code::table_init, {1, 0}));
      }
      if (t != funcref) {
        mismatch("table.set of another type", Assembly{}.values({i32, t}).op(Code::table_set, {0}));
        mismatch("table.grow with another type", Assembly{}.values({t, i32}).op(Code::table_grow, {0}).drop());
        mismatch("table.fill with another type", Assembly{}.values({i32, t, i32}).op(Code::table_fill, {0}));
      }
      if (t != externref) mismatch("table.set of another type", Assembly{}.values({i32, t}).op(Code::table_set, {1}));
    }
    mismatch("table.copy between types", three().op(Code::table_copy, {0, 1}));
    mismatch("table.init between types", three().op(Code::table_init, {1, 1}));
    mismatch("table.get taken for the other reference",
             Assembly{}.value(i32).op(Code::table_get, {1}).op(Code::local_set, {3}));
  }

  /// Codes that are no instruction (5.4).
  void codes() {
    for (unsigned code = 0; code < 256; ++code) {
      const bool plain = std::ranges::find(known_, code) != std::end(known_);
      if (plain || code == 0xfc || code == 0xfd) continue;
      bad("code " + std::to_string(code), ModuleError::illegal_opcode,
          Assembly{}.raw({static_cast<std::uint8_t>(code)}));
    }
    for (unsigned prefix : {0xfcU, 0xfdU}) {
      for (unsigned code = 0; code < 300; ++code) {
        if (code < 256 && std::ranges::find(known_, prefix << 8 | code) != std::end(known_)) continue;
        Bytes b{static_cast<std::uint8_t>(prefix)};
        unsigned_leb(b, code);
        bad("code " + std::to_string(prefix) + " " + std::to_string(code), ModuleError::illegal_opcode,
            Assembly{}.raw(b));
      }
      for (const std::uint32_t code : {0x100U, 0x1000U, 0x10000U, UINT32_MAX}) {
        Bytes b{static_cast<std::uint8_t>(prefix)};
        unsigned_leb(b, code);
        bad("code " + std::to_string(prefix) + " " + std::to_string(code), ModuleError::illegal_opcode,
            Assembly{}.raw(b));
      }
    }
    for (const std::uint8_t lane : Bytes{32, 33, 255}) {
      Bytes lanes(16);
      lanes[7] = lane;
      bad("i8x16.shuffle of lane " + std::to_string(lane), ModuleError::lane_index,
          Assembly{}.values({v128, v128}).op(Code::i8x16_shuffle).raw(lanes).drop());
    }
    for (const ValueType t : all_types) {
      if (t == v128) continue;
      mismatch("i8x16.shuffle of another type",
               Assembly{}.values({v128, t}).op(Code::i8x16_shuffle).raw(Bytes(16)).drop());
    }
  }

  /// What modules as a whole must keep (3.4).
  void modules() {
    const auto entry = [&](std::string name, std::initializer_list<std::pair<std::uint8_t, Bytes>> sections,
                           std::optional<ModuleError> reason, bool valid = false) {
      Bytes m{0, 'a', 's', 'm', 1, 0, 0, 0};
      for (const auto& [id, content] : sections) section(m, id, content);
      add(std::move(name), std::move(m), valid ? Verdict::valid : Verdict::refused, reason);
    };
    using E = ModuleError;
    const Bytes nothing{1, 0x60, 0, 0};  // type [] -> []
    const Bytes body{1, 2, 0, 0x0b};
    entry("two memories", {{5, {2, 0, 0, 0, 0}}}, E::multiple_memories);
    entry("a memory and an imported one", {{2, {1, 0, 0, 2, 0, 0}}, {5, {1, 0, 0}}}, E::multiple_memories);
    entry("two imported memories", {{2, {2, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0}}}, E::multiple_memories);
    entry("a memory of 65536 pages", {{5, {1, 0, 0x80, 0x80, 4}}}, {}, true);
    entry("a memory of 65537 pages", {{5, {1, 0, 0x81, 0x80, 4}}}, E::memory_size);
    entry("a memory of at most 65537 pages", {{5, {1, 1, 0, 0x81, 0x80, 4}}}, E::memory_size);
    entry("an imported memory of 65537 pages", {{2, {1, 0, 0, 2, 0, 0x81, 0x80, 4}}}, E::memory_size);
    entry("a memory whose least is its most and one", {{5, {1, 1, 3, 2}}}, E::size_range);
    entry("a table whose least is its most and one", {{4, {1, 0x70, 1, 3, 2}}}, E::size_range);
    entry("an imported table whose least is its most and one", {{2, {1, 0, 0, 1, 0x70, 1, 3, 2}}}, E::size_range);
    entry("start with a parameter", {{1, {1, 0x60, 1, 0x7f, 0}}, {3, {1, 0}}, {8, {0}}, {10, body}}, E::start_function);
    entry("start with a result", {{1, {1, 0x60, 0, 1, 0x7f}}, {3, {1, 0}}, {8, {0}}, {10, {1, 4, 0, 0x41, 0, 0x0b}}},
          E::start_function);
    entry("start with a function that there is not", {{1, nothing}, {3, {1, 0}}, {8, {1}}, {10, body}},
          E::unknown_function);
    entry("two exports of one name", {{5, {1, 0, 0}}, {7, {2, 1, 'a', 2, 0, 1, 'a', 2, 0}}}, E::duplicate_export);
    entry("two exports without a name", {{5, {1, 0, 0}}, {7, {2, 0, 2, 0, 0, 2, 0}}}, E::duplicate_export);
    entry("two exports of two kinds by one name",
          {{4, {1, 0x70, 0, 0}}, {5, {1, 0, 0}}, {7, {2, 1, 'a', 2, 0, 1, 'a', 1, 0}}}, E::duplicate_export);
    for (const std::uint8_t kind : Bytes{0, 1, 2, 3}) {
      const E reason = kind == 0   ? E::unknown_function
                       : kind == 1 ? E::unknown_table
                       : kind == 2 ? E::unknown_memory
                                   : E::unknown_global;
      entry("an export of what there is not", {{7, {1, 1, 'a', kind, 0}}}, reason);
    }
    entry("an import of a type that there is not", {{2, {1, 0, 0, 0, 0}}}, E::unknown_type);
    entry("a function of a type that there is not", {{1, nothing}, {3, {1, 1}}, {10, body}}, E::unknown_type);

    // Constant expressions (3.3.10).
    const auto global = [](ValueType t, const Bytes& value) {
      Bytes g{1, static_cast<std::uint8_t>(t), 0};
      append(g, value);
      return g;
    };
    for (const ValueType t : all_types) {
      const Bytes value = Assembly{}.value(t).op(Code::end).bytes();
      entry("a global of its type", {{6, global(t, value)}}, {}, true);
      entry("a global of another type", {{6, global(t == i32 ? f32 : i32, value)}}, E::type_mismatch);
      if (t != i32) {
        Bytes segment{1, 0};
        append(segment, value);
        Bytes elements = segment;
        elements.push_back(0);
        entry("an element offset of another type", {{4, {1, 0x70, 0, 0}}, {9, elements}}, E::type_mismatch);
        segment.push_back(0);
        entry("a data offset of another type", {{5, {1, 0, 0}}, {11, segment}}, E::type_mismatch);
      }
    }
    entry("a global without a value", {{6, global(i32, {0x0b})}}, E::type_mismatch);
    entry("a global of two values", {{6, global(i32, {0x41, 0, 0x41, 0, 0x0b})}}, E::type_mismatch);
    entry("a global that is computed", {{6, global(i32, {0x41, 0, 0x45, 0x0b})}}, {});
    entry("a global of nop", {{6, global(i32, {0x01, 0x0b})}}, E::constant_required);
    entry("a global of unreachable", {{6, global(i32, {0x00, 0x0b})}}, E::constant_required);
    entry("a global of a block", {{6, global(i32, {0x02, 0x7f, 0x41, 0, 0x0b, 0x0b})}}, E::constant_required);
    entry("a global of a local", {{6, global(i32, {0x20, 0, 0x0b})}}, E::constant_required);
    entry("a global of a call", {{6, global(i32, {0x10, 0, 0x0b})}}, E::constant_required);
    entry("a global of a global of its own", {{6, global(i32, {0x23, 0, 0x0b})}}, E::unknown_global);
    entry("a global of the one before", {{6, {2, 0x7f, 0, 0x41, 0, 0x0b, 0x7f, 0, 0x23, 0, 0x0b}}}, E::unknown_global);
    entry("a global of a variable", {{2, {1, 0, 0, 3, 0x7f, 1}}, {6, global(i32, {0x23, 0, 0x0b})}},
          E::constant_required);
    entry("a global of an import of another type", {{2, {1, 0, 0, 3, 0x7e, 0}}, {6, global(i32, {0x23, 0, 0x0b})}},
          E::type_mismatch);
    entry("a global of a function that there is not", {{6, global(funcref, {0xd2, 0, 0x0b})}}, E::unknown_function);
    entry("a global that does not end", {{6, global(i32, {0x41, 0})}}, {});
    entry("a global of no instruction", {{6, global(i32, {0x27, 0x0b})}}, E::illegal_opcode);

    // Segments (3.4.6, 3.4.7).
    entry("elements for a table that there is not", {{9, {1, 0, 0x41, 0, 0x0b, 0}}}, E::unknown_table);
    entry("elements for table 1 of one", {{4, {1, 0x70, 0, 0}}, {9, {1, 2, 1, 0x41, 0, 0x0b, 0, 0}}}, E::unknown_table);
    entry("a function as element that there is not", {{4, {1, 0x70, 0, 0}}, {9, {1, 0, 0x41, 0, 0x0b, 1, 0}}},
          E::unknown_function);
    entry("a function as passive element that there is not", {{9, {1, 1, 0, 1, 0}}}, E::unknown_function);
    entry("externref elements for a table of funcref",
          {{4, {1, 0x70, 0, 0}}, {9, {1, 6, 0, 0x41, 0, 0x0b, 0x6f, 1, 0xd0, 0x6f, 0x0b}}}, E::type_mismatch);
    entry("functions for a table of externref",
          {{1, nothing}, {3, {1, 0}}, {4, {1, 0x6f, 0, 0}}, {9, {1, 0, 0x41, 0, 0x0b, 1, 0}}, {10, body}},
          E::type_mismatch);
    entry("an element expression of another type", {{9, {1, 5, 0x70, 1, 0xd0, 0x6f, 0x0b}}}, E::type_mismatch);
    entry("an element expression of a number", {{9, {1, 5, 0x70, 1, 0x41, 0, 0x0b}}}, E::type_mismatch);
    entry("an element expression that computes", {{9, {1, 5, 0x70, 1, 0x01, 0x0b}}}, E::constant_required);
    entry("elements of numbers", {{9, {1, 5, 0x7f, 1, 0x41, 0, 0x0b}}}, E::reference_type);
    entry("elements of a kind that there is not", {{9, {1, 1, 1, 0}}}, E::element_kind);
    for (const std::uint8_t flags : Bytes{8, 9, 16, 0x7f}) {
      entry("elements of another form", {{4, {1, 0x70, 0, 0}}, {9, {1, flags, 0x41, 0, 0x0b, 0}}}, E::segment_kind);
    }
    for (const std::uint8_t flags : Bytes{3, 4, 8, 0x7f}) {
      entry("data of another form", {{5, {1, 0, 0}}, {11, {1, flags, 0x41, 0, 0x0b, 0}}}, E::segment_kind);
    }
    entry("data for a memory that there is not", {{11, {1, 0, 0x41, 0, 0x0b, 0}}}, E::unknown_memory);
    entry("data for memory 1 of one", {{5, {1, 0, 0}}, {11, {1, 2, 1, 0x41, 0, 0x0b, 0}}}, E::unknown_memory);
    entry("data at a place that is computed", {{5, {1, 0, 0}}, {11, {1, 0, 0x01, 0x0b, 0}}}, E::constant_required);
    entry("a table of numbers", {{4, {1, 0x7f, 0, 0}}}, E::reference_type);
    entry("a type that is no function", {{1, {1, 0x5f, 0, 0}}}, E::type_form);
    entry("a type of values that there are not", {{1, {1, 0x60, 1, 0x7a, 0}}}, E::value_type);
    entry("an import of a kind that there is not", {{2, {1, 0, 0, 4, 0}}}, E::import_kind);
    entry("an export of a kind that there is not", {{7, {1, 0, 4, 0}}}, E::export_kind);
    for (const std::uint8_t flag : Bytes{2, 3, 4, 7, 8}) {
      entry("a memory whose limits have other flags", {{5, {1, flag, 0, 0}}}, E::limits_flag);
      entry("a table whose limits have other flags", {{4, {1, 0x70, flag, 0, 0}}}, E::limits_flag);
    }
    for (const std::uint8_t flag : Bytes{2, 3, 0x80, 0xff})
      entry("a global that is neither", {{6, {1, 0x7f, flag, 0x41, 0, 0x0b}}}, E::mutability);
    entry("a body without its end", {{1, nothing}, {3, {1, 0}}, {10, {1, 1, 0}}}, {});
    entry("a body of no bytes", {{1, nothing}, {3, {1, 0}}, {10, {1, 0}}}, {});
    entry("a body larger than its section", {{1, nothing}, {3, {1, 0}}, {10, {1, 9, 0, 0x0b}}}, E::section_end);
  }

  static constexpr unsigned known_[] = {
#define RVM_X(name, ...) static_cast<unsigned>(Code::name),
      RVM_WASM_INSTRUCTIONS(RVM_X)
#undef RVM_X
  };
};

}  // namespace

std::vector<CatalogueEntry> definition_catalogue() {
  Definitions all;
  all.make();
  return all.take();
}

}  // namespace rvm::wasm::test
