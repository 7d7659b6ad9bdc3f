// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/common/units.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

namespace rvm::host {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array size_units{Unit{"", 1},           Unit{"B", 1},
                                Unit{"K", 1ull << 10}, Unit{"KiB", 1ull << 10},
                                Unit{"M", 1ull << 20}, Unit{"MiB", 1ull << 20},
                                Unit{"G", 1ull << 30}, Unit{"GiB", 1ull << 30},
                                Unit{"T", 1ull << 40}, Unit{"TiB", 1ull << 40}};
constexpr std::array time_units{Unit{"ns", 1},
                                Unit{"us", 1'000},
                                Unit{"ms", 1'000'000},
                                Unit{"s", 1'000'000'000},
                                Unit{"m", 60'000'000'000},
                                Unit{"h", 3'600'000'000'000}};

/// The value of a digit; at least `base` for a character that is none.
constexpr unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') {
    return static_cast<unsigned>(c - '0');
  }
  if (c >= 'a' && c <= 'f') {
    return static_cast<unsigned>(c - 'a') + 10;
  }
  return c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10 : UINT32_MAX;
}

/// Decimal digits, an optional fraction of at most nine digits, a unit. The fraction must come out whole.
std::optional<std::uint64_t> parse_quantity(std::string_view rest, std::span<const Unit> units) {
  const auto whole = take_number(rest);
  if (!whole) {
    return std::nullopt;
  }
  std::uint64_t fraction = 0;
  std::uint64_t scale = 1;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    std::size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
      fraction = fraction * 10 + static_cast<std::uint64_t>(rest[digits] - '0');
      scale *= 10;
      if (++digits > 9) {
        return std::nullopt;
      }
    }
    if (digits == 0) {
      return std::nullopt;
    }
    rest.remove_prefix(digits);
  }
  for (const Unit& unit : units) {
    if (unit.name != rest) {
      continue;
    }
    std::uint64_t value = 0;
    std::uint64_t part = 0;
    if (__builtin_mul_overflow(*whole, unit.factor, &value) || __builtin_mul_overflow(fraction, unit.factor, &part) ||
        part % scale != 0 || __builtin_add_overflow(value, part / scale, &value)) {
      return std::nullopt;
    }
    return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> take_number(std::string_view& text, unsigned base) {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && digit_value(text[digits]) < base; ++digits) {
    if (__builtin_mul_overflow(value, base, &value) ||
        __builtin_add_overflow(value, digit_value(text[digits]), &value)) {
      return std::nullopt;
    }
  }
  if (digits == 0) {
    return std::nullopt;
  }
  text.remove_prefix(digits);
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse_quantity(text, size_units); }

std::optional<Nanoseconds> parse_duration(std::string_view text) {
  const auto value = parse_quantity(text, time_units);
  return value ? std::optional{Nanoseconds{*value}} : std::nullopt;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> names{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  std::uint64_t divisor = 1;
  while (unit + 1 < names.size() && bytes / divisor >= 1024) {
    divisor <<= 10;
    ++unit;
  }
  if (bytes % divisor == 0) {
    return fmt::format("{} {}", bytes / divisor, names.at(unit));
  }
  return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(divisor), names.at(unit));
}

std::string format_duration(Nanoseconds duration) {
  constexpr std::array<std::pair<double, std::string_view>, 4> steps{
      {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1.0, "ns"}}};
  const auto value = static_cast<double>(duration.value);
  for (const auto& [factor, name] : steps) {
    if (value >= factor || factor == 1.0) {
      return fmt::format("{:.3g} {}", value / factor, name);
    }
  }
  return "0 ns";
}

std::string format_count(std::uint64_t value) {
  std::string digits = fmt::format("{}", value);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string format_count(std::uint64_t value, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", format_count(value), value == 1 ? one : many);
}

std::string hex(std::span<const std::byte> data) {
  std::string text;
  text.reserve(data.size() * 2);
  for (const std::byte b : data) {
    text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  }
  return text;
}

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
  std::vector<std::byte> out;
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  for (; !text.empty(); text.remove_prefix(2)) {
    std::string_view pair = text.substr(0, 2);
    const auto value = take_number(pair, 16);
    if (!value || !pair.empty()) {
      return std::nullopt;
    }
    out.push_back(static_cast<std::byte>(*value));
  }
  return out;
}

}  // namespace rvm::host
