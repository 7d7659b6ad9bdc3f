// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sample.hpp"

#include <initializer_list>
#include <string_view>

namespace rvm::wasm::test {

namespace {

using Kind = Node::Kind;

Node leaf(Kind kind, const char* label, std::uint32_t value) {
  Node n{kind, {}, label, {}};
  kind == Kind::signed32 || kind == Kind::signed64 ? signed_leb(n.bytes, value) : unsigned_leb(n.bytes, value);
  return n;
}
Node tag(const char* label, std::uint8_t value) { return {Kind::tag, {value}, label, {}}; }
Node index(const char* label, std::uint32_t value) { return leaf(Kind::index, label, value); }
Node number(const char* label, std::uint32_t value) { return leaf(Kind::number, label, value); }
Node signed32(std::uint32_t value) { return leaf(Kind::signed32, "i32.const", value); }
Node bytes(const char* label, const Bytes& b) { return {Kind::bytes, b, label, {}}; }
Node list(std::vector<Node> parts) { return {Kind::list, {}, {}, std::move(parts)}; }
Node sized(const char* label, std::vector<Node> parts) { return {Kind::sized, {}, label, std::move(parts)}; }
Node vector_of(const char* label, std::vector<Node> parts) {
  parts.insert(parts.begin(), leaf(Kind::count, label, static_cast<std::uint32_t>(parts.size())));
  return list(std::move(parts));
}
Node name(const char* label, std::string_view text) {
  return list(
      {leaf(Kind::count, label, static_cast<std::uint32_t>(text.size())), bytes(label, {text.begin(), text.end()})});
}
Node offset(std::uint32_t value) { return list({tag("opcode", 0x41), signed32(value), tag("end", 0x0b)}); }
Node value_type(std::uint8_t t) { return tag("value type", t); }

/// Every form of immediate that the format has, in code that does nothing.
Node busy_body() {
  return list({
      vector_of("local groups", {list({number("local count", 2), value_type(0x7f)}),
                                 list({number("local count", 1), value_type(0x7b)})}),
      tag("opcode", 0x41),
      signed32(7),
      tag("opcode", 0x21),
      index("local", 0),
      tag("opcode", 0x42),
      {Kind::signed64, {0x85, 0x80, 0x01}, "i64.const", {}},
      tag("opcode", 0x1a),
      tag("opcode", 0x02),
      tag("block type", 0x40),
      tag("opcode", 0x20),
      index("local", 0),
      tag("opcode", 0x0d),
      index("label", 0),
      tag("opcode", 0x20),
      index("local", 1),
      tag("opcode", 0x0e),
      vector_of("br_table targets", {index("label", 0), index("label", 1)}),
      index("label", 0),
      tag("end", 0x0b),
      tag("opcode", 0x20),
      index("local", 0),
      tag("opcode", 0x28),
      number("alignment", 2),
      number("memory offset", 4),
      tag("opcode", 0x1a),
      tag("opcode", 0x20),
      index("local", 2),
      tag("opcode", 0xfd),
      number("vector opcode", 0x15),
      tag("lane", 3),
      tag("opcode", 0x1a),
      tag("opcode", 0x10),
      index("function", 0),
      tag("opcode", 0x41),
      signed32(1),
      tag("opcode", 0x42),
      {Kind::signed64, {2}, "i64.const", {}},
      tag("opcode", 0x41),
      signed32(0),
      tag("opcode", 0x11),
      index("type", 1),
      index("table", 0),
      tag("opcode", 0x24),
      index("global", 1),
      tag("opcode", 0xd2),
      index("function", 2),
      tag("opcode", 0x1a),
      tag("opcode", 0x41),
      signed32(0),
      tag("opcode", 0x41),
      signed32(0),
      tag("opcode", 0x41),
      signed32(0),
      tag("opcode", 0xfc),
      number("bulk opcode", 8),
      index("data segment", 1),
      tag("memory", 0),
      tag("opcode", 0x3f),
      tag("memory", 0),
      tag("opcode", 0x1a),
      tag("opcode", 0x43),
      bytes("f32.const", {0, 0, 0x80, 0x3f}),
      tag("opcode", 0x1a),
      tag("opcode", 0xd0),
      tag("reference type", 0x70),
      tag("opcode", 0x1a),
      tag("end", 0x0b),
  });
}

class Writer {
 public:
  Writer(const Change& change, std::vector<Field>* fields) : change_(change), fields_(fields) {}
  void write(Bytes& out, const Node& n) {
    if (n.kind == Kind::sized) {
      const std::size_t own = field_++;
      const std::size_t record = fields_ == nullptr ? 0 : fields_->size();
      if (fields_ != nullptr) fields_->push_back({n.kind, n.label, {}});
      Bytes content;
      for (const Node& part : n.parts) write(content, part);
      Bytes size;
      unsigned_leb(size, content.size());
      if (fields_ != nullptr) (*fields_)[record].bytes = size;
      append(out, own == change_.field ? change_.bytes : size);
      return append(out, content);
    }
    if (n.kind == Kind::list) {
      for (const Node& part : n.parts) write(out, part);
      return;
    }
    if (fields_ != nullptr) fields_->push_back({n.kind, n.label, n.bytes});
    append(out, field_++ == change_.field ? change_.bytes : n.bytes);
  }

