// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <system_error>

#include "host/common/file.hpp"
#include "host/common/paths.hpp"
#include "host/common/units.hpp"
#include "host/control/run_folder.hpp"
#include "host/machine/session.hpp"
#include "host/run/device_files.hpp"
#include "host/run/seed.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

Outcome<fs::path> find_kernel(const RunOptions& options) {
  fs::path kernel = options.kernel.value_or(default_kernel_image());
  std::error_code error;
  if (!fs::is_regular_file(kernel, error)) {
    return failure(ExitCode::environment, fmt::format("there is no kernel image {}", kernel.string()),
                   "build it: `make build` at the root of the repository, or name one with --kernel");
  }
  return kernel;
}

void print_header(const BuiltPackage& package, const RunOptions& options, const Volume& volume,
                  const std::optional<RunFolder>& run_folder) {
  const MachineSettings& m = package.manifest->machine;
  std::string what = options.package ? options.package->string() : std::string{};
  if (options.path) {
    const std::size_t partitions = package.swarm.partitions.size() - 1;  // without control
    const auto agents =
        std::ranges::count_if(package.swarm.agents, [](const SwarmAgent& a) { return a.partition != 0; });
    what = fmt::format("{} in {}", format_count(static_cast<std::uint64_t>(agents), "agent", "agents"),
                       format_count(partitions, "partition", "partitions"));
  }
  fmt::print("RVM {}: {}, on {} {} {}, GICv{}, {} of memory{}\n", RVM_VERSION, what, m.cpus, m.cpu,
             m.cpus == 1 ? "core" : "cores", m.gic, format_size(m.memory),
             m.icount ? ", one instruction per nanosecond" : "");
  fmt::print("log:  {}\n",
             volume.temporary() ? "temporary, verified at the end (--disk FILE keeps it)" : volume.path());
  if (run_folder) {
    fmt::print("name: {}; in another terminal: rvm ps, rvm top, rvm graph\n", run_folder->name());
  }
  if (options.gdb) {
    const fs::path elf = default_kernel_elf();
    fmt::print("gdb:  waiting; in another terminal: gdb-multiarch {} -ex 'target remote :1234'\n", elf.string());
  }
  fmt::print("\n");
  std::fflush(stdout);
}

/// Where other commands find the machine. Not for a package whose header cannot be read, which the kernel refuses.
Outcome<std::optional<RunFolder>> publish(const RunOptions& options, const BuiltPackage& package,
                                          const Key& device_key) {
  rvm_package_header header;
  if (!package.manifest->control || package.bytes.size() < sizeof header) {
    return std::nullopt;
  }
  std::memcpy(&header, package.bytes.data(), sizeof header);
  auto made = RunFolder::create(options.name, options.path.value_or(options.package.value_or("machine")),
                                control_key(device_key, header.wall_clock_ns));
  if (!made) {
    return std::unexpected(made.error());
  }
  return std::move(*made);
}

std::optional<MoveReport> move_of(const ConsoleLine& line) {
  const bool told = line.source == ConsoleLine::Source::kernel_report && is_move_report(line.text);
  return told ? parse_move_report(line.text) : std::nullopt;
}

std::optional<LogEvidence> evidence_of(const FinishedRun& run, const Volume& volume) {
  const bool wanted =
      std::ranges::any_of(run.package.swarm.agents, [](const SwarmAgent& a) { return !a.entry->attack.empty(); });
  if (!wanted || !run.log || !run.log->verified || !run.session.report.boot) {
    return std::nullopt;
  }
  auto evidence = collect_evidence(volume.path(), run.session.report.boot->log_records);
  return evidence ? std::optional{std::move(*evidence)} : std::nullopt;
}

}  // namespace

