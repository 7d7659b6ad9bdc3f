// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "host/bench/bench.hpp"
#include "host/common/units.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

/// "bench: NAME UNIT=N"; `middle` is " UNIT=".
std::optional<std::pair<std::string, std::uint64_t>> parse_line(std::string_view line, std::string_view middle) {
  constexpr std::string_view head = "bench: ";
  const auto at = line.find(middle);
  if (!line.starts_with(head) || at == std::string_view::npos || at <= head.size()) {
    return std::nullopt;
  }
  std::string_view rest = line.substr(at + middle.size());
  const auto value = take_number(rest);
  if (!value) {
    return std::nullopt;
  }
  return std::pair{std::string(line.substr(head.size(), at - head.size())), *value};
}

Json object_of(const Figures& figures) {
  Json out = Json::object();
  // The promised figures first, in the order they are promised.
  for (const std::string_view name : required_figures) {
    if (const auto it = figures.find(name); it != figures.end()) {
      out[it->first] = it->second;
    }
  }
  for (const auto& [name, value] : figures) {
    out[name] = value;
  }
  return out;
}

bool read_object(const Json& from, const char* key, Figures& out) {
  const auto it = from.find(key);
  if (it == from.end()) {
    return true;
  }
  if (!it->is_object()) {
    return false;
  }
  for (const auto& [name, value] : it->items()) {
    if (!value.is_number_unsigned()) {
      return false;
    }
    out[name] = value.get<std::uint64_t>();
  }
  return true;
}

void compare(const Figures& baseline, const Figures& now, std::vector<Regression>& out) {
  for (const auto& [name, before] : baseline) {
    const auto it = now.find(name);
    if (it == now.end()) {
      out.push_back({name, before, std::nullopt});
    } else if (it->second * 100 > before * (100 + regression_percent)) {
      out.push_back({name, before, it->second});
    }
  }
}

Figures figures_in(const MachineReport& report, std::string_view unit) {
  Figures out;
  for (const auto& [agent, lines] : report.marked) {
    for (const std::string& line : lines) {
      if (auto figure = parse_line(line, unit)) {
        out[figure->first] = figure->second;
      }
    }
  }
  return out;
}

}  // namespace

Figures instruction_figures(const MachineReport& report) {
  Figures out = figures_in(report, " instructions=");
  if (report.boot) {
    out[std::string(waits_for_disk)] = report.boot->first_witness_ns;
  }
  return out;
}

Figures memory_figures(const MachineReport& report) { return figures_in(report, " bytes="); }

std::vector<Regression> regressions(const BenchFigures& baseline, const BenchFigures& now) {
  std::vector<Regression> out;
  compare(baseline.instructions, now.instructions, out);
  compare(baseline.image, now.image, out);
  compare(baseline.memory_bytes, now.memory_bytes, out);
  if (!now.seed.empty()) {
    compare(baseline.seed, now.seed, out);
  }
  return out;
}

BenchFigures baseline_of(BenchFigures measured) {
  measured.host_ns.clear();
  if (const auto it = measured.instructions.find(waits_for_disk); it != measured.instructions.end()) {
    measured.instructions.erase(it);
  }
  return measured;
}

std::string bench_json(const BenchFigures& f, bool pretty) {
  Json out;
  out["instructions"] = object_of(f.instructions);
  out["image"] = object_of(f.image);
  out["memory_bytes"] = object_of(f.memory_bytes);
  if (!f.seed.empty()) {
    out["seed"] = object_of(f.seed);
  }
  for (const auto& [name, ns] : f.host_ns) {
    out["host_ns"][name] = std::round(ns * 10) / 10;
  }
  return out.dump(pretty ? 2 : -1);
}

std::optional<HostFigures> parse_benchmark_json(std::string_view text) {
  const Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto runs = parsed.is_object() ? parsed.find("benchmarks") : parsed.end();
  if (runs == parsed.end() || !runs->is_array()) {
    return std::nullopt;
  }
  const auto number = [](const Json& run, const char* key) {
    const auto it = run.find(key);
    return it != run.end() && it->is_number() ? it->get<double>() : 0.0;
  };
  const auto word = [](const Json& run, const char* key) {
    const auto it = run.find(key);
    return it != run.end() && it->is_string() ? it->get<std::string>() : std::string{};
  };
  HostFigures out;
  for (const Json& run : *runs) {
    if (!run.is_object() || word(run, "aggregate_name") != "median") {
      continue;
    }
    const std::string name = word(run, "run_name");
    const std::string unit = word(run, "time_unit");
    const double scale = unit == "ns" ? 1 : unit == "us" ? 1e3 : unit == "ms" ? 1e6 : 1e9;
    const double per_second = number(run, "items_per_second");
    // What follows a slash are arguments and how it was measured.
    out[name.substr(0, name.find('/'))] = per_second > 0 ? 1e9 / per_second : number(run, "cpu_time") * scale;
  }
  return out;
}

std::optional<BenchFigures> parse_bench_json(std::string_view text) {
  const Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  BenchFigures out;
  if (!parsed.is_object() || !read_object(parsed, "instructions", out.instructions) ||
      !read_object(parsed, "image", out.image) || !read_object(parsed, "memory_bytes", out.memory_bytes) ||
      !read_object(parsed, "seed", out.seed)) {
    return std::nullopt;
  }
  return out;
}

}  // namespace rvm::host
