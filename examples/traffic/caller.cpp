// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Calls the server of the next partition, checks every reply and reports to the leader. args: number of calls.
#include "traffic.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info* me) {
  const Edge server = find_edge("server");
  const Edge report_edge = find_edge("report");
  require(server && report_edge, "an edge is missing");
  const std::uint64_t rounds = argument_number(0, 1000);

  const Result<std::uint64_t> started = wait(traffic::go);
  require(started.has_value(), "wait: ", error_of(started));

  traffic::Report report{};
  traffic::Random random{me->agent_id};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    Message question{};
    for (std::uint64_t& word : question) word = random.next();
    const Result<Message> answer = call(server, question);
    // The server answers with the words reversed and inverted.
    bool right = answer.has_value();
    for (std::size_t w = 0; right && w < question.size(); ++w)
      right = (*answer)[w] == ~question[question.size() - 1 - w];
    right ? ++report.calls : ++report.errors;
  }
  const Status sent = send_value(report_edge, report);
  require(sent.has_value(), "report: ", error_of(sent));
  return report.errors == 0 ? 0 : 1;
}
