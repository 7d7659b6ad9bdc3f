// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/bench/bench.hpp"

#include <doctest/doctest.h>

using namespace rvm::host;

TEST_CASE("figures come from the agents' lines") {
  MachineReport report;
  report.boot = BootReport{.first_witness_ns = 42};
  report.marked["bench"] = {"bench: hypercall_null instructions=70", "bench: nonsense",
                            "bench: x instructions=", "bench: y instructions=5 more", "bench: fork bytes=8192"};
  const Figures figures = instruction_figures(report);
  CHECK(figures.at("hypercall_null") == 70);
  CHECK(figures.at(std::string(waits_for_disk)) == 42);
  CHECK_FALSE(figures.contains("x"));
  CHECK(figures.at("y") == 5);
  CHECK_FALSE(figures.contains("fork"));
  CHECK(memory_figures(report) == Figures{{"fork", 8192}});
}

TEST_CASE("more than five per cent above the baseline is a regression") {
  const BenchFigures baseline{{{"a", 100}, {"b", 100}, {"c", 0}, {"gone", 1}}, {{"text_bytes", 1000}}, {{"time", 1}}};
  const BenchFigures now{{{"a", 105}, {"b", 106}, {"c", 0}, {"fresh", 9}}, {{"text_bytes", 1051}}, {{"time", 100}}};
  const auto found = regressions(baseline, now);
  REQUIRE(found.size() == 3);
  CHECK(found[0].name == "b");
  CHECK(found[1].name == "gone");
  CHECK_FALSE(found[1].now);
  CHECK(found[2].name == "text_bytes");
}

TEST_CASE("a microcontroller is compared when it was measured") {
  const BenchFigures baseline{{}, {}, {}, {}, {{"switch", 100}, {"null", 20}}};
  CHECK(regressions(baseline, {}).empty());
  const auto found = regressions(baseline, {{}, {}, {}, {}, {{"switch", 106}}});
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "null");
  CHECK(found[1].name == "switch");
  CHECK(parse_bench_json(bench_json(baseline))->seed == baseline.seed);
}

TEST_CASE("a baseline keeps what is the same on every computer") {
  const BenchFigures kept =
      baseline_of({{{"hypercall_null", 12}, {"boot_to_first_witness", 2}}, {{"text_bytes", 5}}, {{"x", 1}}});
  CHECK(kept.instructions == Figures{{"hypercall_null", 12}});
  CHECK(kept.image == Figures{{"text_bytes", 5}});
  CHECK(kept.host_ns.empty());
}

TEST_CASE("a baseline survives being written and read") {
  const BenchFigures figures{{{"hypercall_null", 70}, {"zeta", 1}}, {{"text_bytes", 5}}, {}, {{"fork", 8192}}};
  const auto back = parse_bench_json(bench_json(figures));
  REQUIRE(back);
  CHECK(back->instructions == figures.instructions);
  CHECK(back->image == figures.image);
  CHECK(back->memory_bytes == figures.memory_bytes);
  CHECK_FALSE(parse_bench_json("[]"));
  CHECK_FALSE(parse_bench_json("{\"instructions\":{\"a\":-1}}"));
  CHECK_FALSE(parse_bench_json("nonsense"));
}

TEST_CASE("times on this computer are medians, of an item where items are counted") {
  const auto figures = parse_benchmark_json(R"({"context":{},"benchmarks":[
      {"run_name":"p1_check","aggregate_name":"median","cpu_time":1.75,"time_unit":"ns"},
      {"run_name":"p1_check","aggregate_name":"mean","cpu_time":9,"time_unit":"ns"},
      {"run_name":"query","aggregate_name":"median","cpu_time":2.5,"time_unit":"ms"},
      {"run_name":"verify/2/process_time","aggregate_name":"median","cpu_time":100,"time_unit":"ms","items_per_second":8e6},
      {"run_name":"odd","aggregate_name":"median","cpu_time":"much","time_unit":3}, 7]})");
  REQUIRE(figures);
  CHECK(figures->at("p1_check") == 1.75);
  CHECK(figures->at("query") == 2.5e6);
  CHECK(figures->at("verify") == 125);
  CHECK(figures->at("odd") == 0);
  CHECK_FALSE(parse_benchmark_json("[]"));
  CHECK_FALSE(parse_benchmark_json("{\"benchmarks\":{}}"));
  CHECK_FALSE(parse_benchmark_json("nonsense"));
}
