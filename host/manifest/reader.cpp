// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/manifest/reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/common/nearest.hpp"
#include "host/common/units.hpp"

namespace rvm::host {

namespace {

std::string list(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += fmt::format("{}'{}'", i == 0 ? "" : (i + 1 == names.size() ? " or " : ", "), names[i]);
  }
  return text;
}

std::string unknown_choice(std::string_view key, std::string_view value, std::span<const std::string_view> names) {
  std::string message = fmt::format("'{}' cannot be '{}': it is {}", key, value, list(names));
  if (const auto guess = nearest(value, names); !guess.empty()) {
    message += fmt::format("; did you mean '{}'?", guess);
  }
  return message;
}

std::vector<std::string_view> names_of(std::span<const Choice> choices) {
  std::vector<std::string_view> names;
  for (const Choice& c : choices) {
    names.push_back(c.name);
  }
  return names;
}

const Choice* find_choice(std::span<const Choice> choices, std::string_view name) {
  const auto it = std::ranges::find(choices, name, &Choice::name);
  return it == choices.end() ? nullptr : &*it;
}

}  // namespace

Position position_of(const toml::node& node) {
  const auto begin = node.source().begin;
  return {static_cast<std::uint32_t>(begin.line), static_cast<std::uint32_t>(begin.column)};
}

const toml::node* TableReader::find(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

Position TableReader::at(std::string_view key) const {
  const toml::node* const node = table_.get(key);
  return position_of(node != nullptr ? *node : static_cast<const toml::node&>(table_));
}

void TableReader::report(Position at, std::string message) { diagnostics_.push_back({at, std::move(message)}); }

void TableReader::wrong(const toml::node& node, std::string_view key, std::string_view wanted) {
  report(position_of(node), fmt::format("'{}' in {} must be {}", key, where_, wanted));
}

std::string TableReader::text(std::string_view key, std::string_view fallback) {
  const toml::node* const node = find(key);
  if (node == nullptr) {
    return std::string(fallback);
  }
  if (!node->is_string()) {
    wrong(*node, key, "a text in quotes");
    return std::string(fallback);
  }
  return node->as_string()->get();
}

Located<std::string> TableReader::required_text(std::string_view key) {
  if (!table_.contains(key)) {
    report(position_of(table_), fmt::format("{} lacks '{}'", where_, key));
  }
  const Position where = at(key);
  return {text(key), where};
}

std::vector<std::string> TableReader::texts(std::string_view key) {
  const toml::node* const node = find(key);
  std::vector<std::string> out;
  if (node == nullptr) {
    return out;
  }
  const toml::array* const items = node->as_array();
  if (items == nullptr) {
    wrong(*node, key, "a list of texts");
    return out;
  }
  for (const toml::node& item : *items) {
    if (!item.is_string()) {
      wrong(item, key, "a list of texts");
    } else {
      out.push_back(item.as_string()->get());
    }
  }
  return out;
}

std::vector<Located<std::string>> TableReader::required_text_or_texts(std::string_view key) {
  const toml::node* const node = table_.get(key);
  if (node == nullptr || !node->is_array()) {
    return {required_text(key)};
  }
  known_.push_back(key);
  std::vector<Located<std::string>> out;
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_string()) {
      wrong(item, key, "a text or a list of texts");
    } else {
      out.push_back({item.as_string()->get(), position_of(item)});
    }
  }
  if (out.empty()) {
    wrong(*node, key, "a text or a list of at least one text");
    out.emplace_back();
  }
  return out;
}

bool TableReader::flag(std::string_view key, bool fallback) {
  const toml::node* const node = find(key);
  if (node == nullptr) {
    return fallback;
  }
  if (!node->is_boolean()) {
    wrong(*node, key, "true or false");
    return fallback;
  }
  return node->as_boolean()->get();
}

std::optional<std::uint64_t> TableReader::in_range(const toml::node& node, std::string_view key, std::uint64_t value,
                                                   Range range) {
  if (value >= range.least && value <= range.greatest) {
    return value;
  }
  report(position_of(node),
         fmt::format("'{}' in {} is {}; it must be from {} to {}", key, where_, value, range.least, range.greatest));
  return std::nullopt;
}

std::optional<std::uint64_t> TableReader::optional_number(std::string_view key, Range range) {
  const toml::node* const node = find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_integer() || node->as_integer()->get() < 0) {
    wrong(*node, key, fmt::format("a whole number from {} to {}", range.least, range.greatest));
    return std::nullopt;
  }
  return in_range(*node, key, static_cast<std::uint64_t>(node->as_integer()->get()), range);
}

std::uint64_t TableReader::number(std::string_view key, std::uint64_t fallback, Range range) {
  return optional_number(key, range).value_or(fallback);
}

void TableReader::ascending_numbers(std::string_view key, std::span<std::uint16_t> out, Range range) {
  const toml::node* const node = find(key);
  if (node == nullptr) {
    return;
  }
  std::vector<std::uint16_t> values;
  if (const toml::array* const items = node->as_array(); items != nullptr && items->size() == out.size()) {
    for (const toml::node& item : *items) {
      const std::int64_t value = item.is_integer() ? item.as_integer()->get() : -1;
      const std::uint64_t least = values.empty() ? range.least : values.back();
      if (value < 0 || static_cast<std::uint64_t>(value) < least ||
          static_cast<std::uint64_t>(value) > range.greatest) {
        break;
      }
      values.push_back(static_cast<std::uint16_t>(value));
    }
  }
  if (values.size() != out.size()) {
    wrong(*node, key,
          fmt::format("a list of {} whole numbers from {} to {}, none less than the one before", out.size(),
                      range.least, range.greatest));
    return;
  }
  std::ranges::copy(values, out.begin());
}

