// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <set>
#include <sstream>

#include "host/manifest/swarm.hpp"

using namespace rvm;
using namespace rvm::host;

namespace {

constexpr std::string_view two_agents = R"(development = true
[[partition]]
name = "left"
[[partition]]
name = "right"
[[agent]]
name = "ping"
partition = "left"
module = "ping"
[[agent]]
name = "pong"
partition = "right"
module = "pong"
)";

/// The one complaint about `two_agents` followed by `addition`, as LINE:COLUMN: message.
std::string complaint(const std::string& addition, std::string_view base = two_agents) {
  const auto manifest = parse_manifest(std::string(base) + addition);
  Diagnostics found;
  if (!manifest) {
    found = manifest.error();
  } else if (const auto swarm = expand(*manifest); !swarm) {
    found = swarm.error();
  }
  std::string text;
  for (const Diagnostic& d : found) {
    text += fmt::format("{}{}:{}: {}", text.empty() ? "" : "\n", d.at.line, d.at.column, d.message);
  }
  return text;
}

std::string slurp(const std::filesystem::path& path) {
  std::stringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

const std::filesystem::path source{RVM_SOURCE};

}  // namespace

TEST_CASE("manifest: control characters are refused with their place") {
  for (const std::string_view bad : {"[\x03\n[", "a = 1\n#\x7f", "[\x01"}) {
    const auto parsed = parse_manifest(bad);
    REQUIRE(!parsed);
    CHECK(parsed.error().front().message.starts_with("a control character"));
  }
}

TEST_CASE("manifest: what breaks an assertion of the TOML library is refused") { CHECK(!parse_manifest("\t[\t.")); }

TEST_CASE("manifest: a character beyond ASCII outside of texts is refused with its place") {
  // Found by fuzzing: the TOML library ran into undefined behaviour here.
  const auto parsed = parse_manifest("development = true\ni\xef\xbb\xbe = 1\n");
  REQUIRE(!parsed);
  CHECK(parsed.error().front().at.line == 2);
  CHECK(parsed.error().front().at.column == 2);
  // A hash inside of a text begins no comment.
  for (const std::string_view bad :
       {"\"#\"=\xef\xba\xbf", "a = '#' \xc3\xa9", "a = \"\"\"\n#\"\"\" \xc3\xa9", "a = \"\\\"#\" \xc3\xa9"}) {
    CAPTURE(bad);
    const auto other = parse_manifest(bad);
    REQUIRE(!other);
    CHECK(other.error().front().message.starts_with("characters beyond ASCII"));
  }
  const auto in_comments = parse_manifest("a = \"#\" # \xc3\xa9\n# \xc3\xa9\n");
  REQUIRE(!in_comments);
  CHECK(!in_comments.error().front().message.starts_with("characters beyond ASCII"));
}

TEST_CASE("a small manifest") {
  const auto manifest = parse_manifest(two_agents);
  REQUIRE(manifest);
  CHECK(manifest->development);
  CHECK(manifest->machine.cpus == 2);
  CHECK(manifest->machine.memory == std::uint64_t{1} << 30);
  CHECK(manifest->agents[0].priority == 5000);
  CHECK(manifest->agents[0].affinity == -1);
  const auto swarm = expand(*manifest);
  REQUIRE(swarm);
  CHECK(swarm->partitions.size() == 3);
  CHECK(swarm->partitions[0].name == "control");
  CHECK(swarm->agents[1].partition == 2);
}

