// SPDX-License-Identifier: MIT OR Apache-2.0
#include "mutator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

namespace rvm::wasm::test {

namespace {

using Difference = std::ptrdiff_t;

/// An unsigned LEB128 number, moved behind; nothing at the end of the bytes.
std::optional<std::uint64_t> read_leb(const Bytes& b, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; at < b.size() && shift < 63; shift += 7) {
    const std::uint8_t byte = b[at++];
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

struct Part {
  std::uint8_t id = 0;
  Bytes content;
};

/// The sections of a module that is in order.
std::vector<Part> parts_of(const Bytes& module) {
  std::vector<Part> parts;
  for (std::size_t at = 8; at < module.size();) {
    const std::uint8_t id = module[at++];
    const auto size = read_leb(module, at);
    if (!size || *size > module.size() - at) break;
    const auto begin = module.begin() + static_cast<Difference>(at);
    parts.push_back({id, {begin, begin + static_cast<Difference>(*size)}});
    at += *size;
  }
  return parts;
}

std::vector<Bytes> bodies_of(const Bytes& code) {
  std::vector<Bytes> bodies;
  std::size_t at = 0;
  const auto count = read_leb(code, at);
  for (std::uint64_t i = 0; count && i < *count; ++i) {
    const auto size = read_leb(code, at);
    if (!size || *size > code.size() - at) break;
    const auto begin = code.begin() + static_cast<Difference>(at);
    bodies.emplace_back(begin, begin + static_cast<Difference>(*size));
    at += *size;
  }
  return bodies;
}

Bytes joined(const std::vector<Bytes>& bodies) {
  Bytes code;
  unsigned_leb(code, bodies.size());
  for (const Bytes& b : bodies) {
    unsigned_leb(code, b.size());
    append(code, b);
  }
  return code;
}

class Mutation {
 public:
  Mutation(Source& source, const std::vector<Bytes>& corpus) : source_(source), corpus_(corpus) {}

  Bytes make() {
    const Bytes& chosen = corpus_[below(corpus_.size())];
    parts_ = parts_of(chosen);
    if (parts_.empty()) return raw(chosen);
    for (std::size_t n = 1 + below(3); n > 0; --n) {
      switch (below(8)) {
        case 0:
          sections();
          break;
        case 1:
        case 2:
        case 3:
        case 4:
          code();
          break;
        default:
          Bytes& content = parts_[below(parts_.size())].content;
          below(2) == 0 ? bytes(content) : integer(content);
      }
      if (parts_.empty()) break;
    }
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0};
    for (const Part& p : parts_) section(out, p.id, p.content);
    return below(8) == 0 ? raw(std::move(out)) : out;
  }

 private:
  std::size_t below(std::size_t bound) { return source_.below(static_cast<std::uint32_t>(bound)); }

  /// Without mending anything.
  Bytes raw(Bytes b) {
    below(2) == 0 ? bytes(b) : integer(b);
    if (below(4) == 0) b.resize(below(b.size() + 1));
    return b;
  }

  void bytes(Bytes& b) {
    if (b.empty()) return b.push_back(static_cast<std::uint8_t>(below(256)));
    const auto at = b.begin() + static_cast<Difference>(below(b.size()));
    constexpr std::array<std::uint8_t, 12> telling{0x00, 0x01, 0x0b, 0x40, 0x41, 0x60,
                                                   0x6f, 0x70, 0x7b, 0x7f, 0x80, 0xff};
    switch (below(6)) {
      case 0:
        *at = static_cast<std::uint8_t>(*at ^ 1U << below(8));
        return;
      case 1:
        *at = telling[below(telling.size())];
        return;
      case 2:
        *at = static_cast<std::uint8_t>(*at + (below(2) == 0 ? 1 : -1));
        return;
      case 3:
        b.insert(at, static_cast<std::uint8_t>(below(256)));
        return;
      case 4: {
        const auto length = static_cast<Difference>(1 + below(8));
        b.erase(at, at + std::min(length, b.end() - at));
        return;
      }
      default: {
        const auto length = std::min(static_cast<Difference>(1 + below(16)), b.end() - at);
        const Bytes copy{at, at + length};
        b.insert(b.begin() + static_cast<Difference>(below(b.size() + 1)), copy.begin(), copy.end());
      }
    }
  }

  /// What may be an integer becomes another one, or the same one written at another length.
  void integer(Bytes& b) {
    if (b.empty()) return;
    const std::size_t begin = below(b.size());
    std::size_t end = begin;
    const auto value = read_leb(b, end);
    if (!value) return bytes(b);
    constexpr std::array<std::uint64_t, 9> telling{0,       1,          0x7f,       0x80,      0xffff,
                                                   0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
    Bytes other;
    switch (below(4)) {
      case 0:
        unsigned_leb(other, telling[below(telling.size())]);
        break;
      case 1:
        unsigned_leb(other, *value + 1);
        break;
      case 2:
        unsigned_leb(other, *value == 0 ? UINT32_MAX : *value - 1);
        break;
      default:
        unsigned_leb(other, *value);
        for (std::size_t more = 1 + below(5); more > 0; --more) {
          other.back() = static_cast<std::uint8_t>(other.back() | 0x80);
          other.push_back(0);
        }
    }
    b.erase(b.begin() + static_cast<Difference>(begin), b.begin() + static_cast<Difference>(end));
    b.insert(b.begin() + static_cast<Difference>(begin), other.begin(), other.end());
  }

  void sections() {
    const std::size_t i = below(parts_.size());
    const auto at = parts_.begin() + static_cast<Difference>(i);
    switch (below(5)) {
      case 0:
        parts_.erase(at);
        return;
      case 1:
        parts_.insert(at, Part{*at});
        return;
      case 2:
        std::swap(parts_[i], parts_[below(parts_.size())]);
        return;
      case 3:
        at->id = static_cast<std::uint8_t>(below(14));
        return;
      default: {
        const auto others = parts_of(corpus_[below(corpus_.size())]);
        if (others.empty()) return;
        const Part& other = others[below(others.size())];
        const auto same = std::ranges::find(parts_, other.id, &Part::id);
        same == parts_.end() ? void(parts_.insert(at, other)) : void(*same = other);
      }
    }
  }

  Part* code_part() {
    const auto found = std::ranges::find(parts_, std::uint8_t{10}, &Part::id);
    return found == parts_.end() ? nullptr : &*found;
  }
  void code() {
    Part* const part = code_part();
    if (part == nullptr) return;
    auto bodies = bodies_of(part->content);
    if (bodies.empty()) return;
    Bytes& body = bodies[below(bodies.size())];
    switch (below(5)) {
      case 0:
        bytes(body);
        break;
      case 1:
        integer(body);
        break;
      case 2:
        splice(body, bodies[below(bodies.size())]);
        break;
      case 3: {
        const auto others = parts_of(corpus_[below(corpus_.size())]);
        const auto found = std::ranges::find(others, std::uint8_t{10}, &Part::id);
        const auto theirs = found == others.end() ? std::vector<Bytes>{} : bodies_of(found->content);
        if (!theirs.empty()) splice(body, theirs[below(theirs.size())]);
        break;
      }
      default:
        std::swap(body, bodies[below(bodies.size())]);
    }
    part->content = joined(bodies);
  }

  /// Some of its bytes become some of another's: often whole instructions, which are mostly of two bytes.
  void splice(Bytes& body, Bytes other) {
    if (body.empty() || other.empty()) return;
    const std::size_t from = below(other.size());
    const std::size_t length = std::min(other.size() - from, 1 + below(12));
    const std::size_t to = below(body.size());
    const std::size_t replaced = std::min(body.size() - to, below(2) == 0 ? length : below(12));
    body.erase(body.begin() + static_cast<Difference>(to), body.begin() + static_cast<Difference>(to + replaced));
    body.insert(body.begin() + static_cast<Difference>(to), other.begin() + static_cast<Difference>(from),
                other.begin() + static_cast<Difference>(from + length));
  }

  Source& source_;
  const std::vector<Bytes>& corpus_;
  std::vector<Part> parts_;
};

}  // namespace

Bytes mutated(Source& source, const std::vector<Bytes>& corpus) { return Mutation{source, corpus}.make(); }

}  // namespace rvm::wasm::test
