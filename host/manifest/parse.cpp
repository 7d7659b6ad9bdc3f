// SPDX-License-Identifier: MIT OR Apache-2.0
//
// swarm.toml, table by table. Adding a key: here, in manifest.hpp, docs/guide/manifest.md and schema/swarm.schema.json
// (a test compares the four).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "host/common/file.hpp"
#include "host/manifest/manifest.hpp"
#include "host/manifest/reader.hpp"

namespace rvm::host {

namespace {

constexpr std::array<std::string_view, 3> cpu_models{"cortex-a72", "cortex-a53", "max"};
constexpr std::array partition_types{Choice{"agent", RVM_PARTITION_AGENT},
                                     Choice{"infrastructure", RVM_PARTITION_INFRASTRUCTURE}};
constexpr std::array partition_modes{Choice{"flow", RVM_MODE_FLOW}, Choice{"reflex", RVM_MODE_REFLEX}};
constexpr std::array expectations{Choice{"ok", static_cast<std::uint32_t>(Expectation::ok)},
                                  Choice{"fault", static_cast<std::uint32_t>(Expectation::fault)},
                                  Choice{"any", static_cast<std::uint32_t>(Expectation::any)}};
constexpr std::array evidences{Choice{"automatic", static_cast<std::uint32_t>(Evidence::automatic)},
                               Choice{"rejected", static_cast<std::uint32_t>(Evidence::rejected)},
                               Choice{"fault", static_cast<std::uint32_t>(Evidence::fault)},
                               Choice{"none", static_cast<std::uint32_t>(Evidence::none)}};
constexpr std::array pairings{Choice{"zip", static_cast<std::uint32_t>(Pairing::zip)},
                              Choice{"all", static_cast<std::uint32_t>(Pairing::all)},
                              Choice{"ring", static_cast<std::uint32_t>(Pairing::ring)}};
// What a grant can name; the hypervisor is kept apart by a value that is no object type.
constexpr std::uint32_t hypervisor_choice = 1000;
constexpr std::array grant_types{Choice{"partition", RVM_OBJECT_PARTITION}, Choice{"agent", RVM_OBJECT_AGENT},
                                 Choice{"witness", RVM_OBJECT_WITNESS}, Choice{"device", RVM_OBJECT_DEVICE},
                                 Choice{"hypervisor", hypervisor_choice}};
constexpr std::array right_names{Choice{"read", RVM_RIGHT_READ},
                                 Choice{"write", RVM_RIGHT_WRITE},
                                 Choice{"grant", RVM_RIGHT_GRANT},
                                 Choice{"revoke", RVM_RIGHT_REVOKE},
                                 Choice{"execute", RVM_RIGHT_EXECUTE},
                                 Choice{"prove", RVM_RIGHT_PROVE},
                                 Choice{"grant_once", RVM_RIGHT_GRANT_ONCE}};

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;
constexpr std::uint64_t second = 1'000'000'000;
constexpr Range any_u32{0, UINT32_MAX};
// TOML integers are signed.
constexpr Range any_badge{0, INT64_MAX};
constexpr Range replica_range{1, replicas_limit};

std::optional<std::uint32_t> replicas(TableReader& t) {
  const auto n = t.optional_number("replicas", replica_range);
  return n ? std::optional{static_cast<std::uint32_t>(*n)} : std::nullopt;
}

MachineSettings parse_machine(const toml::table& table, Diagnostics& diagnostics) {
  TableReader t(table, "[machine]", diagnostics);
  MachineSettings m;
  m.cpus = static_cast<std::uint32_t>(t.number("cpus", m.cpus, {1, 8}));
  m.memory = t.size("memory", m.memory, {64 * mebibyte, 32 * gibibyte}, true);
  m.cpu = t.choice_text("cpu", m.cpu, cpu_models);
  m.gic = static_cast<std::uint32_t>(t.number("gic", m.gic, {2, 3}));
  m.disk_size = t.size("disk_size", m.disk_size, {mebibyte, 1024 * gibibyte}, true);
  m.epoch_us = static_cast<std::uint32_t>(t.number("epoch_us", m.epoch_us, {100, 100'000}));
  m.icount = t.flag("icount", m.icount);
  m.force_vmid8 = t.flag("force_vmid8", m.force_vmid8);
  t.finish();
  return m;
}

PartitionEntry parse_partition(const toml::table& table, Diagnostics& diagnostics) {
  TableReader t(table, "[[partition]]", diagnostics);
  PartitionEntry p;
  p.name = t.required_text("name");
  t.check_name_of(p.name, RVM_NAME_BYTES - 1);
  p.type = static_cast<rvm_partition_type>(t.choice("type", p.type, partition_types));
  p.mode = static_cast<rvm_partition_mode>(t.choice("mode", p.mode, partition_modes));
  p.page_quota = static_cast<std::uint32_t>(t.number("pages", 0, any_u32));
  p.witness_quota = static_cast<std::uint32_t>(t.number("witness_quota", 0, any_u32));
  p.live = parse_liveness(t, p);
  p.replicas = replicas(t);
  t.finish();
  return p;
}

void parse_timing(TableReader& t, AgentEntry& a) {
  a.period = t.duration("period", {}, {1000, 60 * second});
  a.budget = t.duration("budget", {}, {1000, 60 * second});
  a.deadline = t.duration("deadline", {}, {1000, 60 * second});
  if (a.budget.value != 0 && a.period.value == 0) {
    t.report(t.at("budget"), "'budget' is CPU time per period: give a 'period' too");
  } else if (a.budget.value > a.period.value) {
    t.report(t.at("budget"), "'budget' is more than the 'period' it is for");
  }
  if (a.period.value != 0 && a.deadline.value > a.period.value) {
    t.report(t.at("deadline"), "'deadline' is later than the next period's start");
  }
}

/// `module`, or `wasm` with what belongs to it.
void parse_program(TableReader& t, AgentEntry& a) {
  constexpr std::array<std::string_view, 6> only_with_wasm{"env", "compile", "seed", "fuel", "memory", "template"};
  BundleEntry& bundle = a.bundle;
  bundle.environment = t.texts("env");
  if (!std::ranges::all_of(bundle.environment, good_variable)) {
    t.report(t.at("env"), "'env' is a list of texts of the form NAME=VALUE");
  }
  bundle.files = t.texts("files");
  bundle.compile = t.flag("compile", true);
  bundle.is_template = t.flag("template", false);
  bundle.seed = t.number("seed", 0, any_badge);
  bundle.fuel = t.number("fuel", 0, any_badge);
  bundle.memory = t.size("memory", 0, {64 << 10, heap_limit}, true);
  if (t.has("wasm")) {
    a.module = {t.text("wasm"), t.at("wasm")};
    a.wasm = true;
    a.heap = wasm_heap;
    a.stack = wasm_stack;
    if (t.has("module")) {
      t.report(t.at("module"), "an agent has either a 'module', which is native, or a 'wasm'");
      (void)t.text("module");
    }
    return;
  }
  for (const std::string_view key : only_with_wasm) {
    if (t.has(key)) {
      t.report(t.at(key), fmt::format("'{}' is for WebAssembly agents: give a 'wasm' instead of a 'module'", key));
    }
  }
  a.module = t.required_text("module");
}

AgentEntry parse_agent(const toml::table& table, Diagnostics& diagnostics) {
  TableReader t(table, "[[agent]]", diagnostics);
  AgentEntry a;
  a.name = t.required_text("name");
  t.check_name_of(a.name, RVM_NAME_BYTES - 1);
  a.partitions = t.required_text_or_texts("partition");
  parse_program(t, a);
  a.replicas = replicas(t);
  a.priority = static_cast<std::uint32_t>(t.number("priority", a.priority, {0, 10'000}));
  a.affinity = static_cast<std::int32_t>(t.signed_number("affinity", -1, -1, 7));
  a.service = t.flag("service", a.bundle.is_template);  // it never ends by itself
  a.stack = t.size("stack", a.stack, {RVM_PAGE_SIZE, stack_limit}, true);
  a.heap = t.size("heap", a.heap, {0, heap_limit}, true);
  a.on_demand = t.flag("on_demand", a.wasm);
  a.arguments = t.texts("args");
  if (std::ranges::any_of(a.arguments, [](const std::string& s) { return s.empty() || s.contains('\0'); })) {
    t.report(t.at("args"), "an argument is empty or contains a zero byte; neither can be passed to an agent");
  }
  parse_timing(t, a);
  a.expect = static_cast<Expectation>(t.choice("expect", 0, expectations));
  a.attack = t.text("attack");
  if (!t.has("expect") && !a.attack.empty()) {
    a.expect = Expectation::any;  // how an attacker ends is for the containment check to judge
  }
  a.evidence = static_cast<Evidence>(t.choice("evidence", 0, evidences));
  if (t.has("evidence") && a.attack.empty()) {
    t.report(t.at("evidence"), "'evidence' is about an attack: give an 'attack' too");
  }
  t.finish();
  return a;
}

/// A directory name may hold one "{peer}", which expands to at most four digits.
void check_directory_name(TableReader& t, std::string_view key, std::string name) {
  if (name.empty()) {
    return;
  }
  if (const auto hole = name.find("{peer}"); hole != std::string::npos) {
    name.replace(hole, 6, "0");
  }
  if (auto wrong = check_name(name, 23)) {
    t.report(t.at(key), *wrong);
  }
}

EdgeEntry parse_edge(const toml::table& table, Diagnostics& diagnostics) {
  TableReader t(table, "[[edge]]", diagnostics);
  EdgeEntry e;
  e.at = position_of(table);
  e.from = t.required_text("from");
  e.to = t.required_text("to");
  e.name = t.required_text("name").value;
  check_directory_name(t, "name", e.name);
  e.peer_name = t.text("peer_name");
  check_directory_name(t, "peer_name", e.peer_name);
  e.pair = static_cast<Pairing>(t.choice("pair", 0, pairings));
  e.queue = static_cast<std::uint32_t>(t.number("queue", e.queue, {1, 64}));
  if ((e.queue & (e.queue - 1)) != 0) {
    t.report(t.at("queue"), fmt::format("'queue' is {}; it must be a power of two: 1, 2, 4, 8, 16, 32 or 64", e.queue));
  }
  e.notify = static_cast<std::uint32_t>(t.number("notify", 64, {0, 63}));
  e.badge = t.number("badge", 0, any_badge);
  t.finish();
  return e;
}

GrantEntry parse_grant(const toml::table& table, Diagnostics& diagnostics) {
  TableReader t(table, "[[grant]]", diagnostics);
  GrantEntry g;
  g.at = position_of(table);
  g.agent = t.required_text("agent");
  const std::uint32_t type = t.choice("type", 0, grant_types);
  if (!t.has("type")) {
    t.report(g.at, "[[grant]] lacks 'type'");
  }
  g.hypervisor = type == hypervisor_choice;
  g.type = g.hypervisor ? static_cast<std::uint32_t>(RVM_OBJECT_PARTITION) : type;
  const bool needs_object = !g.hypervisor && type != RVM_OBJECT_WITNESS;
  if (needs_object) {
    g.object = t.required_text("object");
  } else if (t.has("object")) {
    t.report(t.at("object"), "there is only one of these: leave 'object' out");
    (void)t.text("object");
  }
  g.rights = t.required_flags("rights", right_names);
  g.name = t.required_text("name").value;
  check_directory_name(t, "name", g.name);
  g.badge = t.number("badge", 0, any_badge);
  g.pair = static_cast<Pairing>(t.choice("pair", 0, std::span(pairings).first(2)));
  t.finish();
  return g;
}

void parse_top(const toml::table& table, Manifest& m, Diagnostics& diagnostics) {
  TableReader t(table, "the manifest", diagnostics);
  m.development = t.flag("development", false);
  constexpr std::array<std::string_view, 2> builds{"", "make"};
  m.build_with_make = t.choice_text("build", "", builds) == "make";
  m.run_for = t.duration("run_for", {}, {1'000'000, 86'400 * second});
  if (const auto* const machine = t.table("machine")) {
    m.machine = parse_machine(*machine, diagnostics);
  }
  if (const auto* const witness = t.table("witness")) {
    TableReader w(*witness, "[witness]", diagnostics);
    constexpr std::array<std::string_view, 2> details{"epoch", "each"};
    m.witness_each = w.choice_text("ipc", "epoch", details) == "each";
    m.witness_dump = w.flag("dump", false);
    w.finish();
  }
  if (const auto* const coherence = t.table("coherence")) {
    m.coherence = parse_coherence(*coherence, diagnostics);
  }
  if (const auto* const control = t.table("control")) {
    TableReader c(*control, "[control]", diagnostics);
    m.control = c.flag("enabled", false);
    c.finish();
  }
  for (const auto* const p : t.tables("partition")) {
    m.partitions.push_back(parse_partition(*p, diagnostics));
  }
  for (const auto* const a : t.tables("agent")) {
    m.agents.push_back(parse_agent(*a, diagnostics));
  }
  for (const auto* const e : t.tables("edge")) {
    m.edges.push_back(parse_edge(*e, diagnostics));
  }
  for (const auto* const g : t.tables("grant")) {
    m.grants.push_back(parse_grant(*g, diagnostics));
  }
  for (const auto* const d : t.tables("device")) {
    m.devices.push_back(parse_device(*d, diagnostics));
  }
  if (m.agents.empty()) {
    t.report({1, 1}, "there is no [[agent]]: a machine without agents has nothing to run");
  }
  t.finish();
}

}  // namespace

bool good_variable(std::string_view text) {
  const std::size_t equals = text.find('=');
  return equals != std::string_view::npos && equals != 0 && !text.contains('\0');
}

std::optional<std::string> check_name(std::string_view name, std::size_t limit) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (name.empty() || !letter(name.front()) ||
      !std::ranges::all_of(name, [&](char c) { return letter(c) || c == '-' || c == '_' || c == '.'; })) {
    return fmt::format("'{}' is no name: letters, digits, '-', '_' and '.', starting with a letter or digit", name);
  }
  if (name.size() > limit) {
    return fmt::format("the name '{}' is {} bytes long; at most {} fit", name, name.size(), limit);
  }
  return std::nullopt;
}

/// Walks through a TOML text as far as telling comments from the rest needs it.
class CommentTracker {
 public:
  /// Takes the next bytes of `rest`, at least one, and returns how many.
  std::size_t take(std::string_view rest) {
    const char c = rest.front();
    const bool triple = rest.starts_with(R"(""")") || rest.starts_with("'''");
    switch (inside_) {
      case Inside::text:
        if (c == '#') inside_ = Inside::comment;
        if (c == '"' || c == '\'') {
          quote_ = c;
          inside_ = triple ? Inside::long_string : Inside::string;
          return triple ? 3 : 1;
        }
        return 1;
      case Inside::comment:
        if (c == '\n') inside_ = Inside::text;
        return 1;
      case Inside::string:
        if (c == quote_ || c == '\n') inside_ = Inside::text;
        break;
      case Inside::long_string:
        if (c == quote_ && triple) {
          inside_ = Inside::text;
          return 3;
        }
        break;
    }
    return c == '\\' && quote_ == '"' && rest.size() > 1 && rest[1] != '\n' ? 2 : 1;
  }
  [[nodiscard]] bool in_comment() const { return inside_ == Inside::comment; }

 private:
  enum class Inside : std::uint8_t { text, comment, string, long_string };
  Inside inside_ = Inside::text;
  char quote_ = 0;
};

/// The first byte that is a control character (TOML has none but tab and line ends), or beyond ASCII outside of comments:
/// toml++ 3.3 takes for granted that some of them do not come.
std::optional<Diagnostic> foreign_character(std::string_view text) {
  Position at{1, 1};
  CommentTracker tracker;
  while (!text.empty()) {
    const std::size_t taken = tracker.take(text);
    for (const char c : text.substr(0, taken)) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t' && c != '\r' && c != '\n') || byte == 0x7f)
        return Diagnostic{at, fmt::format("a control character ({:#04x}); is this a text file?", byte)};
      if (byte >= 0x80 && !tracker.in_comment())
        return Diagnostic{at, "characters beyond ASCII stand only in comments; in a text write \\uXXXX"};
      at = c == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + 1};
    }
    text.remove_prefix(taken);
  }
  return std::nullopt;
}

std::expected<Manifest, Diagnostics> parse_manifest(std::string_view text) {
  if (const auto foreign = foreign_character(text)) return std::unexpected(Diagnostics{*foreign});
  toml::parse_result parsed;
  try {
    parsed = toml::parse(text);
  } catch (const BrokenTomlAssertion&) {
    return std::unexpected(Diagnostics{{{1, 1}, "this is not TOML, and the reader cannot say where it goes wrong"}});
  }
  if (!parsed) {
    const auto begin = parsed.error().source().begin;
    return std::unexpected(
        Diagnostics{{{static_cast<std::uint32_t>(begin.line), static_cast<std::uint32_t>(begin.column)},
                     std::string(parsed.error().description())}});
  }
  Manifest manifest;
  Diagnostics diagnostics;
  parse_top(parsed.table(), manifest, diagnostics);
  if (!diagnostics.empty()) {
    std::ranges::sort(diagnostics, {}, [](const Diagnostic& d) { return std::tie(d.at.line, d.at.column, d.message); });
    return std::unexpected(std::move(diagnostics));
  }
  return manifest;
}

Failure to_failure(const std::string& title, const Diagnostics& diagnostics) {
  Failure out{ExitCode::usage,
              diagnostics.size() == 1 ? "the manifest has a mistake"
                                      : fmt::format("the manifest has {} mistakes", diagnostics.size()),
              "correct the manifest; docs/guide/manifest.md lists every key"};
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < std::min(shown, diagnostics.size()); ++i) {
    const Diagnostic& d = diagnostics[i];
    out.cause += fmt::format("\n{}:{}:{}: {}", title, d.at.line, d.at.column, d.message);
  }
  if (diagnostics.size() > shown) {
    out.cause += fmt::format("\n... and {} more", diagnostics.size() - shown);
  }
  return out;
}

Outcome<Manifest> load_manifest(const std::filesystem::path& file) {
  auto contents = read_file(file, "manifest", 16 * mebibyte);
  if (!contents) {
    return std::unexpected(contents.error());
  }
  // Sound: char may alias any object.
  auto manifest = parse_manifest({reinterpret_cast<const char*>(contents->data()), contents->size()});
  if (!manifest) {
    return std::unexpected(to_failure(file.string(), manifest.error()));
  }
  manifest->folder = file.parent_path().empty() ? "." : file.parent_path();
  manifest->title = file.string();
  return std::move(*manifest);
}

Manifest manifest_for_program(const std::filesystem::path& program) {
  Manifest m;
  m.folder = program.parent_path().empty() ? "." : program.parent_path();
  m.title = program.string();
  m.development = true;
  std::string name = program.stem().string().substr(0, RVM_NAME_BYTES - 1);
  if (check_name(name, RVM_NAME_BYTES - 1)) {
    name = "agent";
  }
  PartitionEntry partition;
  partition.name.value = name;
  AgentEntry agent;
  agent.name.value = name;
  agent.partitions.push_back({name, {}});
  agent.module.value = program.filename().string();
  if (program.extension() == ".wasm") {
    agent.wasm = true;
    agent.heap = wasm_heap;
    agent.stack = wasm_stack;
  }
  m.partitions.push_back(std::move(partition));
  m.agents.push_back(std::move(agent));
  return m;
}

}  // namespace rvm::host