TEST_CASE("mistakes are named with line, column and the nearest right word") {
  CHECK(complaint("prioriti = 3\n") == "14:1: unknown key 'prioriti' in [[agent]]; did you mean 'priority'?");
  CHECK(complaint("[machien]\ncpus = 1\n") == "14:2: unknown key 'machien' in the manifest; did you mean 'machine'?");
  CHECK(complaint("priority = 10001\n") == "14:12: 'priority' in [[agent]] is 10001; it must be from 0 to 10000");
  CHECK(complaint("priority = \"high\"\n") == "14:12: 'priority' in [[agent]] must be a whole number from 0 to 10000");
  CHECK(complaint("stack = \"5000\"\n") == "14:9: 'stack' in [[agent]] must be a multiple of 4K");
  CHECK(complaint("stack = \"1G\"\n") == "14:9: 'stack' in [[agent]] is 1 GiB; it must be from 4 KiB to 16 MiB");
  CHECK(complaint("deadline = 5\n").contains("must be a duration with its unit"));
  CHECK(complaint("budget = \"1ms\"\n").contains("give a 'period' too"));
  CHECK(complaint("period = \"1ms\"\nbudget = \"2ms\"\n").contains("more than the 'period'"));
  CHECK(complaint("expect = \"fautl\"\n") ==
        "14:10: 'expect' cannot be 'fautl': it is 'ok', 'fault' or 'any'; did you mean 'fault'?");
  CHECK(complaint("affinity = 2\n").contains("the machine has 2"));
  CHECK(complaint("args = [\"a\", \"\"]\n").contains("an argument is empty"));
  CHECK(complaint("evidence = \"fault\"\n").contains("give an 'attack' too"));
  CHECK(complaint("[machine]\ncpus = 9\n").starts_with("15:8: "));
  CHECK(complaint("[machine]\nmemory = \"1M\"\n").contains("64 MiB to 32 GiB"));
  CHECK(complaint("[machine\n").starts_with("14:"));
  CHECK(complaint("[[partition]]\nname = \"left\"\n").contains("the name 'left' is taken"));
  CHECK(complaint("[[partition]]\nname = \"control\"\n").contains("is taken"));
  CHECK(complaint("[[partition]]\nname = \"a b\"\n").contains("is no name"));
  CHECK(complaint("[[partition]]\nname = \"this-name-is-longer-than-31-bytes\"\n").contains("at most 31 fit"));
  CHECK(complaint("[[partition]]\n") == "14:1: [[partition]] lacks 'name'");
  CHECK(complaint("[agent]\n", "").contains("write [[agent]] above each"));
  CHECK(complaint("", "") == "1:1: there is no [[agent]]: a machine without agents has nothing to run");
  CHECK(complaint("[[agent]]\nname = \"x\"\npartition = \"rihgt\"\nmodule = \"x\"\n") ==
        "16:13: there is no partition 'rihgt'; did you mean 'right'?");
}

TEST_CASE("every mistake is reported in one pass, in the order of the file") {
  const std::string text = complaint("prioriti = 3\nstack = 1\n[machine]\ncpus = 0\ngic = 5\n");
  CHECK(std::ranges::count(text, '\n') == 3);
  CHECK(text.find("prioriti") < text.find("stack"));
  CHECK(text.find("stack") < text.find("cpus"));
}

TEST_CASE("replicas and patterns") {
  const auto manifest = parse_manifest(R"(
[[partition]]
name = "team"
replicas = 4
[[agent]]
name = "worker"
partition = "team-{i}"
module = "w"
replicas = 4
args = ["{i}", "{name}"]
[[agent]]
name = "spread"
partition = "team-*"
module = "w"
replicas = 6
[[agent]]
name = "leader"
partition = "team-0"
module = "l"
[[edge]]
from = "worker-*"
to = "leader"
name = "report"
[[edge]]
from = "worker-*"
to = "worker-*"
pair = "ring"
name = "next"
peer_name = "previous"
[[edge]]
from = "leader"
to = "worker-*"
name = "order-{peer}"
[[grant]]
agent = "leader"
type = "agent"
object = "worker-*"
rights = ["write", "read"]
name = "worker"
[[grant]]
agent = "worker-*"
type = "partition"
object = "team-*"
rights = ["read"]
name = "home"
)");
  REQUIRE(manifest);
  const auto swarm = expand(*manifest);
  REQUIRE(swarm);
  CHECK(swarm->partitions.size() == 5);
  CHECK(swarm->agents[2].name == "worker-2");
  CHECK(swarm->agents[2].partition == 3);
  CHECK(swarm->agents[2].arguments == std::vector<std::string>{"2", "worker-2"});
  CHECK(swarm->agents[4 + 5].partition == 2);  // spread-5 takes the second of four again
  REQUIRE(swarm->edges.size() == 12);
  CHECK(swarm->edges[1].name == "report");
  CHECK(swarm->edges[1].peer_name == "report-1");
  CHECK(swarm->edges[7].sender == 3);
  CHECK(swarm->edges[7].receiver == 0);
  CHECK(swarm->edges[9].name == "order-1");
  CHECK(swarm->edges[9].peer_name == "order-0");
  REQUIRE(swarm->grants.size() == 8);
  CHECK(swarm->grants[3].name == "worker-3");
  CHECK(swarm->grants[3].entry->rights == (RVM_RIGHT_READ | RVM_RIGHT_WRITE));
  CHECK(swarm->grants[6].name == "home");
  CHECK(swarm->grants[6].object == 3);
}

