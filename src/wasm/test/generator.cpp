// SPDX-License-Identifier: MIT OR Apache-2.0
#include "generator.hpp"

#include <array>
#include <utility>

#include "generator_body.hpp"
#include "generator_exact.hpp"

namespace rvm::wasm::test {

std::uint32_t Source::next() {
  if (state_ != 0) {  // splitmix64
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return static_cast<std::uint32_t>((z ^ z >> 31) >> 32);
  }
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 2 && at_ < bytes_.size(); ++i) value = value << 8 | bytes_[at_++];
  return value;
}

std::vector<std::uint8_t> generate_module(Source& source, const GeneratorOptions& options) {
  constexpr std::array all{ValueType::i32, ValueType::i64, ValueType::f32, ValueType::f64, ValueType::v128};
  const auto some = [&](std::uint32_t most) {
    Types types(source.below(most + 1));
    for (ValueType& t : types) t = all[source.below(all.size())];
    return types;
  };
  // Inner functions first, then the exported ones, which call them.
  const std::uint32_t inner = source.below(4);
  const std::uint32_t exported = 1 + source.below(3);
  std::vector<Signature> functions;
  functions.reserve(inner + exported);
  for (std::uint32_t i = 0; i < inner; ++i) functions.push_back({some(4), some(2)});
  for (std::uint32_t i = 0; i < exported; ++i) {
    Types results = some(4);
    results.insert(results.end(), {ValueType::i64, ValueType::i32, ValueType::v128});  // so that much is seen
    functions.push_back({{}, std::move(results)});
  }
  const Types globals = some(4);

  std::vector<Bytes> bodies;
  bodies.reserve(functions.size());
  for (std::size_t i = 0; i < functions.size(); ++i) {
    bodies.push_back(generate_body(source, options, functions, i, globals));
  }
  const std::size_t generated = functions.size();
  const auto add = [&](const Signature& signature, const Bytes& body) {
    functions.push_back(signature);
    bodies.emplace_back();
    unsigned_leb(bodies.back(), body.size());
    append(bodies.back(), body);
  };
  if (options.exact) {
    for (std::uint32_t i = 0; i < exported; ++i) {
      const Types results = functions[inner + i].results;
      add({{}, bits_types(results)}, bits_body(inner + i, results));
    }
    add({{}, {ValueType::i64}}, state_body(globals));
  }

  Bytes types, declared, table{1, 0x70, 0}, memory{1, 1, 1, 2}, values, exports, elements{1, 0, 0x41, 0, 0x0b}, code;
  if (options.exact) table[0] = elements[0] = 2;
  unsigned_leb(types, functions.size());
  unsigned_leb(declared, functions.size());
  unsigned_leb(table, generated);
  unsigned_leb(elements, generated);
  unsigned_leb(code, functions.size());
  unsigned_leb(values, globals.size());
  unsigned_leb(exports, exported + (options.exact ? 1 : 0));
  for (std::size_t i = 0; i < functions.size(); ++i) {
    types.push_back(0x60);
    type_list(types, functions[i].parameters);
    type_list(types, functions[i].results);
    unsigned_leb(declared, i);
    if (i < generated) unsigned_leb(elements, i);
    append(code, bodies[i]);
  }
  if (options.exact) {
    append(table, {0x70, 1, second_table_elements, 3 * second_table_elements});
    append(elements, {1, 0, 3, 0, 0, 0});  // passive: function 0 three times
  }
  for (const ValueType t : globals) {
    values.push_back(static_cast<std::uint8_t>(t));
    values.push_back(1);
    const std::uint8_t opcode = t == ValueType::i32   ? 0x41
                                : t == ValueType::i64 ? 0x42
                                : t == ValueType::f32 ? 0x43
                                                      : 0x44;
    if (t == ValueType::v128)
      append(values, {0xfd, 0x0c});
    else
      values.push_back(opcode);
    const std::size_t bytes = t == ValueType::v128 ? 16 : t == ValueType::f32 ? 4 : t == ValueType::f64 ? 8 : 1;
    for (std::size_t k = 0; k < bytes; ++k) values.push_back(static_cast<std::uint8_t>(source.below(0x40)));
    values.push_back(0x0b);
  }
  for (std::uint32_t i = 0; i < exported; ++i) {
    append(exports, {2, 'f', static_cast<std::uint8_t>('0' + i), 0});
    unsigned_leb(exports, (options.exact ? generated : inner) + i);
  }
  if (options.exact) {
    append(exports, {1, 's', 0});
    unsigned_leb(exports, functions.size() - 1);
  }
  Bytes module{0, 'a', 's', 'm', 1, 0, 0, 0};
  section(module, 1, types);
  section(module, 3, declared);
  section(module, 4, table);
  section(module, 5, memory);
  section(module, 6, values);
  section(module, 7, exports);
  section(module, 9, elements);
  if (options.exact) section(module, 12, {1});
  section(module, 10, code);
  if (options.exact) {
    Bytes data{1, 1, 48};
    for (unsigned i = 0; i < 48; ++i) data.push_back(static_cast<std::uint8_t>(source.below(256)));
    section(module, 11, data);
  }
  return module;
}

}  // namespace rvm::wasm::test
