// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/machine/coherence_report.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "rvm/abi.h"

namespace rvm::host {

namespace {

using PlainJson = nlohmann::json;

struct Number {
  const char* key;
  std::uint64_t CoherenceReport::* member;
};
constexpr std::array numbers{Number{"splits", &CoherenceReport::splits},
                             Number{"merges", &CoherenceReport::merges},
                             Number{"migrations", &CoherenceReport::migrations},
                             Number{"aborted", &CoherenceReport::aborted},
                             Number{"cross_bytes", &CoherenceReport::cross_bytes},
                             Number{"total_bytes", &CoherenceReport::total_bytes},
                             Number{"epochs", &CoherenceReport::epochs},
                             Number{"degraded_epochs", &CoherenceReport::degraded_epochs},
                             Number{"budget_exceeded", &CoherenceReport::budget_exceeded},
                             Number{"engine_ns", &CoherenceReport::engine_ns},
                             Number{"longest_ns", &CoherenceReport::longest_ns},
                             Number{"busy_ns", &CoherenceReport::busy_ns}};

// In the order of the enumerators.
constexpr std::array<std::string_view, 3> hows{"migrate", "split", "merge"};
constexpr std::array<std::string_view, 5> reasons{"traffic", "cohesion", "pressure", "trust", "request"};

/// Takes keys from an object one by one; `complete` when each was there with its type and no other key is.
class StrictReader {
 public:
  StrictReader(std::string_view json, std::string_view type)
      : object_(PlainJson::parse(json, nullptr, /*allow_exceptions=*/false)) {
    sound_ = object_.is_object() && text("t") == type;
  }

  std::uint64_t number(const char* key) {
    const PlainJson* const value = find(key);
    // A negative number is an integer that is not unsigned, one beyond 64 bits is no integer.
    return refuse_unless(value != nullptr && value->is_number_unsigned()) ? value->get<std::uint64_t>() : 0;
  }
  std::string text(const char* key) {
    const PlainJson* const value = find(key);
    return refuse_unless(value != nullptr && value->is_string()) ? value->get<std::string>() : std::string{};
  }
  /// A name as kernel objects have them: it can be printed anywhere.
  std::string name(const char* key) {
    std::string value = text(key);
    const bool printable = std::ranges::all_of(value, [](char c) { return c > ' ' && c < 0x7f; });
    refuse_unless(printable && value.size() < RVM_NAME_BYTES);
    return value;
  }
  template <typename Enumeration>
  Enumeration choice(const char* key, std::span<const std::string_view> names) {
    const auto found = std::ranges::find(names, text(key));
    return refuse_unless(found != names.end()) ? static_cast<Enumeration>(found - names.begin()) : Enumeration{};
  }
  /// Numbers, none of them twice.
  std::vector<std::uint64_t> numbers(const char* key) {
    const PlainJson* const value = find(key);
    std::vector<std::uint64_t> out;
    if (!refuse_unless(value != nullptr && value->is_array())) return out;
    for (const PlainJson& item : *value) {
      if (!refuse_unless(item.is_number_unsigned())) return out;
      const auto number = item.get<std::uint64_t>();
      refuse_unless(std::ranges::find(out, number) == out.end());
      out.push_back(number);
    }
    return out;
  }
  bool refuse_unless(bool condition) {
    sound_ = sound_ && condition;
    return condition;
  }
  [[nodiscard]] bool complete() const { return sound_ && taken_ == object_.size(); }

 private:
  const PlainJson* find(const char* key) {
    if (!object_.is_object()) return nullptr;
    const auto it = object_.find(key);
    if (it == object_.end()) return nullptr;
    ++taken_;
    return &*it;
  }

  PlainJson object_;
  std::size_t taken_ = 0;
  bool sound_ = true;
};

}  // namespace

std::optional<CoherenceReport> parse_coherence_report(std::string_view json) {
  StrictReader in(json, "coherence");
  CoherenceReport report;
  for (const auto& [key, member] : numbers) report.*member = in.number(key);
  in.refuse_unless(report.cross_bytes <= report.total_bytes && report.degraded_epochs <= report.epochs);
  return in.complete() ? std::optional{report} : std::nullopt;
}

std::optional<MoveReport> parse_move_report(std::string_view json) {
  StrictReader in(json, "moved");
  MoveReport move;
  move.how = in.choice<MoveReport::How>("how", hows);
  move.reason = in.choice<MoveReport::Reason>("reason", reasons);
  move.agents = in.number("agents");
  move.from = in.number("from");
  move.to = in.number("to");
  move.from_name = in.name("from_name");
  move.to_name = in.name("to_name");
  move.agent = in.name("agent");
  move.ids = in.numbers("ids");
  in.refuse_unless(move.from != move.to && !move.from_name.empty() && !move.to_name.empty());
  in.refuse_unless(move.agents != 0 || (move.how == MoveReport::How::merge && move.agent.empty()));
  in.refuse_unless(move.ids.size() == move.agents);
  return in.complete() ? std::optional{std::move(move)} : std::nullopt;
}

}  // namespace rvm::host
