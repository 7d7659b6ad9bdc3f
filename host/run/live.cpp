// SPDX-License-Identifier: MIT OR Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>

#include "host/common/units.hpp"
#include "host/run/boundaries.hpp"
#include "host/run/report.hpp"

namespace rvm::host {

namespace {

constexpr std::array<const char*, 6> agent_colours{"\033[32m", "\033[33m", "\033[34m",
                                                   "\033[35m", "\033[36m", "\033[31m"};
constexpr const char* plain = "\033[0m";
constexpr const char* clear_line = "\r\033[K";

}  // namespace

bool colour_wanted(std::FILE* stream) {
  const char* const refused =
      std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): the program has one thread here
  return ::isatty(::fileno(stream)) == 1 && (refused == nullptr || *refused == '\0');
}

LivePrinter::LivePrinter(ReportStyle style, const Layout& layout, std::FILE* out)
    : style_(style),
      layout_(layout),
      out_(out != nullptr ? out : (style.json ? stderr : stdout)),
      colour_(colour_wanted(out_)),
      status_wanted_(!style.quiet && !style.json && ::isatty(STDERR_FILENO) == 1) {}

void LivePrinter::line(const ConsoleLine& line) {
  using Source = ConsoleLine::Source;
  const bool wanted = line.source == Source::agent ? !style_.quiet : style_.verbose;
  if (!wanted) {
    boundary(line);
    return;
  }
  clear_status();
  switch (line.source) {
    case Source::agent: {
      const char* const colour =
          colour_ ? agent_colours.at(std::hash<std::string_view>{}(line.agent) % agent_colours.size()) : "";
      fmt::print(out_, "{}{}|{} {}\n", colour, line.agent, colour_ ? plain : "", line.text);
      break;
    }
    case Source::kernel_text:
      fmt::print(out_, "rvm: {}\n", line.text);
      break;
    case Source::kernel_report:
      fmt::print(out_, "rvm# {}\n", line.text);
      break;
    case Source::other:
      fmt::print(out_, "{}\n", line.text);
      break;
  }
  std::fflush(out_);
  boundary(line);
}

void LivePrinter::boundary(const ConsoleLine& line) {
  if (style_.quiet || style_.json || line.source != ConsoleLine::Source::kernel_report || !is_move_report(line.text)) {
    return;
  }
  if (const auto move = parse_move_report(line.text)) {
    clear_status();
    fmt::print(out_, "boundary: {}\n", move_text(*move, layout_));
    std::fflush(out_);
  }
}

void LivePrinter::status(const MachineReport& report, std::chrono::milliseconds elapsed) {
  constexpr std::chrono::milliseconds interval{100};
  if (!status_wanted_ || elapsed - last_status_ < interval) {
    return;
  }
  last_status_ = elapsed;
  clear_status();
  fmt::print(stderr, "{} {:.1f} s, {} records on disk", report.boot ? "running" : "booting",
             static_cast<double>(elapsed.count()) / 1000, format_count(report.durable));
  if (!report.faults.empty()) {
    fmt::print(stderr, ", {} faults contained", report.faults.size());
  }
  std::fflush(stderr);
  status_shown_ = true;
}

void LivePrinter::clear_status() {
  if (status_shown_) {
    fmt::print(stderr, "{}", clear_line);
    std::fflush(stderr);
    status_shown_ = false;
  }
}

}  // namespace rvm::host
