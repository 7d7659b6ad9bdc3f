// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/simulate/command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "host/simulate/sweep.hpp"

namespace rvm::host {
namespace {

constexpr std::array<std::string_view, RVM_HVC_LIMIT> operations = [] {
  std::array<std::string_view, RVM_HVC_LIMIT> names{};
#define RVM_X(label, number, object, needed, tier, doc) names[number] = #label;
  RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
  return names;
}();

nlohmann::json coverage_json(const sim::Coverage& c) {
  nlohmann::json calls = nlohmann::json::object();
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (!operations[i].empty())
      calls[std::string{operations[i]}] = {{"succeeded", c.succeeded[i]}, {"refused", c.refused[i]}};
  }
  return {{"records", c.records},       {"boots", c.boots},
          {"power_cuts", c.power_cuts}, {"shutdowns", c.shutdowns},
          {"torn_tails", c.torn_tails}, {"disk_errors", c.disk_errors},
          {"faults", c.faults},         {"vmid_reclaims", c.vmid_reclaims},
          {"full_scans", c.full_scans}, {"forks", c.forks},
          {"supplied", c.supplied},     {"relocations", c.relocations},
          {"advised", c.advised},       {"hypercalls", calls}};
}

/// The steps of a shrunk run, told one by one by the run itself.
std::vector<std::string> tell(const sim::Options& options) {
  std::vector<std::string> lines;
  sim::Options telling = options;
  telling.trace = [&](std::uint32_t step, const std::string& text) {
    lines.push_back(fmt::format("{:>8}  {}", step, text));
  };
  (void)sim::simulate(telling);
  return lines;
}

ExitCode trace_one(const SimulateOptions& o, std::uint64_t seed) {
  sim::Options options{.seed = seed, .steps = o.steps};
  options.trace = [](std::uint32_t step, const std::string& text) { fmt::print("{:>8}  {}\n", step, text); };
  const sim::Result result = sim::simulate(options);
  if (!result.violation) {
    fmt::print("seed {}: {} steps, all invariants hold\n", seed, result.steps + 1);
    return ExitCode::ok;
  }
  fmt::print("seed {}, step {}: {}: {}\n", seed, result.violation->step, result.violation->invariant,
             result.violation->detail);
  return ExitCode::failed;
}

ExitCode report_failure(const SimulateOptions& o, const SweepResult& result) {
  const std::uint64_t seed = *result.failed_seed;
  const sim::Violation& v = result.violation;
  if (!o.json) {
    fmt::print("seed {}, step {}: {}: {}\n", seed, v.step, v.invariant, v.detail);
    std::fflush(stdout);
  }
  sim::Options failing{.seed = seed, .steps = o.steps};
  std::vector<std::uint32_t> steps;
  std::vector<std::string> lines;
  // A seed that kills its process cannot be tried again and again in this one.
  if (o.shrink_seconds != 0 && v.invariant != "process") {
    steps = sim::shrink(failing, v, o.shrink_seconds);
    failing.only = steps;
    lines = tell(failing);
  }
  if (o.json) {
    fmt::print("{}\n", nlohmann::json{{"ok", false},
                                      {"seed", seed},
                                      {"step", v.step},
                                      {"invariant", v.invariant},
                                      {"detail", v.detail},
                                      {"shrunk", steps}}
                           .dump());
    return ExitCode::failed;
  }
  if (!steps.empty()) {
    fmt::print("{} of {} steps are enough:\n", steps.size(), v.step + 1);
    for (const std::string& line : lines) fmt::print("{}\n", line);
  }
  fmt::print("again: rvm simulate --seed {} --steps {}\n", seed, o.steps);
  return ExitCode::failed;
}

}  // namespace

ExitCode simulate_command(const SimulateOptions& o) {
  const std::uint64_t first = o.seed.value_or(1);
  const std::uint64_t seeds = o.seeds.value_or(o.seed ? 1 : 16);
  if (o.trace) return trace_one(o, first);
  const bool live = !o.json && isatty(STDERR_FILENO) != 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  const std::uint32_t jobs = o.jobs != 0 ? o.jobs : std::max(1u, std::thread::hardware_concurrency());
  const SweepResult result =
      sweep({.first_seed = first, .seeds = seeds, .steps = o.steps, .jobs = jobs}, [&](const SweepResult& so_far) {
        if (!live) return;
        fmt::print(stderr, "\r{} of {} seeds, {:.1f} million steps, {:.0f} s ", so_far.seeds_done, seeds,
                   static_cast<double>(so_far.steps_done) / 1e6, seconds());
        std::fflush(stderr);
      });
  if (live) fmt::print(stderr, "\r{:70}\r", "");
  if (result.failed_seed) return report_failure(o, result);
  const double took = seconds();
  if (o.json) {
    fmt::print("{}\n", nlohmann::json{{"ok", true},
                                      {"seeds", result.seeds_done},
                                      {"steps", result.steps_done},
                                      {"digest", fmt::format("{:016x}", result.digest)},
                                      {"seconds", took},
                                      {"coverage", coverage_json(result.coverage)}}
                           .dump());
    return ExitCode::ok;
  }
  fmt::print("{} seeds, {} steps, all invariants hold; {} records, {} boots, {} power cuts, {} torn tails\n",
             result.seeds_done, result.steps_done, result.coverage.records, result.coverage.boots,
             result.coverage.power_cuts, result.coverage.torn_tails);
  fmt::print("digest {:016x}; {:.1f} s, {:.2f} us of one process a step\n", result.digest, took,
             took * 1e6 * static_cast<double>(std::min<std::uint64_t>(jobs, seeds)) /
                 static_cast<double>(std::max<std::uint64_t>(1, result.steps_done)));
  return ExitCode::ok;
}

}  // namespace rvm::host