 private:
  const Change& change_;
  std::vector<Field>* fields_;
  std::size_t field_ = 0;
};

}  // namespace

std::vector<Section> sample(const Node& body) {
  const auto type = [](const Bytes& parameters, const Bytes& results) {
    Node form = list({tag("type form", 0x60)});
    for (const Bytes& types : {parameters, results}) {
      std::vector<Node> all;
      for (const std::uint8_t t : types) all.push_back(value_type(t));
      form.parts.push_back(vector_of("value types", all));
    }
    return form;
  };
  const auto limits = [](const char* label, std::uint32_t least, std::uint32_t most) {
    return list({tag("limits flag", 1), number(label, least), number(label, most)});
  };
  std::vector<Section> s;
  s.push_back({0, list({name("custom name", "note"), bytes("custom", {1, 2, 3})})});
  s.push_back({1, vector_of("types", {type({}, {}), type({0x7f, 0x7e}, {0x7f}), type({}, {0x7f})})});
  s.push_back({2, vector_of("imports", {list({name("module name", "m"), name("field name", "f"), tag("import kind", 0),
                                              index("type", 0)}),
                                        list({name("module name", "m"), name("field name", "g"), tag("import kind", 3),
                                              value_type(0x7f), tag("mutability", 0)})})});
  s.push_back({3, vector_of("functions", {index("type", 0), index("type", 1), index("type", 2)})});
  s.push_back({4, vector_of("tables", {list({tag("reference type", 0x70), limits("table size", 1, 10)}),
                                       list({tag("reference type", 0x6f), limits("table size", 2, 2)})})});
  s.push_back({5, vector_of("memories", {limits("memory size", 1, 2)})});
  const auto global = [](std::uint8_t t, bool variable, Node value) {
    return list({value_type(t), tag("mutability", variable ? 1 : 0), std::move(value), tag("end", 0x0b)});
  };
  s.push_back(
      {6, vector_of("globals", {global(0x7f, true, list({tag("opcode", 0x23), index("global", 0)})),
                                global(0x7e, true, list({tag("opcode", 0x42), {Kind::signed64, {5}, "i64.const", {}}})),
                                global(0x7b, false,
                                       list({tag("opcode", 0xfd), number("vector opcode", 12),
                                             bytes("v128.const", Bytes(16, 1))}))})});
  const auto exported = [](const char* text, std::uint8_t kind, std::uint32_t i) {
    return list({name("export name", text), tag("export kind", kind), index("export", i)});
  };
  s.push_back({7, vector_of("exports", {exported("f", 0, 1), exported("t", 1, 0), exported("m", 2, 0),
                                        exported("\xc3\xa9", 3, 0)})});
  s.push_back({8, index("start", 1)});
  s.push_back(
      {9,
       vector_of("elements",
                 {list({index("element flags", 0), offset(0), vector_of("element functions", {index("function", 1)})}),
                  list({index("element flags", 5), tag("reference type", 0x70),
                        vector_of("element expressions",
                                  {list({tag("opcode", 0xd0), tag("reference type", 0x70), tag("end", 0x0b)}),
                                   list({tag("opcode", 0xd2), index("function", 0), tag("end", 0x0b)})})}),
                  list({index("element flags", 3), tag("element kind", 0),
                        vector_of("element functions", {index("function", 2)})})})});
  s.push_back({12, number("data count", 2)});
  Node other = list({number("local groups", 0), bytes("code", {0x20, 0, 0x0b})});
  Node third = list({number("local groups", 0), bytes("code", {0x41, 3, 0x0b})});
  s.push_back({10, vector_of("bodies",
                             {sized("body size", {body}), sized("body size", {other}), sized("body size", {third})})});
  s.push_back({11, vector_of("data", {list({index("data flags", 0), offset(8), name("data bytes", "hello")}),
                                      list({index("data flags", 1), name("data bytes", "\x01\x02")})})});
  return s;
}

std::vector<Section> sample() { return sample(busy_body()); }

Bytes write(const std::vector<Section>& sections, const Change& change, std::vector<Field>* fields) {
  Node all = list({bytes("magic", {0, 'a', 's', 'm'}), bytes("version", {1, 0, 0, 0})});
  for (const Section& s : sections) {
    all.parts.push_back(tag("section id", s.id));
    all.parts.push_back(sized("section size", {s.content}));
  }
  Bytes out;
  Writer{change, fields}.write(out, all);
  return out;
}

}  // namespace rvm::wasm::test
