// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/bench/bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "host/common/file.hpp"
#include "host/common/paths.hpp"
#include "host/common/units.hpp"
#include "host/elf/elf.hpp"
#include "host/package/package.hpp"
#include "host/run/run.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t nanoseconds(Clock::duration d) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
}

Outcome<Figures> image_figures() {
  const fs::path elf = default_kernel_elf();
  const auto file = read_file(elf, "kernel with symbols");
  if (!file) {
    Failure f = file.error();
    f.cure = "build it: make build";
    return std::unexpected(f);
  }
  const auto sizes = read_section_sizes(*file);
  if (!sizes) {
    return failure(ExitCode::environment, fmt::format("{}: {}", elf.string(), sizes.error().cause), sizes.error().cure);
  }
  return Figures{{"text_bytes", sizes->text},
                 {"rodata_bytes", sizes->rodata},
                 {"data_bytes", sizes->data},
                 {"bss_bytes", sizes->bss},
                 {"third_party_text_bytes", sizes->third_party_text},
                 {"third_party_rodata_bytes", sizes->third_party_rodata}};
}

/// Median time to read a manifest, its programs, and to sign the package.
std::uint64_t package_build_ns(const RunOptions& options) {
  constexpr std::size_t rounds = 9;
  const auto key = load_device_key(options.key);
  std::array<std::uint64_t, rounds> times{};
  for (std::uint64_t& time : times) {
    const auto start = Clock::now();
    const auto built = key ? build_for_run(options, *key) : Outcome<BuiltPackage>(std::unexpect, Failure{});
    time = built ? nanoseconds(Clock::now() - start) : 0;
  }
  std::ranges::sort(times);
  return times[rounds / 2];
}

RunOptions run_of(const char* manifest, const BenchOptions& options) {
  RunOptions run;
  run.path = root_folder() / "examples/bench" / manifest;
  run.icount = true;
  run.kernel = options.kernel;
  run.timeout = Nanoseconds{300'000'000'000};
  run.style = {.json = true, .quiet = true, .verbose = false};
  return run;
}

Outcome<BenchFigures> measure(const BenchOptions& options) {
  const RunOptions run = run_of("swarm.toml", options);
  const auto finished = perform_run(run);
  const auto of_wasm = perform_run(run_of("wasm.toml", options));
  const auto of_boundaries = perform_run(run_of("boundaries.toml", options));
  for (const auto* const each : {&finished, &of_wasm, &of_boundaries}) {
    if (!*each) {
      return std::unexpected(each->error());
    }
    if (!(*each)->verdict.problems.empty()) {
      return std::unexpected((*each)->verdict.problems.front());
    }
  }
  auto image = image_figures();
  if (!image) {
    return std::unexpected(image.error());
  }
  BenchFigures out{
      instruction_figures(finished->session.report), std::move(*image), {}, memory_figures(finished->session.report)};
  out.instructions.merge(instruction_figures(of_wasm->session.report));
  out.memory_bytes.merge(memory_figures(of_wasm->session.report));
  out.instructions.merge(instruction_figures(of_boundaries->session.report));
  auto sealing = sealing_figures();
  if (!sealing) {
    return std::unexpected(sealing.error());
  }
  out.instructions.merge(*sealing);
  for (const std::string_view name : required_figures) {
    if (!out.instructions.contains(name)) {
      return failure(ExitCode::failed, fmt::format("the benchmark agents did not measure '{}'", name),
                     "see their output: rvm run examples/bench --icount --verbose");
    }
  }
  const auto records = static_cast<double>(std::max<std::uint64_t>(1, finished->log.value_or(LogCheck{}).records));
  out.host_ns = {{"package_build", static_cast<double>(package_build_ns(run))},
                 {"verify_small_log", static_cast<double>(nanoseconds(finished->verify_time)) / records}};
  if (options.host) {
    auto programs = host_program_figures();
    if (!programs) {
      return std::unexpected(programs.error());
    }
    out.host_ns.merge(*programs);
  }
  if (options.seed) {
    auto seed = seed_figures();
    if (!seed) {
      return std::unexpected(seed.error());
    }
    out.seed = std::move(*seed);
  }
  return out;
}

void print_table(const BenchFigures& now, const std::optional<BenchFigures>& baseline) {
  const auto section = [](const char* title, const Figures& figures, const Figures* before) {
    fmt::print("{}\n", title);
    for (const auto& [name, value] : figures) {
      std::string change;
      if (const auto it = before == nullptr ? figures.end() : before->find(name);
          before != nullptr && it != before->end() && it->second != 0) {
        change = fmt::format("{:>+9.2f} %", (static_cast<double>(value) / static_cast<double>(it->second) - 1) * 100);
      }
      fmt::print("  {:<26}{:>14}{}\n", name, format_count(value), change);
    }
  };
  section("instructions (exact, medians)", now.instructions, baseline ? &baseline->instructions : nullptr);
  section("memory of the machine, bytes", now.memory_bytes, baseline ? &baseline->memory_bytes : nullptr);
  section("kernel image", now.image, baseline ? &baseline->image : nullptr);
  if (!now.seed.empty()) {
    section("microcontroller, instructions", now.seed, baseline ? &baseline->seed : nullptr);
  }
  fmt::print("this computer, CPU time in ns; one call, record or block\n");
  for (const auto& [name, ns] : now.host_ns) {
    fmt::print("  {:<32}{:>16.1f}\n", name, ns);
  }
}

Outcome<std::optional<BenchFigures>> load_baseline(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return std::optional<BenchFigures>{};
  }
  const auto file = read_file(path, "baseline", std::uint64_t{1} << 20);
  if (!file) {
    return std::unexpected(file.error());
  }
  // Sound: char may alias any object.
  auto figures = parse_bench_json({reinterpret_cast<const char*>(file->data()), file->size()});
  if (!figures) {
    return failure(ExitCode::environment, fmt::format("{} is not a baseline", path.string()),
                   "make it again: rvm bench --update-baseline");
  }
  return figures;
}

