// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include "catalogue.hpp"
#include "sample.hpp"

namespace rvm::wasm::test {

namespace {

using Kind = Node::Kind;
using Verdict = CatalogueEntry::Verdict;

class Format {
 public:
  std::vector<CatalogueEntry> make() {
    const Bytes whole = write(sections_, {}, &fields_);
    add("the sample", whole, Verdict::valid);
    for (std::size_t i = 0; i < fields_.size(); ++i) field(i);
    cuts(whole);
    order();
    sections_of_any_id();
    names();
    inconsistent_counts();
    return std::move(all_);
  }

 private:
  void add(std::string name, Bytes bytes, Verdict verdict, std::optional<ModuleError> reason = {}) {
    all_.push_back({std::move(name), std::move(bytes), verdict, reason});
  }
  void changed(const std::string& how, std::size_t field, const Bytes& bytes, Verdict verdict,
               std::optional<ModuleError> reason = {}) {
    add(fields_[field].label + " (field " + std::to_string(field) + ") " + how, write(sections_, {field, bytes}),
        verdict, reason);
  }

  /// The value of a field, padded to `length` bytes; `last` is or-ed into the last one (5.2.2: integers).
  [[nodiscard]] static Bytes padded(Bytes b, std::size_t length, bool negative, std::uint8_t last = 0) {
    const std::uint8_t filling = negative ? 0x7f : 0;
    if (b.size() < length) {
      b.back() = static_cast<std::uint8_t>(b.back() | 0x80);
      while (b.size() + 1 < length) b.push_back(static_cast<std::uint8_t>(filling | 0x80));
      b.push_back(filling);
    }
    b.back() = static_cast<std::uint8_t>(b.back() ^ last);
    return b;
  }

  void field(std::size_t i) {
    const Field& f = fields_[i];
    switch (f.kind) {
      case Kind::tag:
        for (const std::uint8_t other :
             Bytes{0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x07, 0x0b, 0x0c, 0x12, 0x27, 0x40, 0x5f,
                   0x60, 0x6f, 0x70, 0x7a, 0x7b, 0x7c, 0x7f, 0x80, 0xc5, 0xfb, 0xfe, 0xff}) {
          if (other != f.bytes[0]) changed("is " + std::to_string(other), i, {other}, Verdict::either);
        }
        return;
      case Kind::bytes:
        if (!f.bytes.empty()) changed("is a byte short", i, {f.bytes.begin() + 1, f.bytes.end()}, Verdict::either);
        for (std::size_t at = 0; at < f.bytes.size() && f.label != "custom" && f.label != "data bytes"; ++at) {
          Bytes b = f.bytes;
          b[at] = static_cast<std::uint8_t>(b[at] ^ 0x80);
          const bool fixed = f.label == "magic" || f.label == "version";
          changed("differs at " + std::to_string(at), i, b, fixed ? Verdict::refused : Verdict::either,
                  f.label == "magic"     ? std::optional{ModuleError::magic}
                  : f.label == "version" ? std::optional{ModuleError::version}
                                         : std::nullopt);
        }
        return;
      case Kind::index:
      case Kind::count:
      case Kind::number:
      case Kind::sized:
        return unsigned_number(i);
      case Kind::signed32:
      case Kind::signed64:
        return signed_number(i);
      case Kind::list:
        return;
    }
  }
  void unsigned_number(std::size_t i) {
    const Bytes& b = fields_[i].bytes;
    const Kind kind = fields_[i].kind;
    changed("takes five bytes", i, padded(b, 5, false), Verdict::valid);
    changed("takes six bytes", i, padded(b, 6, false), Verdict::refused, ModuleError::integer_long);
    for (const std::uint8_t bit : Bytes{0x10, 0x20, 0x40})
      changed("has bit " + std::to_string(bit) + " beyond 32", i, padded(b, 5, false, bit), Verdict::refused,
              ModuleError::integer_large);
    changed("is the greatest number", i, {0xff, 0xff, 0xff, 0xff, 0x0f},
            kind == Kind::number ? Verdict::either : Verdict::refused);
    changed("never ends", i, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Verdict::refused, ModuleError::integer_long);
    for (const int by : {-1, 1, 64}) {
      if (by < 0 && b[0] == 0) continue;
      Bytes other;
      unsigned_leb(other, static_cast<std::uint64_t>(value_of(b) + by));
      changed("differs by " + std::to_string(by), i, other, Verdict::either);
    }
  }
  static std::int64_t value_of(const Bytes& b) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < b.size(); ++i) value |= std::int64_t{b[i] & 0x7f} << (7 * i);
    return value;
  }
  void signed_number(std::size_t i) {
    const Bytes& b = fields_[i].bytes;
    const bool wide = fields_[i].kind == Kind::signed64;
    const std::size_t most = wide ? 10 : 5;
    const bool negative = (b.back() & 0x40) != 0;
    changed("takes as many bytes as it may", i, padded(b, most, negative), Verdict::valid);
    changed("takes a byte more than it may", i, padded(b, most + 1, negative), Verdict::refused,
            ModuleError::integer_long);
    for (const std::uint8_t bit : Bytes{0x10, 0x20, 0x40}) {
      if (wide && bit == 0x10) continue;
      changed("has bit " + std::to_string(bit) + " beyond its own", i, padded(b, most, negative, bit), Verdict::refused,
              ModuleError::integer_large);
    }
    changed("never ends", i, Bytes(12, 0xff), Verdict::refused, ModuleError::integer_long);
  }

