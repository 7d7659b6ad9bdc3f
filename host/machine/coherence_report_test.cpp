// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/machine/coherence_report.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "host/machine/console.hpp"

using namespace rvm::host;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::string_view coherence_line =
    R"({"t":"coherence","splits":3,"merges":2,"migrations":17,"aborted":1,"cross_bytes":120,"total_bytes":1000,)"
    R"("epochs":500,"degraded_epochs":4,"budget_exceeded":9,"engine_ns":4000,"longest_ns":40,"busy_ns":1000000})";
constexpr std::string_view moved_line =
    R"({"t":"moved","how":"migrate","reason":"traffic","agents":1,"from":3,"to":6,"from_name":"cell-1",)"
    R"("to_name":"cell-4","agent":"writer-3","ids":[12]})";

/// `line` with one key set to a JSON value.
std::string with(std::string_view line, const char* key, const Json& value) {
  Json object = Json::parse(line);
  object[key] = value;
  return object.dump();
}
std::string without(std::string_view line, const std::string& key) {
  Json object = Json::parse(line);
  object.erase(key);
  return object.dump();
}

}  // namespace

TEST_CASE("the closing report of the coherence engine") {
  const auto report = parse_coherence_report(coherence_line);
  REQUIRE(report);
  CHECK(report->splits == 3);
  CHECK(report->merges == 2);
  CHECK(report->migrations == 17);
  CHECK(report->aborted == 1);
  CHECK(report->cross_bytes == 120);
  CHECK(report->total_bytes == 1000);
  CHECK(report->epochs == 500);
  CHECK(report->degraded_epochs == 4);
  CHECK(report->budget_exceeded == 9);
  CHECK(report->engine_ns == 4000);
  CHECK(report->longest_ns == 40);
  CHECK(report->busy_ns == 1'000'000);
  CHECK(report->engine_share() == doctest::Approx(0.004));
  CHECK(CoherenceReport{}.engine_share() == 0.0);
}

TEST_CASE("a closing report with a key missing, too many, of another type or in contradiction is refused") {
  for (const auto& item : Json::parse(coherence_line).items()) {
    INFO(item.key());
    CHECK_FALSE(parse_coherence_report(without(coherence_line, item.key())));
    for (const Json& wrong : {Json(-1), Json(1.5), Json("1"), Json(nullptr), Json(true), Json::array()}) {
      CHECK_FALSE(parse_coherence_report(with(coherence_line, item.key().c_str(), wrong)));
    }
  }
  CHECK_FALSE(parse_coherence_report(with(coherence_line, "more", 1)));
  CHECK_FALSE(parse_coherence_report(with(coherence_line, "t", "moved")));
  CHECK_FALSE(parse_coherence_report(with(coherence_line, "cross_bytes", 1001)));
  CHECK(parse_coherence_report(with(coherence_line, "cross_bytes", 1000)));
  CHECK_FALSE(parse_coherence_report(with(coherence_line, "degraded_epochs", 501)));
  CHECK(parse_coherence_report(with(coherence_line, "busy_ns", UINT64_MAX)));
  for (const std::string_view text : {"", "[]", "7", "{", "{}", "null"}) {
    CHECK_FALSE(parse_coherence_report(text));
    CHECK_FALSE(parse_move_report(text));
  }
}

