// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The benchmark: exact instruction counts under -icount, sizes of the kernel image, and times on this computer.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/common/failure.hpp"
#include "host/machine/console.hpp"

namespace rvm::host {

using Figures = std::map<std::string, std::uint64_t, std::less<>>;

/// Nanoseconds of CPU time, each of one call, record or block.
using HostFigures = std::map<std::string, double, std::less<>>;

struct BenchFigures {
  Figures instructions;
  Figures image;
  HostFigures host_ns;
  /// Of the machine, for one of what the name says.
  Figures memory_bytes{};  // NOLINT(readability-redundant-member-init): may be left out
  /// Instructions on a microcontroller; empty: not measured.
  Figures seed{};  // NOLINT(readability-redundant-member-init): may be left out
};

/// What every benchmark run must measure. docs/performance.md says how, and where the floors are.
inline constexpr std::array<std::string_view, 20> required_figures{"hypercall_null",
                                                                   "hypercall_denied",
                                                                   "partition_switch",
                                                                   "ipc_call_reply",
                                                                   "ipc_signal",
                                                                   "region_map_page",
                                                                   "witness_emit",
                                                                   "witness_ring_emit",
                                                                   "witness_emit_sealed",
                                                                   "sha256_block",
                                                                   "timer_preempt",
                                                                   "boot_to_first_witness",
                                                                   "fork",
                                                                   "warm_spawn",
                                                                   "warm_spawn_ready",
                                                                   "wasm_first_turn",
                                                                   "cold_spawn_1mib",
                                                                   "migrate_1mib",
                                                                   "split_32",
                                                                   "merge_32"};

/// Boot reads the volume and spins until the disk has answered, which takes as long as this computer likes: the figure has
/// a ceiling (tests/e2e/bench.py) and is shown, but neither repeats to the instruction nor belongs in a baseline.
inline constexpr std::string_view waits_for_disk = "boot_to_first_witness";

/// A figure may grow this much over the baseline, in per cent.
inline constexpr std::uint64_t regression_percent = 5;

/// The `bench: NAME instructions=N` lines of a run; under -icount shift=0 the time of the first record counts
/// instructions from reset, too.
[[nodiscard]] Figures instruction_figures(const MachineReport& report);
/// The `bench: NAME bytes=N` lines of a run.
[[nodiscard]] Figures memory_figures(const MachineReport& report);

/// The figures of the kernel that measures what a record costs until it is sealed (src/witness/cost).
[[nodiscard]] Outcome<Figures> sealing_figures();

/// The figures of the Seed kernel on its smallest board (tests/seed/bench), in instructions.
[[nodiscard]] Outcome<Figures> seed_figures();

/// What the benchmark programs for this computer measure (build/host/core_bench and log_bench, Google Benchmark): medians. They
/// must have been built; takes about a minute.
[[nodiscard]] Outcome<HostFigures> host_program_figures();
/// From the JSON that such a program prints: a median per benchmark. CPU time of one of its items, or of one iteration if it
/// does not count items. Nothing if it is not such a text.
[[nodiscard]] std::optional<HostFigures> parse_benchmark_json(std::string_view text);

struct Regression {
  std::string name;
  std::uint64_t baseline;
  std::optional<std::uint64_t> now;  ///< nothing: no longer measured
};
/// Figures of `baseline` that are missing now or more than 5 % above. Times on the host are not compared, nor is a microcontroller that
/// was not measured.
[[nodiscard]] std::vector<Regression> regressions(const BenchFigures& baseline, const BenchFigures& now);

/// What a baseline keeps of `measured`: the figures that are the same on every computer.
[[nodiscard]] BenchFigures baseline_of(BenchFigures measured);

/// In one line, or for a file to keep.
[[nodiscard]] std::string bench_json(const BenchFigures& figures, bool pretty = false);
[[nodiscard]] std::optional<BenchFigures> parse_bench_json(std::string_view text);

struct BenchOptions {
  bool json = false;
  bool update_baseline = false;
  bool host = false;                              ///< run the benchmark programs for this computer, too
  bool seed = false;                              ///< measure the microcontroller, too
  std::optional<std::filesystem::path> baseline;  ///< default tests/baseline/bench.json under the root
  std::optional<std::filesystem::path> kernel;
};

/// `rvm bench`.
[[nodiscard]] ExitCode bench_command(const BenchOptions& options);

}  // namespace rvm::host
