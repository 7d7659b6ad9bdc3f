// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/machine/console.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace rvm::host;
using Source = ConsoleLine::Source;

namespace {

MachineReport report_of(std::string_view text) {
  MachineReport report;
  LineSplitter lines;
  lines.feed(text, [&](std::string_view line) { report.take(classify(line)); });
  lines.finish([&](std::string_view line) { report.take(classify(line)); });
  return report;
}

}  // namespace

TEST_CASE("lines are told apart by their beginning") {
  CHECK(classify("rvm# {\"t\":\"x\"}").source == Source::kernel_report);
  CHECK(classify("rvm: hello").text == "hello");
  const auto agent = classify("ping| rvm# {\"t\":\"summary\"}");
  CHECK(agent.source == Source::agent);
  CHECK(agent.agent == "ping");
  CHECK(agent.text == "rvm# {\"t\":\"summary\"}");
  CHECK(classify("ping|").source == Source::agent);
  CHECK(classify("two words| x").source == Source::other);
  CHECK(classify("| x").source == Source::other);
  CHECK(classify("").source == Source::other);
}

TEST_CASE("a run's reports") {
  const MachineReport r = report_of(
      "rvm: starting\r\n"
      "rvm# "
      "{\"t\":\"boot\",\"cpus\":2,\"memory\":1073741824,\"partitions\":3,\"agents\":2,\"first_witness_ns\":77,\"log_"
      "records\":5,"
      "\"vmid_bits\":8,\"ipa_bits\":44}\n"
      "rvm# {\"t\":\"durable\",\"seq\":10}\nrvm# {\"t\":\"durable\",\"seq\":7}\n"
      "mem| attack: tried\nmem| nothing special\n"
      "rvm# {\"t\":\"fault\",\"agent\":1,\"partition\":2,\"name\":\"mem\",\"kind\":\"data "
      "abort\",\"address\":\"0x10\"}\n"
      "rvm# "
      "{\"t\":\"agent\",\"id\":1,\"partition\":2,\"name\":\"mem\",\"state\":\"faulted\",\"exit\":0,\"cpu_ns\":9,"
      "\"messages\":1,"
      "\"refused\":2,\"faults\":1,\"deadlines_met\":3,\"deadlines_missed\":4,\"latency\":{\"p50\":1,\"p99\":2,\"max\":"
      "3}}\n"
      "rvm# "
      "{\"t\":\"summary\",\"partitions\":3,\"agents\":2,\"messages\":4,\"switches\":5,\"refused\":6,\"faults\":7,"
      "\"vmid_reclaims\":0,"
      "\"throttled\":1,\"records\":99,\"durable\":99,\"tree_size\":99,\"root\":\"ab\",\"closed\":true,\"reason\":"
      "\"done\"}");
  REQUIRE(r.boot);
  CHECK(r.boot->first_witness_ns == 77);
  CHECK(r.boot->log_records == 5);
  CHECK(r.durable == 10);
  REQUIRE(r.faults.size() == 1);
  CHECK(r.faults[0].kind == "data abort");
  REQUIRE(r.agents.size() == 1);
  CHECK(r.agents[0].latency->p99 == 2);
  CHECK(r.agents[0].deadlines_missed == 4);
  REQUIRE(r.summary);
  CHECK(r.summary->root == "ab");
  CHECK(r.summary->closed);
  CHECK(r.marked.at("mem") == std::vector<std::string>{"attack: tried"});
  CHECK(r.malformed.empty());
  CHECK(r.last_texts == std::vector<std::string>{"starting"});
}

TEST_CASE("reports that are not understood are kept as such") {
  const MachineReport r = report_of("rvm# {\"t\":\"surprise\"}\nrvm# {oops\nrvm# []\nrvm# {\"t\":7}\n");
  CHECK(r.malformed.size() == 4);
}

TEST_CASE("the kernel's last words") {
  const MachineReport r = report_of(
      "rvm: cannot start: too little memory. Give it more.\nrvm# {\"t\":\"refused\",\"reason\":\"too little memory\"}\n"
      "rvm# {\"t\":\"log_stopped\",\"reason\":\"full\"}\nrvm# {\"t\":\"panic\"}\n");
  CHECK(r.refusal == "too little memory");
  CHECK(r.log_stopped == "full");
  CHECK(r.panicked);
}

TEST_CASE("any byte stream is survived, in bounded memory") {
  std::mt19937 random(20260105);
  constexpr std::string_view alphabet = "rvm# :|{}\"t,0123\n\r\x01\xff";
  MachineReport report;
  LineSplitter lines;
  std::size_t longest = 0;
  const auto sink = [&](std::string_view line) {
    longest = std::max(longest, line.size());
    report.take(classify(line));
  };
  for (int i = 0; i < 2000; ++i) {
    std::string piece(random() % 300, ' ');
    for (char& c : piece) {
      c = alphabet[random() % alphabet.size()];
    }
    lines.feed(piece, sink);
  }
  lines.feed(std::string(LineSplitter::limit * 3, 'x'), sink);
  CHECK(longest == LineSplitter::limit);
  CHECK(report.last_texts.size() <= 8);
}