ExitCode report_regressions(const std::vector<Regression>& found, const fs::path& path) {
  if (found.empty()) {
    return ExitCode::ok;
  }
  std::string cause = fmt::format("{} figures are more than {} % above the baseline {}", found.size(),
                                  regression_percent, path.string());
  for (const Regression& r : found) {
    cause += r.now ? fmt::format("\n  {}: {} was {}", r.name, *r.now, r.baseline)
                   : fmt::format("\n  {}: no longer measured", r.name);
  }
  return report({ExitCode::failed, std::move(cause),
                 "find what made it slower; if it is worth it, rvm bench --update-baseline and say why"});
}

}  // namespace

ExitCode bench_command(const BenchOptions& options) {
  const fs::path path = options.baseline.value_or(root_folder() / "tests/baseline/bench.json");
  const auto loaded = load_baseline(path);
  if (!loaded) {
    return report(loaded.error());
  }
  const std::optional<BenchFigures>& baseline = *loaded;
  const auto figures = measure(options);
  if (!figures) {
    return report(figures.error());
  }
  if (options.json) {
    fmt::print("{}\n", bench_json(*figures));
  } else {
    print_table(*figures, baseline);
  }
  std::fflush(stdout);
  if (options.update_baseline) {
    BenchFigures kept_figures = baseline_of(*figures);
    if (kept_figures.seed.empty() && baseline) {
      kept_figures.seed = baseline->seed;  // not measured this time
    }
    const std::string kept = bench_json(kept_figures, true) + "\n";
    if (const auto written = write_file(path, as_bytes(kept)); !written) {
      return report(written.error());
    }
    fmt::print(stderr, "wrote {}\n", path.string());
    return ExitCode::ok;
  }
  if (!baseline) {
    fmt::print(stderr, "no baseline {} to compare with; rvm bench --update-baseline makes it\n", path.string());
    return ExitCode::ok;
  }
  return report_regressions(regressions(*baseline, *figures), path);
}

}  // namespace rvm::host
