// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libFuzzer target: what comes over the console, which agents write to as well, in whatever pieces.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "host/machine/console.hpp"
#include "host/run/boundaries.hpp"

namespace {

using namespace rvm::host;

/// Reports of the coherence engine: whatever is taken can be put into words, which are one line.
void check_coherence_reports(const std::string& json) {
  if (const auto move = parse_move_report(json)) {
    if (move->from == move->to) std::abort();
    Layout layout;
    layout.apply(*move);
    for (const char c : move_text(*move, layout)) {
      if (c < ' ' || c > '~') std::abort();
    }
  }
  if (const auto report = parse_coherence_report(json)) {
    if (report->cross_bytes > report->total_bytes || boundaries_text(*report).contains('\n')) std::abort();
  }
}

/// A sound report changed where the input says: two bytes are a place and the new value. It gets past what few random
/// bytes would.
std::string changed(std::string_view report, std::string_view changes) {
  std::string text(report);
  for (; changes.size() >= 2; changes.remove_prefix(2)) {
    text[static_cast<unsigned char>(changes[0]) % text.size()] = changes[1];
  }
  return text;
}

constexpr std::string_view moved =
    R"({"t":"moved","how":"split","reason":"trust","agents":1,"from":3,"to":6,"from_name":"a","to_name":"b","agent":"",)"
    R"("ids":[7]})";
constexpr std::string_view closing =
    R"({"t":"coherence","splits":3,"merges":2,"migrations":17,"aborted":1,"cross_bytes":12,"total_bytes":45,)"
    R"("epochs":9,"degraded_epochs":4,"budget_exceeded":5,"engine_ns":4,"longest_ns":3,"busy_ns":1000})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  check_coherence_reports(std::string(bytes));
  for (const std::string_view sound : {moved, closing}) check_coherence_reports(changed(sound, bytes));
  MachineReport report;
  LineSplitter splitter;
  const auto sink = [&](std::string_view line) {
    if (line.find('\n') != std::string_view::npos || line.size() > LineSplitter::limit) std::abort();
    report.take(classify(line));
  };
  while (!bytes.empty()) {
    const std::size_t piece = std::min<std::size_t>(bytes.size(), static_cast<unsigned char>(bytes.front()) + 1u);
    splitter.feed(bytes.substr(0, piece), sink);
    bytes.remove_prefix(piece);
  }
  splitter.finish(sink);
  return 0;
}