Outcome<FinishedRun> perform_run(const RunOptions& options) {
  const auto key = load_device_key(options.key);
  if (!key) {
    return std::unexpected(key.error());
  }
  auto package = build_for_run(options, *key);
  if (!package) {
    return std::unexpected(package.error());
  }
  const auto qemu = find_qemu();
  const auto kernel = find_kernel(options);
  if (!qemu || !kernel) {
    return std::unexpected(qemu ? kernel.error() : qemu.error());
  }
  const auto package_file = AnonymousFile::containing("boot package", package->bytes);
  const auto key_file = AnonymousFile::containing("device key", key->bytes);
  const auto nonce_file = AnonymousFile::containing("nonce", options.nonce);
  if (!nonce_file) {
    return std::unexpected(nonce_file.error());
  }
  if (!package_file || !key_file) {
    return std::unexpected(package_file ? key_file.error() : package_file.error());
  }
  auto volume = Volume::open(options.disk, package->manifest->machine.disk_size);
  if (!volume) {
    return std::unexpected(volume.error());
  }
  auto device_files = DeviceFiles::open(*package->manifest);
  if (!device_files) {
    return std::unexpected(device_files.error());
  }
  const auto run_folder = publish(options, *package, *key);
  if (!run_folder) {
    return std::unexpected(run_folder.error());
  }
  std::vector<MachineDevice> devices = device_files->devices();
  if (*run_folder) {
    devices.push_back({RVM_DEVICE_CONSOLE, (*run_folder)->socket().string(), true});
  }
  FinishedRun run{.package = std::move(*package), .session = {}, .log = {}, .verdict = {}, .layout = {}, .dump = {}};
  run.layout = Layout(run.package.swarm);
  if (!options.style.json && !options.style.quiet) {
    print_header(run.package, options, *volume, *run_folder);
  }
  const MachineParts parts{.settings = run.package.manifest->machine,
                           .kernel = *kernel,
                           .package = package_file->path(),
                           .device_key = key_file->path(),
                           .disk = volume->path(),
                           .temporary_disk = volume->temporary(),
                           .nonce = options.nonce.empty() ? std::string{} : nonce_file->path(),
                           .devices = std::move(devices),
                           .gdb = options.gdb};
  const SessionOptions limits{.timeout =
                                  std::chrono::milliseconds(options.gdb ? 0 : options.timeout.value / 1'000'000)};
  LivePrinter printer(options.style, run.layout);
  const auto started = std::chrono::steady_clock::now();
  auto session = run_session(parts, limits, [&](const std::optional<ConsoleLine>& line, const MachineReport& report) {
    if (line) {
      printer.line(*line);
      if (const auto move = move_of(*line)) {
        run.layout.apply(*move);
      }
      if (options.dump && is_state_line(*line)) {
        run.dump.append(line->text).push_back('\n');
      }
    }
    if (report.boot) {
      volume->keep();
      device_files->keep();
    }
    printer.status(report,
                   std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started));
  });
  printer.clear_status();
  if (!session) {
    return std::unexpected(session.error());
  }
  run.session = std::move(*session);
  const auto verifying = std::chrono::steady_clock::now();
  if (auto log = check_volume(volume->path(), *key)) {
    run.log = std::move(*log);
  } else {
    run.session.report.last_texts.push_back(log.error().cause);
  }
  run.verify_time = std::chrono::steady_clock::now() - verifying;
  const auto evidence = evidence_of(run, *volume);
  run.verdict = judge({run.package.swarm, run.session, run.log, evidence});
  return run;
}

ExitCode run_command(const RunOptions& options) {
  if (const auto seed = find_seed_manifest(options)) {
    return run_seed(*seed, options);
  }
  const auto run = perform_run(options);
  if (!run) {
    report(run.error());
    if (options.style.json) {
      fmt::print("{}\n", json_line(run.error()));
    }
    return run.error().code;
  }
  if (options.dump) {
    if (const auto written = write_file(*options.dump, as_bytes(run->dump)); !written) {
      return report(written.error());
    }
  }
  const RunOutcome outcome{run->package.swarm, run->session, run->log, run->verdict, run->layout};
  if (!options.style.json && !options.style.quiet) {
    fmt::print("{}", summary_text(outcome, options.style));
    std::fflush(stdout);
  }
  for (const Failure& problem : run->verdict.problems) {
    report(problem);
  }
  if (options.style.json) {
    fmt::print("{}\n", json_line(outcome, options.style));
  }
  if (run->session.interrupted) {
    return ExitCode::interrupted;
  }
  return run->verdict.result == RunResult::ok ? ExitCode::ok : ExitCode::failed;
}

}  // namespace rvm::host