std::int64_t TableReader::signed_number(std::string_view key, std::int64_t fallback, std::int64_t least,
                                        std::int64_t greatest) {
  const toml::node* const node = find(key);
  if (node == nullptr) {
    return fallback;
  }
  const std::int64_t value = node->is_integer() ? node->as_integer()->get() : least - 1;
  if (value < least || value > greatest) {
    wrong(*node, key, fmt::format("a whole number from {} to {}", least, greatest));
    return fallback;
  }
  return value;
}

std::uint64_t TableReader::size(std::string_view key, std::uint64_t fallback, Range range, bool pages) {
  const toml::node* const node = find(key);
  if (node == nullptr) {
    return fallback;
  }
  std::optional<std::uint64_t> value;
  if (node->is_integer() && node->as_integer()->get() >= 0) {
    value = static_cast<std::uint64_t>(node->as_integer()->get());
  } else if (node->is_string()) {
    value = parse_size(node->as_string()->get());
  }
  if (!value) {
    wrong(*node, key, "a size in bytes, such as 65536, \"64K\" or \"1M\"");
    return fallback;
  }
  if (*value < range.least || *value > range.greatest) {
    report(position_of(*node), fmt::format("'{}' in {} is {}; it must be from {} to {}", key, where_,
                                           format_size(*value), format_size(range.least), format_size(range.greatest)));
    return fallback;
  }
  if (pages && *value % RVM_PAGE_SIZE != 0) {
    wrong(*node, key, "a multiple of 4K");
    return fallback;
  }
  return *value;
}

Nanoseconds TableReader::duration(std::string_view key, Nanoseconds fallback, Range range) {
  const toml::node* const node = find(key);
  if (node == nullptr) {
    return fallback;
  }
  const auto value = node->is_string() ? parse_duration(node->as_string()->get()) : std::nullopt;
  if (!value) {
    wrong(*node, key, "a duration with its unit, such as \"250us\", \"1ms\" or \"10s\"");
    return fallback;
  }
  if (value->value < range.least || value->value > range.greatest) {
    report(position_of(*node),
           fmt::format("'{}' in {} is {}; it must be from {} to {}", key, where_, format_duration(*value),
                       format_duration(Nanoseconds{range.least}), format_duration(Nanoseconds{range.greatest})));
    return fallback;
  }
  return *value;
}

std::string TableReader::choice_text(std::string_view key, std::string_view fallback,
                                     std::span<const std::string_view> choices) {
  const Position where = at(key);
  std::string value = text(key, fallback);
  if (std::ranges::find(choices, value) == choices.end()) {
    report(where, unknown_choice(key, value, choices));
    return std::string(fallback);
  }
  return value;
}

std::uint32_t TableReader::choice(std::string_view key, std::uint32_t fallback, std::span<const Choice> choices) {
  if (!table_.contains(key)) {
    known_.push_back(key);
    return fallback;
  }
  const auto names = names_of(choices);
  const Choice* const chosen = find_choice(choices, choice_text(key, names.front(), names));
  return chosen == nullptr ? fallback : chosen->value;
}

std::uint32_t TableReader::required_flags(std::string_view key, std::span<const Choice> choices) {
  const std::size_t before = diagnostics_.size();
  const auto names = names_of(choices);
  std::uint32_t flags = 0;
  for (const std::string& value : texts(key)) {
    if (const Choice* const c = find_choice(choices, value); c != nullptr) {
      flags |= c->value;
    } else {
      report(at(key), unknown_choice(key, value, names));
    }
  }
  if (flags == 0 && diagnostics_.size() == before) {
    report(at(key), fmt::format("{} needs '{}', a list of {}", where_, key, list(names)));
  }
  return flags;
}

const toml::table* TableReader::table(std::string_view key) {
  const toml::node* const node = find(key);
  if (node == nullptr) {
    return nullptr;
  }
  if (!node->is_table()) {
    report(position_of(*node), fmt::format("'{}' must be a table: write [{}] on a line of its own", key, key));
    return nullptr;
  }
  return node->as_table();
}

std::vector<const toml::table*> TableReader::tables(std::string_view key) {
  const toml::node* const node = find(key);
  std::vector<const toml::table*> out;
  if (node == nullptr) {
    return out;
  }
  const toml::array* const items = node->as_array();
  if (items == nullptr || !std::ranges::all_of(*items, [](const toml::node& n) { return n.is_table(); })) {
    report(position_of(*node), fmt::format("'{}' must be a list of tables: write [[{}]] above each", key, key));
    return out;
  }
  for (const toml::node& item : *items) {
    out.push_back(item.as_table());
  }
  return out;
}

void TableReader::check_name_of(const Located<std::string>& name, std::size_t limit) {
  if (auto wrong = name.value.empty() ? std::nullopt : check_name(name.value, limit)) {
    report(name.at, *wrong);
  }
}

void TableReader::finish() {
  for (const auto& [key, node] : table_) {
    const std::string_view name = key.str();
    if (std::ranges::find(known_, name) != known_.end()) {
      continue;
    }
    const auto begin = key.source().begin;
    std::string message = fmt::format("unknown key '{}' in {}", name, where_);
    if (const auto guess = nearest(name, known_); !guess.empty()) {
      message += fmt::format("; did you mean '{}'?", guess);
    }
    report({static_cast<std::uint32_t>(begin.line), static_cast<std::uint32_t>(begin.column)}, std::move(message));
  }
}

}  // namespace rvm::host
