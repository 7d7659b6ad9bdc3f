// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/bench/bench.hpp"

#include <doctest/doctest.h>

using namespace rvm::host;

TEST_CASE("figures come from the agents' lines") {
  MachineReport report;
  report.boot = BootReport{.first_witness_ns = 42};
  report.marked["bench"] = {"bench: hypercall_null instructions=70", "bench: nonsense",
                            "bench: x instructions=", "bench: y instructions=5 more"};
  const Figures figures = instruction_figures(report);
  CHECK(figures.at("hypercall_null") == 70);
  CHECK(figures.at(std::string(waits_for_disk)) == 42);
  CHECK_FALSE(figures.contains("x"));
  CHECK(figures.at("y") == 5);
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

TEST_CASE("a baseline keeps what is the same on every computer") {
  const BenchFigures kept =
      baseline_of({{{"hypercall_null", 12}, {"boot_to_first_witness", 2}}, {{"text_bytes", 5}}, {{"x", 1}}});
  CHECK(kept.instructions == Figures{{"hypercall_null", 12}});
  CHECK(kept.image == Figures{{"text_bytes", 5}});
  CHECK(kept.host_ns.empty());
}

TEST_CASE("a baseline survives being written and read") {
  const BenchFigures figures{{{"hypercall_null", 70}, {"zeta", 1}}, {{"text_bytes", 5}}, {}};
  const auto back = parse_bench_json(bench_json(figures));
  REQUIRE(back);
  CHECK(back->instructions == figures.instructions);
  CHECK(back->image == figures.image);
  CHECK_FALSE(parse_bench_json("[]"));
  CHECK_FALSE(parse_bench_json("{\"instructions\":{\"a\":-1}}"));
  CHECK_FALSE(parse_bench_json("nonsense"));
}