TEST_CASE("limits of the kernel are checked before it sees them") {
  CHECK(complaint("replicas = 65\n").contains("more than 64 agents in partition 'right'"));
  CHECK(complaint("[[edge]]\nfrom = \"ping\"\nto = \"ping\"\nname = \"me\"\npair = \"zip\"\n")
            .contains("joins 'ping' to itself"));
  CHECK(complaint("[[edge]]\nfrom = \"ping\"\nto = \"pong\"\nname = \"self\"\n")
            .contains("has 'self' in its directory already"));
  CHECK(complaint("[[edge]]\nfrom = \"ping\"\nto = \"pong\"\nname = \"x\"\nqueue = 3\n").contains("power of two"));
  CHECK(complaint("[[edge]]\nfrom = \"ping\"\nto = \"pong\"\nname = \"x\"\nnotify = 64\n").contains("from 0 to 63"));
  CHECK(complaint("[[edge]]\nfrom = \"ping\"\nto = \"pnog\"\nname = \"x\"\n").contains("did you mean 'pong'"));
  CHECK(complaint("[[grant]]\nagent = \"ping\"\ntype = \"witness\"\nrights = []\nname = \"w\"\n")
            .contains("needs 'rights'"));
  CHECK(complaint(
            "[[grant]]\nagent = \"ping\"\ntype = \"witness\"\nobject = \"log\"\nrights = [\"read\"]\nname = \"w\"\n")
            .contains("leave 'object' out"));
  std::string many_edges;
  for (int i = 0; i < 65; ++i) {
    many_edges += fmt::format("[[edge]]\nfrom = \"ping\"\nto = \"pong\"\nname = \"e{}\"\n", i);
  }
  CHECK(complaint(many_edges).contains("more than 64 edges leave partition 'left'"));
  const std::string long_argument(1024, 'x');
  CHECK(complaint(fmt::format("args = [\"{}\"]\n", long_argument)).contains("at most 1024 fit"));
}

TEST_CASE("random changes never crash the parser, and every complaint has a place") {
  std::mt19937 random(20260101);
  const std::string base = slurp(source / "examples/swarm/swarm.toml");
  REQUIRE_FALSE(base.empty());
  for (int round = 0; round < 300; ++round) {
    std::string text = base;
    for (int change = 0; change < 3; ++change) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 40);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
          break;
      }
    }
    const auto manifest = parse_manifest(text);
    if (manifest) {
      (void)expand(*manifest);
    } else {
      REQUIRE_FALSE(manifest.error().empty());
      REQUIRE(manifest.error().front().at.line >= 1);
    }
  }
}

TEST_CASE("the manifests of the examples are right") {
  int seen = 0;
  for (const auto& folder : std::filesystem::directory_iterator(source / "examples")) {
    const auto file = folder.path() / "swarm.toml";
    if (!std::filesystem::exists(file)) {
      continue;
    }
    const auto manifest = load_manifest(file);
    INFO(file.string());
    INFO((manifest ? std::string{} : manifest.error().cause));
    REQUIRE(manifest);
    CHECK(manifest->development);
    const auto swarm = expand(*manifest);
    INFO((swarm ? std::string{} : to_failure(file.string(), swarm.error()).cause));
    CHECK(swarm.has_value());
    ++seen;
  }
  CHECK(seen >= 2);
}

TEST_CASE("parser, schema and guide name the same keys") {
  const std::string code = slurp(source / "host/manifest/parse.cpp");
  const std::string guide = slurp(source / "docs/guide/manifest.md");
  const auto schema = nlohmann::json::parse(slurp(source / "schema/swarm.schema.json"));
  std::set<std::string> parsed;
  const std::regex accessor(
      R"re(\b[tw]\.(?:text|texts|required_text|required_text_or_texts|flag|number|optional_number|signed_number|size|duration|choice|choice_text|required_flags|table|tables)\("(\w+)")re");
  for (std::sregex_iterator it(code.begin(), code.end(), accessor), end; it != end; ++it) {
    parsed.insert((*it)[1]);
  }
  std::set<std::string> described;
  const std::function<void(const nlohmann::json&)> collect = [&](const nlohmann::json& node) {
    if (node.contains("properties")) {
      for (const auto& [key, value] : node["properties"].items()) {
        described.insert(key);
        collect(value);
      }
    }
    if (node.contains("items")) {
      collect(node["items"]);
    }
  };
  collect(schema);
  CHECK(parsed.size() > 30);
  CHECK(parsed == described);
  for (const std::string& key : parsed) {
    INFO(key);
    CHECK(guide.contains(fmt::format("`{}`", key)));
  }
}
