// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The `rvm` program: what each command accepts. The work is in the folders beside this file.
#include <fmt/format.h>
#include <sodium.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/approve/approve.hpp"
#include "host/attest/attest.hpp"
#include "host/bench/bench.hpp"
#include "host/common/failure.hpp"
#include "host/common/units.hpp"
#include "host/control/cli.hpp"
#include "host/create/create.hpp"
#include "host/package/command.hpp"
#include "host/policy/policy.hpp"
#include "host/run/run.hpp"
#include "host/simulate/command.hpp"
#include "host/witness/command.hpp"
#include "host/witness/export.hpp"
#include "host/witness/heads.hpp"
#include "host/witness/replay.hpp"
#include "host/witness/search.hpp"
#include "rvm/witness/kinds.hpp"

namespace rvm::host {

namespace {

using Command = std::function<ExitCode()>;
namespace fs = std::filesystem;

constexpr const char* exit_codes = R"(Exit codes:
  0    success
  1    the run failed or timed out, a log or package is not intact, a figure regressed
  2    wrong use: arguments, a manifest, an agent program
  3    the surroundings: a missing or unreadable file, no QEMU, no kernel image, no space
  130  interrupted; the machine was ended in good order)";

/// Options whose text is a size or a duration, parsed when all are there.
struct RunTexts {
  std::string memory;
  std::string disk_size;
  std::string run_for;
  std::string timeout;
};

template <typename Parse>
void add_quantity(CLI::App& app, const char* name, std::string& text, Parse parse, const char* wanted,
                  const char* help) {
  app.add_option(name, text, help)
      ->type_name(name == std::string_view("--memory") || name == std::string_view("--disk-size") ? "SIZE" : "DURATION")
      ->check([parse, wanted](const std::string& given) {
        return parse(given) ? std::string{} : fmt::format("'{}' is not {}", given, wanted);
      });
}

std::optional<std::uint64_t> parse_memory(std::string_view text) {
  const auto value = parse_size(text);
  const bool fits =
      value && *value >= std::uint64_t{64} << 20 && *value <= std::uint64_t{32} << 30 && *value % RVM_PAGE_SIZE == 0;
  return fits ? value : std::nullopt;
}

std::optional<std::uint64_t> parse_disk_size(std::string_view text) {
  const auto value = parse_size(text);
  return value && *value >= std::uint64_t{1} << 20 && *value <= std::uint64_t{1} << 40 && *value % RVM_PAGE_SIZE == 0
             ? value
             : std::nullopt;
}

std::optional<Nanoseconds> parse_limit(std::string_view text) {
  const auto value = parse_duration(text);
  return value && value->value >= 1'000'000 ? value : std::nullopt;
}

void add_key(CLI::App& app, std::optional<fs::path>& key) {
  app.add_option(
         "--key", key,
         "device key file, 32 bytes (default ${XDG_STATE_HOME:-~/.local/state}/rvm/device.key, made at first use)")
      ->type_name("FILE");
}

void add_run(CLI::App& app, RunOptions& o, RunTexts& texts, Command& command) {
  CLI::App* const run =
      app.add_subcommand("run", "boot a swarm of agents, show what they print, verify the log of what they did");
  run->add_option("PATH", o.path, "manifest (swarm.toml), folder with one, or agent program (.elf, .wasm)");
  run->add_option("ARGS", o.arguments, "arguments of a program that runs alone; after -- they may begin with a dash");
  run->add_option("--env", o.environment, "a variable for a WebAssembly program (repeatable)")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  run->add_option("--files", o.files, "a file, or a folder whose contents a WebAssembly program may read (repeatable)")
      ->type_name("PATH")
      ->allow_extra_args(false);
  run->add_option("--cpus", o.cpus, "number of cores, 1-8")->check(CLI::Range(1, 8));
  add_quantity(*run, "--memory", texts.memory, parse_memory, "a size from 64M to 32G", "memory, such as 64M or 1G");
  run->add_option("--cpu", o.cpu, "CPU model: cortex-a72, cortex-a53 or max")
      ->check(CLI::IsMember({"cortex-a72", "cortex-a53", "max"}));
  run->add_option("--board", o.board, "board of a manifest for microcontrollers: lm3s6965evb, mps2-an505 or mps3-an547")
      ->check(CLI::IsMember({"lm3s6965evb", "mps2-an505", "mps3-an547"}));
  run->add_option("--gic", o.gic, "version of the interrupt controller: 2 or 3")->check(CLI::IsMember({2, 3}));
  run->add_option("--disk", o.disk, "keep the log in this volume; continued if it exists (default: a temporary one)")
      ->type_name("FILE");
  add_quantity(*run, "--disk-size", texts.disk_size, parse_disk_size, "a size from 1M to 1T",
               "size of a new volume, sparse (default 64M)");
  add_quantity(*run, "--for", texts.run_for, parse_limit, "a duration of at least 1ms, such as 10s",
               "end in good order after this long");
  add_quantity(*run, "--timeout", texts.timeout, parse_limit, "a duration of at least 1ms, such as 120s",
               "give up after this long (default 120s)");
  run->add_flag("--icount", o.icount,
                "one nanosecond per instruction: exactly repeatable, independent of this computer's speed");
  run->add_flag("--control", o.control,
                "with a control agent, so that rvm ps, top, graph, kill and others reach the machine");
  run->add_option("--name", o.name, "name of the machine for those; implies --control (default after PATH)")
      ->type_name("NAME");
  run->add_flag("--json", o.style.json, "one line of JSON on stdout at the end; what agents print goes to stderr");
  run->add_flag("--gdb", o.gdb, "wait for a debugger on port 1234; no time limit");
  run->add_option("--dump", o.dump,
                  "write the kernel's objects as they are at the end, for rvm witness replay --compare")
      ->type_name("FILE");
  run->add_option("--kernel", o.kernel, "kernel image (default build/appliance/rvm.img)")->type_name("FILE");
  add_key(*run, o.key);
  auto* const package =
      run->add_option("--package", o.package, "boot this package (rvm package build) instead of one made from PATH")
          ->type_name("FILE");
  run->add_flag("--static", o.keep_layout,
                "leave agents where the manifest puts them; the coherence engine only measures")
      ->excludes(package);  // which is signed as it is
  run->add_flag("--unchecked-package", o.unchecked_package, "leave checking --package to the kernel")->group("");
  run->add_flag("--quiet", o.style.quiet, "print only what went wrong");
  run->add_flag("--verbose", o.style.verbose, "print every line of the kernel, and a table of agents at the end");
  run->footer(R"(Ctrl-C ends the machine in good order and keeps the log; a second one stops it at once.

Examples:
  rvm run examples/pingpong/swarm.toml --cpus 2
  rvm run examples/swarm --disk log.img --for 10s     continue log.img
  rvm run examples/swarm --control                    and in another terminal: rvm top
  rvm run my-agent --json                             for programs
  rvm run my-swarm --static --json                    what its boundaries cost while they stay
  rvm run hello.wasm one two --files data             a WebAssembly program, its arguments and files
  rvm run examples/spinner/swarm.toml --gdb           debug the kernel)");
  run->callback([&o, &texts, &command] {
    o.memory = parse_memory(texts.memory);
    o.disk_size = parse_disk_size(texts.disk_size);
    o.run_for = parse_limit(texts.run_for);
    o.timeout = parse_limit(texts.timeout).value_or(o.timeout);
    if (!o.path && !o.package) {
      throw CLI::RequiredError("PATH");
    }
    command = [&o] { return run_command(o); };
  });
}

struct WitnessOptions {
  std::optional<fs::path> volume;
  std::optional<fs::path> raw;
  LogSource source;
  LogQuery query;
  std::optional<std::uint32_t> partition;
  std::optional<std::string> capability;
  std::string from;
  std::string to;
  std::array<std::optional<fs::path>, 4> outputs;  ///< by ExportForm
  HeadExport heads;
  ProofRequest proof;
  CosignRequest cosign;
  std::optional<fs::path> dump;
  bool json = false;
  bool force = false;
};

std::string kind_list() {
  std::string text = "Kinds:";
  std::size_t column = 100;
  for (const witness::KindDescription& k : witness::kinds) {
    if (column + k.name.size() > 96) {
      text += "\n ";
      column = 2;
    }
    text += fmt::format(" {}", k.name);
    column += k.name.size() + 1;
  }
  return text;
}

/// The conditions that `query` and `follow` share.
void add_conditions(CLI::App& app, WitnessOptions& o) {
  app.add_option("VOLUME", o.source.file, "log volume")->required();
  add_key(app, o.source.key);
  app.add_option("--partition", o.partition, "by whom: id of the acting partition")->type_name("ID");
  app.add_option("--object", o.query.filter.object, "upon what: id of the target object")->type_name("ID");
  app.add_option("--region", o.query.filter.region, "what became of this region: made, moved, shared, mapped")
      ->type_name("ID");
  app.add_option("--kind", o.query.kind, "kind of record")->type_name("NAME");
  app.add_option("--capability", o.capability, "under this capability: its hash, 8 hexadecimal digits")
      ->type_name("HASH");
  app.add_option("--from-seq", o.query.filter.first_sequence, "first sequence number")->type_name("N");
  app.add_option("--to-seq", o.query.filter.last_sequence, "last sequence number")->type_name("N");
  app.add_option("--from-ns", o.query.filter.first_time.value, "earliest time since boot")->type_name("NS");
  app.add_option("--to-ns", o.query.filter.last_time.value, "latest time since boot")->type_name("NS");
  const auto is_duration = [](const std::string& given) {
    return parse_duration(given) ? std::string{} : fmt::format("'{}' is not a time since boot, such as 1500ms", given);
  };
  app.add_option("--from", o.from, "earliest time since boot, such as 1500ms")->type_name("TIME")->check(is_duration);
  app.add_option("--to", o.to, "latest time since boot, such as 2s")->type_name("TIME")->check(is_duration);
  app.add_option("--limit", o.query.limit, "print at most so many")->type_name("N");
  app.add_flag("--json", o.json, "one JSON object per line");
}

LogQuery query_of(const WitnessOptions& o) {
  LogQuery query = o.query;
  if (o.partition) {
    query.filter.partition = PartitionId{*o.partition};
  }
  if (o.capability) {
    query.filter.capability = static_cast<std::uint32_t>(std::stoul(*o.capability, nullptr, 16));
  }
  query.filter.first_time = parse_duration(o.from).value_or(query.filter.first_time);
  query.filter.last_time = parse_duration(o.to).value_or(query.filter.last_time);
  return query;
}

void add_search(CLI::App& witness, WitnessOptions& o, Command& command) {
  CLI::App* const query = witness.add_subcommand("query", "print records, all or those that match");
  add_conditions(*query, o);
  query->footer(kind_list() +
                "\n\nExamples:\n  rvm witness query log.img --kind ProofRejected\n"
                "  rvm witness query log.img --region 3 --from 1s --to 1500ms\n"
                "  rvm witness query log.img --partition 3 --from-ns 1000000000 --json");
  query->callback([&o, &command] { command = [&o] { return witness_query_command(o.source, query_of(o), o.json); }; });

  CLI::App* const follow =
      witness.add_subcommand("follow", "print records as a running machine makes them durable, until it ends");
  add_conditions(*follow, o);
  follow->footer("Example:\n  rvm witness follow log.img --kind TaskTerminate");
  follow->callback(
      [&o, &command] { command = [&o] { return witness_follow_command(o.source, query_of(o), o.json); }; });

  CLI::App* const stats = witness.add_subcommand("stats", "count records by kind, and the space they take");
  stats->add_option("VOLUME", o.source.file, "log volume")->required();
  add_key(*stats, o.source.key);
  stats->add_flag("--json", o.json, "one line of JSON");
  stats->footer("Example:\n  rvm witness stats log.img");
  stats->callback([&o, &command] { command = [&o] { return witness_stats_command(o.source, o.json); }; });
}

void add_export(CLI::App& witness, WitnessOptions& o, Command& command) {
  CLI::App* const exporting =
      witness.add_subcommand("export", "write the records in one of several forms, the signed tree heads, their key");
  exporting->add_option("VOLUME", o.source.file, "log volume")->required();
  const std::array<std::pair<const char*, const char*>, 4> forms{
      {{"--raw", "the 64-byte records one after another"},
       {"--jsonl", "one JSON object per line"},
       {"--csv", "comma-separated values, with a header"},
       {"--trace", "for Chrome's about:tracing and ui.perfetto.dev: partitions and agents as tracks"}}};
  auto* const group = exporting->add_option_group("form")->require_option(0, 1);
  for (std::size_t i = 0; i < forms.size(); ++i) {
    group->add_option(forms.at(i).first, o.outputs.at(i), forms.at(i).second)->type_name("FILE");
  }
  exporting->add_option("--heads", o.heads.heads, "the signed tree heads, separated by empty lines")->type_name("FILE");
  exporting->add_option("--pubkey", o.heads.pubkey, "the key that verifies them: name+hash+base64")->type_name("FILE");
  add_key(*exporting, o.source.key);
  exporting->add_flag("--force", o.force, "export what can be read of a log that does not verify");
  exporting->footer(
      "Examples:\n  rvm witness export log.img --raw log.raw\n  rvm witness export log.img --trace log.json\n"
      "  rvm witness export log.img --heads log.heads --pubkey log.pub");
  exporting->callback([&o, &command] {
    std::optional<RecordExport> records;
    for (std::size_t i = 0; i < o.outputs.size(); ++i) {
      if (const auto& output = o.outputs.at(i)) {
        records = {*output, static_cast<ExportForm>(i)};
      }
    }
    if (!records && !o.heads.heads && !o.heads.pubkey) {
      throw CLI::RequiredError("--raw, --jsonl, --csv, --trace, --heads or --pubkey");
    }
    command = [&o, records] { return witness_export_command(o.source, records, o.heads, o.force); };
  });
}

void add_proofs(CLI::App& witness, WitnessOptions& o, Command& command) {
  CLI::App* const prove = witness.add_subcommand("prove", "prove that a record is in the log that a head signs");
  prove->add_option("VOLUME", o.source.file, "log volume")->required();
  prove->add_option("--seq", o.proof.sequence, "the record")->type_name("N")->required();
  prove->add_option("--from", o.proof.from, "also prove that the log begins with that of its first SIZE records")
      ->type_name("SIZE");
  add_key(*prove, o.source.key);
  prove->add_flag("--json", o.json, "one line of JSON");
  prove->footer("Example:\n  rvm witness prove log.img --seq 17 --from 100 --json");
  prove->callback([&o, &command] { command = [&o] { return witness_prove_command(o.source, o.proof, o.json); }; });

  CLI::App* const cosign = witness.add_subcommand("cosign", "add a second signature to exported heads");
  cosign->add_option("NOTEFILE", o.cosign.notes, "heads, as `rvm witness export --heads` wrote them")->required();
  cosign->add_option("--key", o.cosign.key, "the cosigner's Ed25519 seed: 32 bytes")->type_name("FILE")->required();
  cosign->add_option("--name", o.cosign.name, "the cosigner's name (default made from its key)")->type_name("NAME");
  cosign->add_option("--log-key", o.cosign.log_key, "the log's verifier key: refuse heads that it did not sign")
      ->type_name("FILE");
  cosign->add_option("--pubkey", o.cosign.pubkey, "write the cosigner's verifier key")->type_name("FILE");
  cosign->footer("Example:\n  rvm witness cosign log.heads --key cosigner.key --log-key log.pub --pubkey cosigner.pub");
  cosign->callback([&o, &command] { command = [&o] { return witness_cosign_command(o.cosign); }; });
}

void add_replay(CLI::App& witness, WitnessOptions& o, Command& command) {
  CLI::App* const replay = witness.add_subcommand(
      "replay", "rebuild partitions, agents, capabilities, regions and edges from the records alone");
  replay->add_option("VOLUME", o.source.file, "log volume")->required();
  add_key(*replay, o.source.key);
  replay->add_option("--compare", o.dump, "compare with what the kernel itself had (rvm run --dump)")
      ->type_name("FILE");
  replay->add_flag("--json", o.json, "one JSON object per line");
  replay->footer(
      "Exit code 1 when a record does not fit, or when anything differs.\n\nExample:\n"
      "  rvm run examples/swarm --disk log.img --dump state.json\n"
      "  rvm witness replay log.img --compare state.json");
  replay->callback([&o, &command] { command = [&o] { return witness_replay_command(o.source, o.dump, o.json); }; });
}

void add_witness(CLI::App& app, WitnessOptions& o, Command& command) {
  CLI::App* const witness = app.add_subcommand("witness", "verify, search and export the log of what a machine did");
  witness->require_subcommand(1);
  witness->footer(
      "Examples:\n  rvm witness verify log.img\n  rvm witness query log.img --kind ProofRejected --json\n"
      "  rvm witness export log.img --raw log.raw\n  rvm witness verify --raw log.raw");

  CLI::App* const verify =
      witness->add_subcommand("verify", "check every record, the chain, the MACs, the tree; name the first bad record");
  auto* const volume = verify->add_option("VOLUME", o.volume, "log volume, as --disk of `rvm run` left it");
  verify->add_option("--raw", o.raw, "check a file of 64-byte records instead")->type_name("FILE")->excludes(volume);
  add_key(*verify, o.source.key);
  verify->add_flag("--allow-open", o.source.allow_open,
                   "accept records without a closing tree head: a cut tail is then not noticed");
  verify
      ->add_option("--tree", o.source.known_tree,
                   "a tree the log must contain, as an earlier verification printed it: a log that was "
                   "cut back to an earlier orderly end, or replaced, does not")
      ->type_name("SIZE:ROOT");
  verify
      ->add_option("--heads", o.source.known_heads,
                   "signed heads that the log must contain (rvm witness export --heads), kept elsewhere")
      ->type_name("FILE");
  verify->add_option("--cosigner", o.source.cosigner, "verifier key that must have cosigned each of --heads")
      ->type_name("FILE");
  verify->add_option("--pubkey", o.source.head_key, "verifier key of the heads, instead of the device key's own")
      ->type_name("FILE");
  verify->add_flag("--json", o.json, "one line of JSON");
  verify->footer(
      "Exit code 0 only if everything is intact.\n\nExamples:\n  rvm witness verify log.img\n"
      "  rvm witness verify --raw log.raw --key device.key");
  verify->callback([&o, &command] {
    if (!o.volume && !o.raw) {
      throw CLI::RequiredError("VOLUME or --raw FILE");
    }
    o.source.raw = o.raw.has_value();
    o.source.file = o.raw.value_or(o.volume.value_or(fs::path{}));
    command = [&o] { return witness_verify_command(o.source, o.json); };
  });

  add_search(*witness, o, command);
  add_export(*witness, o, command);
  add_proofs(*witness, o, command);
  add_replay(*witness, o, command);
}

void add_bench(CLI::App& app, BenchOptions& o, Command& command) {
  CLI::App* const bench =
      app.add_subcommand("bench", "measure in exact instruction counts and compare with the baseline");
  bench->add_flag("--json", o.json, "one line of JSON");
  bench->add_option("--baseline", o.baseline, "compare with this file (default tests/baseline/bench.json)")
      ->type_name("FILE");
  bench->add_flag("--seed", o.seed, "measure the microcontroller's kernel as well (make seed)");
  bench->add_flag("--update-baseline", o.update_baseline, "write the figures there instead of comparing");
  bench->add_option("--kernel", o.kernel, "kernel image (default build/appliance/rvm.img)")->type_name("FILE");
  bench->add_flag(
      "--host", o.host,
      "run the benchmark programs for this computer, too: a minute (tools/build host core_bench log_bench)");
  bench->footer(
      "Exit code 1 when a figure is more than 5 % above the baseline.\n\nExamples:\n  rvm bench\n  rvm bench --json\n"
      "  rvm bench --update-baseline");
  bench->callback([&o, &command] { command = [&o] { return bench_command(o); }; });
}

void add_simulate(CLI::App& app, SimulateOptions& o, Command& command) {
  CLI::App* const simulate = app.add_subcommand(
      "simulate", "run the whole core on a simulated machine, from a seed, and check that its invariants hold");
  simulate->add_option("--seed", o.seed, "exactly this seed, or the first of --seeds (default 1)")->type_name("N");
  simulate->add_option("--seeds", o.seeds, "how many seeds (default 1 with --seed, else 16)")
      ->type_name("COUNT")
      ->check(CLI::PositiveNumber);
  simulate->add_option("--steps", o.steps, "steps of each seed (default 10000)")
      ->type_name("N")
      ->check(CLI::Range(1u, 100'000'000u));
  simulate->add_option("--jobs", o.jobs, "processes (default one per CPU)")->type_name("N")->check(CLI::Range(1, 256));
  simulate
      ->add_option("--shrink", o.shrink_seconds, "seconds to look for fewer steps that fail the same way (default 60)")
      ->type_name("SECONDS");
  simulate->add_flag("--trace", o.trace, "one seed, printing each step");
  simulate->add_flag("--json", o.json, "one line of JSON");
  simulate->footer(
      "A seed gives the same run, to the last bit, on every computer. Exit code 1 when an invariant does not hold.\n\n"
      "Examples:\n  rvm simulate\n  rvm simulate --seeds 1000\n  rvm simulate --seed 42 --steps 2000 --trace");
  simulate->callback([&o, &command] { command = [&o] { return simulate_command(o); }; });
}

struct NewOptions {
  fs::path place;
  std::string language = "c++";
};

void add_policy(CLI::App& app, PolicyFormat& format, Command& command) {
  CLI::App* const policy =
      app.add_subcommand("policy", "print what each hypercall demands: object, rights, proof tier");
  policy->add_flag_callback("--json", [&format] { format = PolicyFormat::json; }, "an array of objects");
  policy->add_flag_callback("--markdown", [&format] { format = PolicyFormat::markdown; }, "as in docs/guide/policy.md");
  policy->footer("The table is the one from which the kernel is compiled: RVM_HYPERCALL_TABLE in include/rvm/abi.h.");
  policy->callback([&format, &command] { command = [&format] { return policy_command(format); }; });
}

void add_new(CLI::App& app, NewOptions& o, Command& command) {
  CLI::App* const create = app.add_subcommand("new", "make an agent project that builds and runs");
  create->add_option("NAME", o.place, "its folder; the last part names the agent")->required();
  create
      ->add_option("--language", o.language,
                   fmt::format("one of {}: the first two make native agents, the others "
                               "WebAssembly agents (default c++)",
                               fmt::join(language_options(), ", ")))
      ->type_name("LANGUAGE")
      ->check([](const std::string& text) {
        const std::vector<std::string> known = language_options();
        return std::ranges::find(known, text) != known.end()
                   ? std::string()
                   : fmt::format("there is no template for '{}'; there are: {}", text, fmt::join(known, ", "));
      });
  create->footer("Examples:\n  rvm new hello && rvm run hello\n  rvm new tools/counter --language wasm-c");
  create->callback([&o, &command] { command = [&o] { return new_command(o.place, language_of(o.language)); }; });
}

void add_build(CLI::App& app, RunOptions& o, RunTexts& texts, Command& command) {
  CLI::App* const build = app.add_subcommand("build", "print what a machine measures when it boots this");
  build->add_option("PATH", o.path, "manifest, folder with one, or agent program")->required();
  add_quantity(*build, "--for", texts.run_for, parse_limit, "a duration of at least 1ms, such as 10s",
               "as for `rvm run`: it is part of what is measured");
  build->add_option("--kernel", o.kernel, "kernel image (default build/appliance/rvm.img)")->type_name("FILE");
  add_key(*build, o.key);
  build->footer("Example:\n  rvm build examples/pingpong > reference.json");
  build->callback([&o, &texts, &command] {
    o.run_for = parse_limit(texts.run_for);
    command = [&o] { return build_command(o); };
  });
}

void add_attest(CLI::App& app, AttestOptions& o, Command& command) {
  CLI::App* const attest = app.add_subcommand("attest", "check that a machine booted what the reference says");
  attest->add_option("TARGET", o.target, "what `rvm run` takes, to be booted; or a quote that --save kept")->required();
  attest->add_option("--nonce", o.nonce, "8 to 64 fresh bytes that the quote must answer (default random)")
      ->type_name("HEX");
  attest->add_option("--reference", o.reference, "reference measurements, as `rvm build` printed them")
      ->type_name("FILE")
      ->required();
  attest->add_option("--save", o.save, "keep the quote: a signed note")->type_name("FILE");
  attest
      ->add_option("--pubkey", o.pubkey,
                   "the machine's verifier key (rvm witness export --pubkey), instead of the "
                   "identity that follows from the device key")
      ->type_name("FILE");
  attest
      ->add_option("--tee", o.tee,
                   "what the machine's trusted execution environment must say that it launched, besides; in "
                   "hexadecimal, by its platform's rules")
      ->type_name("HEX");
  attest->add_option("--disk", o.run.disk, "log volume of the machine that is booted")->type_name("FILE");
  attest->add_option("--kernel", o.run.kernel, "kernel image that is booted")->type_name("FILE");
  add_key(*attest, o.run.key);
  attest->add_flag("--json", o.json, "one line of JSON");
  attest->footer(
      "Exit code 0 only if signature, nonce and every phase are right; what differs is named.\n\nExamples:\n"
      "  rvm build examples/pingpong > reference.json\n"
      "  rvm attest examples/pingpong --reference reference.json --nonce 00112233445566778899aabbccddeeff");
  attest->callback([&o, &command] { command = [&o] { return attest_command(o); }; });
}

void add_approve(CLI::App& app, ApproveOptions& o, std::string& validity, Command& command) {
  CLI::App* const approve =
      app.add_subcommand("approve", "sign that agents of a partition may lease a device (evidence_key)");
  approve->add_option("--approver", o.approver, "32 secret bytes: the approver's Ed25519 seed")
      ->type_name("FILE")
      ->required();
  approve->add_flag("--show-key", o.show_key, "only print the public key, for the manifest");
  approve->add_option("--partition", o.partition, "the partition, as the manifest calls it")->type_name("NAME");
  approve->add_option("--device", o.device, "the device, as the manifest calls it")->type_name("NAME");
  approve->add_option("--reference", o.reference, "the software: what `rvm build` printed")->type_name("FILE");
  approve->add_option("--pubkey", o.pubkey, "the machine: its verifier key (rvm witness export --pubkey)")
      ->type_name("FILE");
  add_quantity(*approve, "--for", validity, parse_duration, "a duration such as 1h",
               "how long it is valid (default 1h)");
  add_key(*approve, o.key);
  approve->add_flag("--json", o.json, "one line of JSON");
  approve->footer(
      "Prints the evidence that an agent shows, base64. It is good for one machine, one kernel and one set of agent\n"
      "programs; the machine is that of --pubkey, or of the device key.\n\nExamples:\n"
      "  rvm approve --approver approver.key --show-key\n"
      "  rvm approve --approver approver.key --partition timekeepers --device clock --reference reference.json --for "
      "8h");
  approve->callback([&o, &validity, &command] {
    if (const auto given = parse_duration(validity)) {
      o.validity = *given;
    }
    command = [&o] { return approve_command(o); };
  });
}

struct PackageCommandOptions {
  RunOptions run;
  fs::path file;
  std::optional<fs::path> key;
  bool json = false;
};

void add_package(CLI::App& app, PackageCommandOptions& o, Command& command) {
  CLI::App* const package = app.add_subcommand("package", "build, inspect and verify boot packages");
  package->require_subcommand(1);
  package->footer(
      "Examples:\n  rvm package build examples/pingpong -o pingpong.pkg\n  rvm package inspect pingpong.pkg");
  CLI::App* const build = package->add_subcommand("build", "write the package that `rvm run PATH` would boot");
  build->add_option("PATH", o.run.path, "manifest, folder with one, or agent program")->required();
  build->add_option("-o,--output", o.file, "file to write")->type_name("FILE")->required();
  add_key(*build, o.run.key);
  build->footer("Example:\n  rvm package build examples/pingpong -o pingpong.pkg && rvm run --package pingpong.pkg");
  build->callback([&o, &command] { command = [&o] { return package_build_command(o.run, o.file); }; });
  CLI::App* const verify = package->add_subcommand("verify", "check structure, digest and authenticator");
  verify->add_option("FILE", o.file, "boot package")->required();
  add_key(*verify, o.key);
  verify->footer("Example:\n  rvm package verify pingpong.pkg");
  verify->callback([&o, &command] { command = [&o] { return package_verify_command(o.file, o.key); }; });
  CLI::App* const inspect = package->add_subcommand("inspect", "show what is in it; needs no key");
  inspect->add_option("FILE", o.file, "boot package")->required();
  inspect->add_flag("--json", o.json, "as JSON");
  inspect->footer("Example:\n  rvm package inspect pingpong.pkg --json");
  inspect->callback([&o, &command] { command = [&o] { return package_inspect_command(o.file, o.json); }; });
}

ExitCode run_program(int argc, char** argv) {
  CLI::App app("RVM: a bare-metal microhypervisor for AI agents. This program builds, boots, watches and verifies it.",
               "rvm");
  app.set_version_flag("--version", std::string("rvm ") + RVM_VERSION);
  app.require_subcommand(1);
  app.footer(std::string("Examples:\n  rvm run examples/swarm/swarm.toml\n  rvm new hello && rvm run hello\n"
                         "  rvm witness verify log.img\n\n") +
             exit_codes);
  Command command;
  RunOptions run;
  RunTexts run_texts;
  WitnessOptions witness;
  BenchOptions bench;
  SimulateOptions simulate;
  NewOptions create;
  PackageCommandOptions package;
  RunOptions build;
  RunTexts build_texts;
  AttestOptions attest;
  ApproveOptions approve;
  std::string approve_validity;
  add_run(app, run, run_texts, command);
  add_witness(app, witness, command);
  add_bench(app, bench, command);
  add_simulate(app, simulate, command);
  add_new(app, create, command);
  PolicyFormat policy = PolicyFormat::text;
  add_policy(app, policy, command);
  add_package(app, package, command);
  add_build(app, build, build_texts, command);
  add_attest(app, attest, command);
  add_approve(app, approve, approve_validity, command);
  ControlOptions control;
  ControlTexts control_texts;
  add_control(app, control, control_texts, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {
      app.exit(e);  // --help and --version print to stdout
      return ExitCode::ok;
    }
    return report({ExitCode::usage, e.what(), "rvm --help, or rvm COMMAND --help"});
  }
  return command();
}

}  // namespace

}  // namespace rvm::host

int main(int argc, char** argv) {
  using namespace rvm::host;
  // A file that grows beyond a limit is an error of the write, with a message, not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    if (sodium_init() < 0) {
      return static_cast<int>(report({ExitCode::environment, "no source of random numbers", "check /dev/urandom"}));
    }
    return static_cast<int>(run_program(argc, argv));
  } catch (const std::exception& error) {
    // Such as standard output that was closed, or no memory. What was started has been ended on the way here.
    return static_cast<int>(report({ExitCode::environment, fmt::format("cannot go on: {}", error.what()),
                                    "keep the output open, or free some memory"}));
  }
}
