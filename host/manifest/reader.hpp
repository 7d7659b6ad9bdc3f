// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads one TOML table key by key. Every accessor names the key it wants; `finish` then reports the keys nobody asked
// for. A wrong type or value is reported where it stands and the default is returned, so one pass finds every mistake.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/manifest/manifest.hpp"

namespace rvm::host {

/// toml++ 3.3 takes for granted what some texts break, "[\t." for one. Such a text is refused.
struct BrokenTomlAssertion : std::exception {};

}  // namespace rvm::host

#define TOML_ASSERT(...) ((__VA_ARGS__) ? static_cast<void>(0) : throw rvm::host::BrokenTomlAssertion{})
#include <toml++/toml.h>

namespace rvm::host {

struct Choice {
  std::string_view name;
  std::uint32_t value;
};

struct Range {
  std::uint64_t least;
  std::uint64_t greatest;
};

[[nodiscard]] Position position_of(const toml::node& node);

class TableReader;

/// The [[device]] that a table is.
[[nodiscard]] DeviceEntry parse_device(const toml::table& table, Diagnostics& diagnostics);
/// The [coherence] table; without one the engine is off.
[[nodiscard]] rvm_package_coherence parse_coherence(const toml::table& table, Diagnostics& diagnostics);
/// The key `coherence` of a [[partition]] whose type and mode were read: whether it is live.
[[nodiscard]] bool parse_liveness(TableReader& t, const PartitionEntry& partition);

class TableReader {
 public:
  /// `where` names the table in messages, as written in the file: "[[agent]]".
  TableReader(const toml::table& table, std::string_view where, Diagnostics& diagnostics)
      : table_(table), where_(where), diagnostics_(diagnostics) {}

  std::string text(std::string_view key, std::string_view fallback = {});
  Located<std::string> required_text(std::string_view key);
  std::vector<std::string> texts(std::string_view key);
  /// A text or a list of texts.
  std::vector<Located<std::string>> required_text_or_texts(std::string_view key);
  bool flag(std::string_view key, bool fallback);
  std::uint64_t number(std::string_view key, std::uint64_t fallback, Range range);
  std::optional<std::uint64_t> optional_number(std::string_view key, Range range);
  /// A list of as many numbers as `out` has, each at least the one before; else `out` stays as it is.
  void ascending_numbers(std::string_view key, std::span<std::uint16_t> out, Range range);
  std::int64_t signed_number(std::string_view key, std::int64_t fallback, std::int64_t least, std::int64_t greatest);
  /// A number of bytes, or a text such as "64K"; whole pages if `pages`.
  std::uint64_t size(std::string_view key, std::uint64_t fallback, Range range, bool pages);
  /// A text such as "1ms".
  Nanoseconds duration(std::string_view key, Nanoseconds fallback, Range range);
  std::uint32_t choice(std::string_view key, std::uint32_t fallback, std::span<const Choice> choices);
  std::string choice_text(std::string_view key, std::string_view fallback, std::span<const std::string_view> choices);
  /// A required, non-empty list of choices, or-ed together.
  std::uint32_t required_flags(std::string_view key, std::span<const Choice> choices);

  const toml::table* table(std::string_view key);
  /// The tables of `[[key]]`.
  std::vector<const toml::table*> tables(std::string_view key);

  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  /// Where `key` stands, or the table if it does not.
  [[nodiscard]] Position at(std::string_view key) const;
  void report(Position at, std::string message);
  /// Reports what is no name (check_name); an empty one was reported when it was read.
  void check_name_of(const Located<std::string>& name, std::size_t limit);
  /// Reports unknown keys, with the nearest known one.
  void finish();

 private:
  const toml::node* find(std::string_view key);
  void wrong(const toml::node& node, std::string_view key, std::string_view wanted);
  std::optional<std::uint64_t> in_range(const toml::node& node, std::string_view key, std::uint64_t value, Range range);

  const toml::table& table_;
  std::string where_;
  Diagnostics& diagnostics_;
  std::vector<std::string_view> known_;
};

}  // namespace rvm::host
