// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
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

TEST_CASE("memory on demand is for WebAssembly agents and for those who ask for it") {
  const auto on_demand = [](const std::string& addition) {
    const auto manifest = parse_manifest(std::string(two_agents) + addition);
    REQUIRE(manifest.has_value());
    return manifest->agents.back().on_demand;
  };
  CHECK_FALSE(on_demand(""));
  CHECK(on_demand("on_demand = true\n"));
  const std::string wasm = "[[agent]]\nname = \"w\"\npartition = \"left\"\nwasm = \"w.wasm\"\n";
  CHECK(on_demand(wasm));
  CHECK_FALSE(on_demand(wasm + "on_demand = false\n"));
}

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

TEST_CASE("devices, and who may lease them") {
  const auto manifest = parse_manifest(std::string(two_agents) + R"(
[[device]]
name = "time"
kind = "clock"
[[device]]
name = "disk-a"
kind = "block"
file = "a.img"
[[device]]
name = "pins"
kind = "gpio"
[[device]]
name = "disk-b"
kind = "block"
file = "out/b.img"
size = "8M"
dma = "1M"
[[device]]
name = "terminal"
kind = "console"
file = "terminal.txt"
[[device]]
name = "noise"
kind = "entropy"
dma = 4096
[[grant]]
agent = "ping"
type = "device"
object = "disk-*"
rights = ["read", "write"]
name = "disk"
[[grant]]
agent = "p*"
type = "device"
object = "noise"
rights = ["read"]
name = "noise"
)");
  REQUIRE(manifest);
  REQUIRE(manifest->devices.size() == 6);
  const DeviceEntry& clock = manifest->devices[0];
  CHECK(clock.kind == RVM_DEVICE_CLOCK);
  CHECK(clock.dma == 0);
  CHECK(manifest->devices[2].kind == RVM_DEVICE_GPIO);
  CHECK(manifest->devices[2].dma == 0);
  const DeviceEntry& disk = manifest->devices[1];
  CHECK(disk.kind == RVM_DEVICE_BLOCK);
  CHECK(disk.dma == 64 << 10);
  CHECK(disk.size == 1 << 20);
  CHECK(disk.file.value == "a.img");
  CHECK(manifest->devices[3].size == 8 << 20);
  CHECK(manifest->devices[3].dma == 1 << 20);
  CHECK(manifest->devices[4].kind == RVM_DEVICE_CONSOLE);
  CHECK(manifest->devices[4].dma == 64 << 10);
  CHECK(manifest->devices[5].kind == RVM_DEVICE_ENTROPY);
  CHECK(manifest->devices[5].dma == 4096);
  const auto swarm = expand(*manifest);
  REQUIRE(swarm);
  REQUIRE(swarm->devices.size() == 6);
  CHECK(swarm->devices[3].name == "disk-b");
  REQUIRE(swarm->grants.size() == 4);
  CHECK(swarm->grants[0].entry->type == RVM_OBJECT_DEVICE);
  CHECK(swarm->grants[0].object == 1);
  CHECK(swarm->grants[1].object == 3);
  CHECK(swarm->grants[1].name == "disk-1");
  CHECK(swarm->grants[3].agent == 1);
  CHECK(swarm->grants[3].object == 5);
}