TEST_CASE("the report of a move") {
  const auto move = parse_move_report(moved_line);
  REQUIRE(move);
  CHECK(is_move_report(moved_line));
  CHECK_FALSE(is_move_report(coherence_line));
  CHECK(move->how == MoveReport::How::migrate);
  CHECK(move->reason == MoveReport::Reason::traffic);
  CHECK(move->agents == 1);
  CHECK(move->from == 3);
  CHECK(move->to == 6);
  CHECK(move->from_name == "cell-1");
  CHECK(move->to_name == "cell-4");
  CHECK(move->agent == "writer-3");
  CHECK(move->ids == std::vector<std::uint64_t>{12});
  CHECK(parse_move_report(with(moved_line, "how", "split"))->how == MoveReport::How::split);
  CHECK(parse_move_report(with(moved_line, "how", "merge"))->how == MoveReport::How::merge);
  CHECK(parse_move_report(with(moved_line, "reason", "cohesion"))->reason == MoveReport::Reason::cohesion);
  CHECK(parse_move_report(with(moved_line, "reason", "pressure"))->reason == MoveReport::Reason::pressure);
  CHECK(parse_move_report(with(moved_line, "reason", "trust"))->reason == MoveReport::Reason::trust);
  CHECK(parse_move_report(with(moved_line, "reason", "request"))->reason == MoveReport::Reason::request);
  CHECK(parse_move_report(with(moved_line, "agent", "")));
}

TEST_CASE("a report of a move that is not exactly one is refused") {
  for (const auto& item : Json::parse(moved_line).items()) {
    INFO(item.key());
    CHECK_FALSE(parse_move_report(without(moved_line, item.key())));
    const bool number = !item.value().is_string();
    CHECK_FALSE(parse_move_report(with(moved_line, item.key().c_str(), number ? Json("1") : Json(1))));
    CHECK_FALSE(parse_move_report(with(moved_line, item.key().c_str(), Json(-1))));
  }
  CHECK_FALSE(parse_move_report(with(moved_line, "more", 1)));
  CHECK_FALSE(parse_move_report(with(moved_line, "how", "teleport")));
  CHECK_FALSE(parse_move_report(with(moved_line, "reason", "")));
  CHECK_FALSE(parse_move_report(with(moved_line, "to", 3)));  // where it is
  CHECK_FALSE(parse_move_report(with(moved_line, "from_name", "")));
  CHECK_FALSE(parse_move_report(with(moved_line, "to_name", "")));
  CHECK_FALSE(parse_move_report(with(moved_line, "agent", "two words")));
  CHECK_FALSE(parse_move_report(with(moved_line, "agent", "\033[2J")));
  CHECK_FALSE(parse_move_report(with(moved_line, "agent", std::string(32, 'a'))));
  CHECK(parse_move_report(with(moved_line, "agent", std::string(31, 'a'))));
  const std::string nobody = with(with(moved_line, "agents", 0), "ids", Json::array());
  CHECK_FALSE(parse_move_report(nobody));
  CHECK_FALSE(parse_move_report(with(nobody, "how", "merge")));
  CHECK(parse_move_report(with(with(nobody, "how", "merge"), "agent", "")));
  // As many as are named, each once.
  CHECK_FALSE(parse_move_report(with(moved_line, "ids", Json::array())));
  CHECK_FALSE(parse_move_report(with(moved_line, "ids", {12, 13})));
  CHECK_FALSE(parse_move_report(with(moved_line, "ids", {-12})));
  CHECK_FALSE(parse_move_report(with(moved_line, "ids", {"12"})));
  CHECK(parse_move_report(with(with(moved_line, "agents", 2), "ids", {12, 13})));
  CHECK_FALSE(parse_move_report(with(with(moved_line, "agents", 2), "ids", {12, 12})));
}

TEST_CASE("the console's reports of the coherence engine are collected, or kept as not understood") {
  const auto take = [](MachineReport& report, const std::string& json) { report.take(classify("rvm# " + json)); };
  MachineReport report;
  CHECK_FALSE(report.coherence);
  take(report, std::string(moved_line));
  CHECK(report.malformed.empty());
  take(report, std::string(coherence_line));
  CHECK(report.malformed.empty());
  REQUIRE(report.coherence);
  CHECK(report.coherence->migrations == 17);
  take(report, with(coherence_line, "migrations", 18));  // there is one
  CHECK(report.coherence->migrations == 17);
  take(report, with(coherence_line, "migrations", -1));
  take(report, with(moved_line, "agents", 0));
  CHECK(report.malformed.size() == 3);
}