  /// 5.5.2: a section ends with its size; a module with its last section.
  void cuts(const Bytes& whole) {
    for (std::size_t n = 0; n < whole.size(); ++n) {
      // Behind the custom section, the types or the imports there is a module that is whole.
      add("cut behind " + std::to_string(n) + " bytes", {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)},
          n < 8 ? Verdict::refused : Verdict::either,
          n < 8 ? std::optional{ModuleError::unexpected_end} : std::nullopt);
    }
    for (const std::uint8_t extra : Bytes{0x00, 0x01, 0x0b, 0x0d, 0xff}) {
      Bytes more = whole;
      more.push_back(extra);
      add("followed by " + std::to_string(extra), more, Verdict::refused);
    }
  }

  /// 5.5.15: sections come once, in their order; custom ones anywhere.
  void order() {
    for (std::size_t i = 1; i < sections_.size(); ++i) {
      auto twice = sections_;
      twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(i), sections_[i]);
      add("section " + std::to_string(sections_[i].id) + " twice", write(twice), Verdict::refused,
          ModuleError::section_order);
      auto without = sections_;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      add("without section " + std::to_string(sections_[i].id), write(without), Verdict::either);
      auto noted = sections_;
      noted.insert(noted.begin() + static_cast<std::ptrdiff_t>(i), sections_[0]);
      add("a custom section before section " + std::to_string(sections_[i].id), write(noted), Verdict::valid);
      for (std::size_t k = i + 1; k < sections_.size(); ++k) {
        // An empty copy of a later section before: whatever comes between the two is out of order.
        auto early = sections_;
        std::swap(early[i], early[k]);
        add("sections " + std::to_string(sections_[i].id) + " and " + std::to_string(sections_[k].id) + " exchanged",
            write(early), Verdict::refused);
      }
    }
    for (const std::uint8_t first : Bytes{1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11}) {
      Bytes twice{0, 'a', 's', 'm', 1, 0, 0, 0, first, 1, 0, first, 1, 0};
      add("empty section " + std::to_string(first) + " twice", twice, Verdict::refused, ModuleError::section_order);
    }
  }
  void sections_of_any_id() {
    for (unsigned id = 13; id < 256; ++id) {
      add("section " + std::to_string(id), {0, 'a', 's', 'm', 1, 0, 0, 0, static_cast<std::uint8_t>(id), 1, 0},
          Verdict::refused, ModuleError::section_id);
    }
    for (std::uint8_t id = 1; id < 13; ++id) {
      add("section " + std::to_string(id) + " of no bytes", {0, 'a', 's', 'm', 1, 0, 0, 0, id, 0}, Verdict::refused);
      add("section " + std::to_string(id) + " with a byte too many", {0, 'a', 's', 'm', 1, 0, 0, 0, id, 2, 0, 0},
          Verdict::refused);
      add("section " + std::to_string(id) + " without a size", {0, 'a', 's', 'm', 1, 0, 0, 0, id}, Verdict::refused,
          ModuleError::unexpected_end);
      add("section " + std::to_string(id) + " larger than the module", {0, 'a', 's', 'm', 1, 0, 0, 0, id, 9, 0},
          Verdict::refused, ModuleError::length);
      add("section " + std::to_string(id) + " of 2^32 - 1 items",
          {0, 'a', 's', 'm', 1, 0, 0, 0, id, 5, 0xff, 0xff, 0xff, 0xff, 0xf}, Verdict::refused);
    }
  }

  /// 5.2.4: names are UTF-8 (RFC 3629).
  void names() {
    const std::array<Bytes, 22> bad{{{0x80},
                                     {0xbf},
                                     {0xc0, 0x80},
                                     {0xc1, 0xbf},
                                     {0xc2},
                                     {0xc2, 0x20},
                                     {0xe0, 0x80, 0x80},
                                     {0xe0, 0x9f, 0xbf},
                                     {0xe1, 0x80},
                                     {0xe1, 0x80, 0x20},
                                     {0xed, 0xa0, 0x80},
                                     {0xed, 0xbf, 0xbf},
                                     {0xf0, 0x80, 0x80, 0x80},
                                     {0xf0, 0x8f, 0xbf, 0xbf},
                                     {0xf1, 0x80, 0x80},
                                     {0xf1, 0x80, 0x80, 0x20},
                                     {0xf4, 0x90, 0x80, 0x80},
                                     {0xf5, 0x80, 0x80, 0x80},
                                     {0xf8, 0x88, 0x80, 0x80, 0x80},
                                     {0xfc, 0x84, 0x80, 0x80, 0x80, 0x80},
                                     {0xfe},
                                     {0xff}}};
    const std::array<Bytes, 6> good{{{0xc2, 0x80},
                                     {0xe0, 0xa0, 0x80},
                                     {0xed, 0x9f, 0xbf},
                                     {0xee, 0x80, 0x80},
                                     {0xf0, 0x90, 0x80, 0x80},
                                     {0xf4, 0x8f, 0xbf, 0xbf}}};
    const auto where = [&](const char* label) {
      return static_cast<std::size_t>(
          std::ranges::find_if(fields_, [&](const Field& f) { return f.label == label && f.kind == Kind::bytes; }) -
          fields_.begin());
    };
    for (const char* label : {"custom name", "module name", "field name", "export name"}) {
      const std::size_t at = where(label);
      for (const bool right : {false, true}) {
        const std::span<const Bytes> texts = right ? std::span<const Bytes>{good} : std::span<const Bytes>{bad};
        for (const Bytes& text : texts) {
          Bytes out = write(sections_, {at, text});
          out[offset_of(at) - 1] = static_cast<std::uint8_t>(text.size());  // its length
          add(std::string{label} + (right ? " in UTF-8 " : " not in UTF-8 ") + hexadecimal(text), out,
              right ? Verdict::valid : Verdict::refused, right ? std::nullopt : std::optional{ModuleError::utf8});
        }
      }
    }
  }
  static std::string hexadecimal(const Bytes& b) {
    std::string text;
    for (const std::uint8_t x : b) text += {"0123456789abcdef"[x >> 4], "0123456789abcdef"[x & 15]};
    return text;
  }
  /// Of a field in the sample: changing it does not change how long the fields before it are.
  [[nodiscard]] std::size_t offset_of(std::size_t field) const {
    std::size_t at = 0;
    for (std::size_t i = 0; i < field; ++i) at += fields_[i].bytes.size();
    return at;
  }

  void inconsistent_counts() {
    add("functions without code", {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0}, Verdict::refused,
        ModuleError::code_count);
    add("code without functions", {0, 'a', 's', 'm', 1, 0, 0, 0, 10, 4, 1, 2, 0, 0x0b}, Verdict::refused,
        ModuleError::code_count);
    add("data without their count", {0, 'a', 's', 'm', 1, 0, 0, 0, 5, 3, 1, 0, 1, 12, 1, 1}, Verdict::refused,
        ModuleError::data_count);
    add("fewer data than counted",
        {0, 'a', 's', 'm', 1, 0, 0, 0, 5, 3, 1, 0, 1, 12, 1, 2, 11, 7, 1, 0, 0x41, 0, 0x0b, 1, 5}, Verdict::refused,
        ModuleError::data_count);
    const auto locals = [](std::initializer_list<std::uint8_t> groups) {
      Bytes m{0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0};
      Bytes body{groups};
      body.push_back(0x0b);
      Bytes code{1};
      unsigned_leb(code, body.size());
      append(code, body);
      section(m, 10, code);
      return m;
    };
    add("2^32 locals", locals({2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x02, 0x7e}), Verdict::refused,
        ModuleError::too_many_locals);
    add("2^33 locals", locals({2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f}),
        Verdict::refused, ModuleError::too_many_locals);
  }

  std::vector<Section> sections_ = sample();
  std::vector<Field> fields_;
  std::vector<CatalogueEntry> all_;
};

}  // namespace

std::vector<CatalogueEntry> format_catalogue() { return Format{}.make(); }

}  // namespace rvm::wasm::test