TEST_CASE("the coherence engine runs when there is a table for it") {
  const auto settings = [](const std::string& addition) {
    const auto manifest = parse_manifest(std::string(two_agents) + addition);
    REQUIRE(manifest);
    return manifest->coherence;
  };
  CHECK(settings("").flags == 0);
  CHECK(settings("[coherence]\n").flags == RVM_COHERENCE_ENABLED);
  CHECK(settings("[coherence]\nenabled = true\n").flags == RVM_COHERENCE_ENABLED);
  CHECK(settings("[coherence]\nenabled = false\n").flags == 0);
  CHECK(settings("[coherence]\n").budget == 2000);
  CHECK(settings("[coherence]\nbudget = \"25ms\"\n").budget == 1'000'000);
  CHECK(settings("[coherence]\nbudget = \"59ns\"\n").budget == 2);
  const rvm_package_coherence intervals = settings("[coherence]\ninterval = [2, 2, 1000]\n");
  CHECK(intervals.interval[0] == 2);
  CHECK(intervals.interval[1] == 2);
  CHECK(intervals.interval[2] == 1000);
  // Each key of the table reaches the setting of its name, and only that.
  using Settings = rvm_package_coherence;
#define RVM_X(type, name, least, greatest, fallback, doc) \
  for (const std::uint64_t value : {std::uint64_t{least}, std::uint64_t{greatest}}) { \
    INFO(#name); \
    Settings expected = boot::coherence_defaults(); \
    expected.flags = RVM_COHERENCE_ENABLED; \
    expected.name = static_cast<type>(value); \
    const Settings got = settings(fmt::format("[coherence]\n{} = {}\n", #name, value)); \
    CHECK(std::memcmp(&got, &expected, sizeof got) == 0); \
  }
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
}

TEST_CASE("mistakes in the coherence settings are named where they stand") {
  const auto table = [](const std::string& keys) { return complaint("[coherence]\n" + keys); };
  CHECK(table("merge_mutal = 7000\n") ==
        "15:1: unknown key 'merge_mutal' in [coherence]; did you mean 'merge_mutual'?");
  CHECK(table("merge_mutual = 10001\n") == "15:16: 'merge_mutual' in [coherence] is 10001; it must be from 1 to 10000");
  CHECK(table("merge_mutual = 0\n") == "15:16: 'merge_mutual' in [coherence] is 0; it must be from 1 to 10000");
  CHECK(table("alpha = \"20%\"\n") == "15:9: 'alpha' in [coherence] must be a whole number from 1 to 10000");
  CHECK(table("alpha = 0.2\n") == "15:9: 'alpha' in [coherence] must be a whole number from 1 to 10000");
  CHECK(table("enabled = 1\n") == "15:11: 'enabled' in [coherence] must be true or false");
  CHECK(table("budget = 2500\n").starts_with("15:10: 'budget' in [coherence] must be a duration with its unit"));
  CHECK(table("budget = \"24ns\"\n").starts_with("15:10: 'budget' in [coherence] is 24 ns; it must be from 25 ns to"));
  CHECK(table("budget = \"26ms\"\n")
            .starts_with("15:10: 'budget' in [coherence] is 26 ms; it must be from 25 ns to 25 ms"));
  for (const std::string_view wrong : {"1", "[]", "[1, 2]", "[1, 2, 4, 8]", "[0, 2, 4]", "[1, 2, 1001]", "[2, 1, 4]",
                                       "[1, 4, 2]", "[1, 2, \"4\"]", "[-1, 2, 4]"}) {
    CHECK(table(fmt::format("interval = {}\n", wrong)) ==
          "15:12: 'interval' in [coherence] must be a list of 3 whole numbers from 1 to 1000, none less than the one "
          "before");
  }
  CHECK(complaint("[[coherence]]\n").contains("write [coherence] on a line of its own"));
}

TEST_CASE("partitions for agents in mode flow are live unless they say otherwise, others are static") {
  const auto live = [](const std::string& keys) {
    const auto manifest = parse_manifest(std::string(two_agents) + "[[partition]]\nname = \"p\"\n" + keys);
    REQUIRE(manifest);
    return manifest->partitions.back().live;
  };
  CHECK(live(""));
  CHECK(live("coherence = \"live\"\n"));
  CHECK_FALSE(live("coherence = \"static\"\n"));
  CHECK_FALSE(live("mode = \"reflex\"\n"));
  CHECK_FALSE(live("type = \"infrastructure\"\n"));
  CHECK_FALSE(live("type = \"infrastructure\"\ncoherence = \"static\"\n"));
  const auto partition = [](const std::string& keys) { return complaint("[[partition]]\nname = \"p\"\n" + keys); };
  for (const std::string_view other : {"mode = \"reflex\"", "type = \"infrastructure\""}) {
    CHECK(partition(fmt::format("{}\ncoherence = \"live\"\n", other)) ==
          "17:13: only partitions of type \"agent\" in mode \"flow\" can be live: others are static");
  }
  CHECK(partition("coherence = \"frozen\"\n") == "16:13: 'coherence' cannot be 'frozen': it is 'static' or 'live'");
}

TEST_CASE("mistakes in devices are named where they stand") {
  const auto device = [](const std::string& keys) { return complaint("[[device]]\nname = \"d\"\n" + keys); };
  CHECK(device("") == "14:1: [[device]] lacks 'kind'");
  CHECK(complaint("[[device]]\nkind = \"clock\"\n") == "14:1: [[device]] lacks 'name'");
  CHECK(
      device("kind = \"blcok\"\n") ==
      "16:8: 'kind' cannot be 'blcok': it is 'clock', 'gpio', 'block', 'console' or 'entropy'; did you mean 'block'?");
  CHECK(device("kind = \"entropy\"\nsise = 1\n") == "17:1: unknown key 'sise' in [[device]]; did you mean 'size'?");
  for (const std::string_view kind : {"clock", "gpio"}) {
    CHECK(device(fmt::format("kind = \"{}\"\ndma = \"4K\"\n", kind)) ==
          fmt::format("17:7: a {} does not reach memory by itself: leave 'dma' out", kind));
  }
  for (const std::string_view kind : {"clock", "gpio", "entropy"}) {
    CHECK(device(fmt::format("kind = \"{}\"\nfile = \"x\"\n", kind)) ==
          fmt::format("17:8: no file is behind a device of kind '{}': leave 'file' out", kind));
  }
  for (const std::string_view kind : {"clock", "gpio", "entropy"}) {
    CHECK(device(fmt::format("kind = \"{}\"\nsize = \"1M\"\n", kind)) ==
          fmt::format("17:8: 'size' is that of a block device, and this is of kind '{}'", kind));
  }
  CHECK(device("kind = \"console\"\nfile = \"x\"\nsize = \"1M\"\n").starts_with("18:8: 'size' is that of a block"));
  CHECK(device("kind = \"block\"\n") == "14:1: a block device needs 'file', its contents");
  CHECK(device("kind = \"console\"\n") == "14:1: a console device needs 'file', which gets what is written to it");
  CHECK(device("kind = \"block\"\nfile = \"\"\n") == "17:8: 'd' needs the name of a file");
  CHECK(device("kind = \"block\"\nfile = \"a\\u0000b\"\n") == "17:8: 'd' needs the name of a file");
  CHECK(device("kind = \"block\"\nfile = 7\n") == "17:8: 'file' in [[device]] must be a text in quotes");
  CHECK(device("kind = \"block\"\nfile = \"x\"\nsize = 1000\n").starts_with("18:8: 'size' in [[device]] is 1000 B"));
  CHECK(device("kind = \"block\"\nfile = \"x\"\nsize = 5000\n") ==
        "18:8: 'size' in [[device]] must be a multiple of 4K");
  CHECK(device("kind = \"entropy\"\ndma = 0\n").starts_with("17:7: 'dma' in [[device]] is 0 B; it must be from 1 B"));
  CHECK(device("kind = \"clock\"\n[[device]]\nname = \"d\"\nkind = \"gpio\"\n") == "18:8: the name 'd' is taken");
  CHECK(device("kind = \"clock\"\n[[device]]\nname = \"e\"\nkind = \"clock\"\n") ==
        "18:8: the machine has one clock, and 'd' is it already");
  CHECK(device("kind = \"gpio\"\n[[device]]\nname = \"e\"\nkind = \"gpio\"\n") ==
        "18:8: the machine has one gpio, and 'd' is it already");
  CHECK(device("kind = \"block\"\nfile = \"x\"\n[[device]]\nname = \"e\"\nkind = \"console\"\nfile = \"./x\"\n") ==
        "21:8: the file './x' is behind 'd' already");
  CHECK(device("kind = \"clock\"\n[[grant]]\nagent = \"ping\"\ntype = \"device\"\nobject = \"clokc\"\n"
               "rights = [\"read\"]\nname = \"x\"\n") == "20:10: there is no device 'clokc'");
  CHECK(device("kind = \"clock\"\n[[grant]]\nagent = \"ping\"\ntype = \"device\"\nrights = [\"read\"]\n"
               "name = \"x\"\n") == "17:1: [[grant]] lacks 'object'");
  std::string many;
  for (int i = 0; i < 16; ++i) {
    many += fmt::format("[[device]]\nname = \"noise-{}\"\nkind = \"entropy\"\n", i);
  }
  CHECK(complaint(many).empty());
  CHECK(complaint(many + "[[device]]\nname = \"last\"\nkind = \"clock\"\n") ==
        "63:8: 'last' is one device too many; at most 16 fit");
}

TEST_CASE("random changes never crash the parser, and every complaint has a place") {
  std::mt19937 random(20260101);
  const std::string base = slurp(source / "examples/traffic/swarm.toml");
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
    // Those of microcontrollers are tools/seed_image.py's to read.
    if (!std::filesystem::exists(file) || folder.path().filename() == "seed") {
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
  const std::string code = slurp(source / "host/manifest/parse.cpp") +
                           slurp(source / "host/manifest/parse_coherence.cpp") +
                           slurp(source / "host/manifest/parse_device.cpp");
  const std::string guide = slurp(source / "docs/guide/manifest.md");
  const auto schema = nlohmann::json::parse(slurp(source / "schema/swarm.schema.json"));
  std::set<std::string> parsed;
  const std::regex accessor(
      R"re(\b[tw]\.(?:text|texts|required_text|required_text_or_texts|flag|number|optional_number|signed_number|ascending_numbers|size|duration|choice|choice_text|required_flags|table|tables)\("(\w+)")re");
  for (std::sregex_iterator it(code.begin(), code.end(), accessor), end; it != end; ++it) {
    parsed.insert((*it)[1]);
  }
#define RVM_X(type, name, least, greatest, fallback, doc) parsed.insert(#name);
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
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

TEST_CASE("schema and guide have the ranges and defaults of the coherence settings") {
  const std::string guide = slurp(source / "docs/guide/manifest.md");
  const auto schema = nlohmann::json::parse(slurp(source / "schema/swarm.schema.json"));
  const auto& keys = schema["properties"]["coherence"]["properties"];
#define RVM_X(type, name, least, greatest, fallback, doc) \
  { \
    INFO(#name); \
    CHECK(keys[#name]["minimum"] == (least)); \
    CHECK(keys[#name]["maximum"] == (greatest)); \
    CHECK(keys[#name]["default"] == (fallback)); \
    CHECK(guide.contains(fmt::format("| `{}` | `{}` | {} to {} |", #name, fallback, least, greatest))); \
  }
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
}
