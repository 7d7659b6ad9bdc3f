// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <sstream>
#include <string>

#include "host/control/describe.hpp"
#include "host/control/graph.hpp"
#include "host/control/top.hpp"

namespace rvm::host {
namespace {

void name(char (&field)[RVM_NAME_BYTES], std::string_view text) { text.copy(field, RVM_NAME_BYTES - 1); }

/// Two partitions, three agents, an edge within and one across.
Snapshot sample() {
  Snapshot s;
  s.machine.now_ns = 5'000'000'000;
  s.machine.cores = 2;
  s.machine.pages = 1000;
  s.machine.pages_free = 400;
  for (const auto& [id, text] : {std::pair{1u, "home"}, std::pair{2u, "away"}}) {
    rvm_partition_status p{};
    p.id = id;
    p.state = RVM_PARTITION_STATE_RUNNING;
    p.coherence_bp = p.pressure_bp = p.cohesion_bp = RVM_UNKNOWN;
    name(p.name, text);
    s.partitions.push_back(p);
  }
  s.partitions[1].pressure_bp = 1234;
  for (const auto& [id, text, partition] :
       {std::tuple{1u, "ping", 1u}, std::tuple{2u, "pong", 2u}, std::tuple{3u, "pal", 1u}}) {
    rvm_agent_status a{};
    a.id = id;
    a.partition = partition;
    a.state = RVM_AGENT_STATE_RUNNING;
    a.wait = RVM_WAIT_RECEIVE;
    a.cpu_ns = 1'000'000'000 * id;
    a.messages = 100 * id;
    name(a.name, text);
    s.agents.push_back(a);
  }
  s.edges.push_back({.id = 1,
                     .sender = 1,
                     .receiver = 2,
                     .queued = 3,
                     .capacity = 16,
                     .messages = 1000,
                     .bytes = 64'000,
                     .weight = 0,
                     .reserved = 0});
  s.edges.push_back({.id = 2,
                     .sender = 3,
                     .receiver = 1,
                     .queued = 0,
                     .capacity = 16,
                     .messages = 1,
                     .bytes = 8,
                     .weight = 0,
                     .reserved = 0});
  s.edges.push_back({.id = 3,
                     .sender = 0,
                     .receiver = 1,
                     .queued = 0,
                     .capacity = 16,
                     .messages = 1,
                     .bytes = 8,
                     .weight = 0,
                     .reserved = 0});
  return s;
}

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("a graph shows every partition, agent and whole edge once, and which edges cross a boundary") {
  const Snapshot s = sample();
  const std::string text = graph_text(s);
  for (const char* part : {"home (1)", "away (2)", "ping (1)", "pong (2)", "pal (3)", "1,000 messages"})
    CHECK_MESSAGE(text.contains(part), text);
  CHECK(count(text, "|=>") == 1);
  const std::string dot = graph_dot(s);
  CHECK(count(dot, "subgraph cluster_") == 2);
  CHECK(count(dot, " -> ") == 2);
  CHECK(count(dot, "firebrick") == 1);
  CHECK(dot.contains("a1 -> a2"));
  const std::string svg = graph_svg(s);
  CHECK(count(svg, "<rect") == 2);
  CHECK(count(svg, "<circle") == 3);
  CHECK(count(svg, "class=\"x\"") == 1);
  CHECK(count(svg, "class=\"e\"") == 1);
  CHECK(graph_svg(s) == svg);
  // The order in which a machine tells of its objects does not matter.
  Snapshot other = s;
  std::ranges::reverse(other.agents);
  std::ranges::reverse(other.partitions);
  CHECK(graph_svg(other) == svg);
  CHECK(graph_text(other) == text);
}

TEST_CASE("names that are markup stay names") {
  Snapshot s = sample();
  std::memset(s.agents[0].name, 0, sizeof s.agents[0].name);
  name(s.agents[0].name, "<b>\"&\\");
  CHECK(!graph_svg(s).contains("<b>"));
  CHECK(graph_dot(s).contains(R"("<b>\"&\\")"));
}

TEST_CASE("a screen of top has the height and the width that are asked for, and rates between two looks") {
  TopView view{"machine", sample(), sample(), {}, {}};
  view.now.machine.now_ns += 2'000'000'000;
  view.now.agents[0].cpu_ns += 1'000'000'000;
  view.now.agents[0].messages += 5000;
  view.now.edges[0].messages += 20;
  view.decisions.push_back({.sequence = 9,
                            .timestamp_ns = 1'000'000,
                            .action_kind = witness::Kind::task_suspend,
                            .proof_tier = 1,
                            .flags = 0,
                            .actor_partition = 2,
                            .target_object = 3,
                            .capability_hash = 0,
                            .payload = 0,
                            .prev_hash = 0,
                            .record_hash = 0,
                            .aux = 0});
  const std::string screen = top_frame(view, 80, 24);
  std::istringstream lines(screen);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line); ++number) CHECK(line.size() <= 80);
  CHECK(number <= 24);
  CHECK_MESSAGE(screen.contains("50.0"), screen);  // a second of two
  CHECK_MESSAGE(screen.contains("2500"), screen);  // messages a second
  CHECK(screen.contains("12.3 %"));                // pressure
  CHECK(screen.contains("TaskSuspend of agent 3 by away"));
  for (unsigned width : {20u, 40u, 200u}) {
    for (unsigned height : {8u, 10u, 60u}) {
      const std::string small = top_frame(view, width, height);
      CHECK(static_cast<unsigned>(std::ranges::count(small, '\n')) <= height);
    }
  }
  view.before.reset();
  CHECK(top_frame(view, 80, 24).contains("PARTITION"));
}

TEST_CASE("objects are found by name or id, and what is not there or not clear is said") {
  Snapshot s = sample();
  CHECK((*find_agent(s, "pong"))->id == 2);
  CHECK((*find_agent(s, "3"))->id == 3);
  CHECK(find_agent(s, "pnog").error().cure.contains("pong"));
  std::memset(s.agents[2].name, 0, sizeof s.agents[2].name);
  name(s.agents[2].name, "ping");
  const auto twice = find_agent(s, "ping");
  REQUIRE(!twice);
  CHECK(twice.error().cure.contains("1, 3"));
  CHECK(basis_points(RVM_UNKNOWN) == "-");
  CHECK(json_of(s)["partitions"][0]["coherence_bp"].is_null());
}

}  // namespace rvm::host
