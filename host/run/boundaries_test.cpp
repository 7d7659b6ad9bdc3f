// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/boundaries.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "host/run/report.hpp"

using namespace rvm::host;
using How = MoveReport::How;
using Reason = MoveReport::Reason;

namespace {

constexpr std::string_view migration =
    R"({"t":"moved","how":"migrate","reason":"traffic","agents":1,"from":2,"to":3,"from_name":"cell-1",)"
    R"("to_name":"cell-4","agent":"writer-3","ids":[3]})";

/// Agents 1 to 3 are writer-1 to writer-3, 4 is the rogue; all in cell-1, whose id is 2.
Layout layout() {
  Swarm s;
  s.partitions = {{"control"}, {"cell-1"}, {"cell-4"}};
  s.agents = {{"writer-1", 1, {}}, {"writer-2", 1, {}}, {"writer-3", 1, {}}, {"rogue", 1, {}}};
  return Layout(s);
}

/// What a LivePrinter of this style prints for a line of the kernel.
std::string printed(ReportStyle style, std::string_view json) {
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* const out = ::open_memstream(&text, &bytes);
  REQUIRE(out != nullptr);
  const Layout before = layout();
  LivePrinter(style, before, out).line({ConsoleLine::Source::kernel_report, {}, json});
  (void)std::fclose(out);
  std::string result(text, bytes);
  std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): open_memstream's
  return result;
}

std::string words(How how, Reason reason, std::vector<std::uint64_t> ids) {
  return move_text({how,
                    reason,
                    ids.size(),
                    2,
                    how == How::split ? 9u : 3u,
                    "cell-1",
                    how == How::split ? "cell-1" : "cell-4",
                    {},
                    ids},
                   layout());
}

}  // namespace

TEST_CASE("moves in words") {
  CHECK(words(How::migrate, Reason::traffic, {3}) ==
        "writer-3 moved from cell-1 to cell-4: most of its traffic goes there");
  CHECK(words(How::migrate, Reason::traffic, {1, 2, 4}) ==
        "writer-1..2, rogue moved from cell-1 to cell-4: most of their traffic goes there");
  CHECK(words(How::migrate, Reason::request, {1, 2, 3}) ==
        "writer-1..3 moved from cell-1 to cell-4: somebody asked for it");
  CHECK(words(How::split, Reason::cohesion, {1, 2, 3}) ==
        "writer-1..3 split off from cell-1 as cell-1/2: they have little traffic with the rest of cell-1");
  CHECK(words(How::split, Reason::pressure, {1, 2, 3}) ==
        "writer-1..3 split off from cell-1 as cell-1/2: most of the traffic of cell-1 crosses its boundary");
  CHECK(words(How::split, Reason::trust, {4}) == "rogue split off from cell-1 as cell-1/2: it is no longer trusted");
  CHECK(words(How::merge, Reason::traffic, {3, 4}) ==
        "cell-1 merged into cell-4 (writer-3, rogue): most of their traffic is between them");
  CHECK(words(How::merge, Reason::traffic, {}) ==
        "cell-1 merged into cell-4 (nobody): most of their traffic is between them");
}

TEST_CASE("every kind of move for every reason has words") {
  for (const How how : {How::migrate, How::split, How::merge}) {
    for (const Reason reason : {Reason::traffic, Reason::cohesion, Reason::pressure, Reason::trust, Reason::request}) {
      const std::string text = words(how, reason, {1});
      CHECK(text.contains("cell-1"));
      CHECK(text.contains(how == How::split ? " cell-1/2" : " cell-4"));
      CHECK(text.size() > text.find(": ") + 10);
    }
  }
}

TEST_CASE("moves are shown to people as they happen") {
  const std::string words = "boundary: writer-3 moved from cell-1 to cell-4: most of its traffic goes there\n";
  CHECK(printed({}, migration) == words);
  CHECK(printed({.quiet = true}, migration).empty());
  CHECK(printed({.json = true}, migration).empty());
  CHECK(printed({.verbose = true}, migration) == "rvm# " + std::string(migration) + "\n" + words);
  CHECK(printed({}, R"({"t":"moved","how":"migrate"})").empty());  // the verdict names what is not understood
  CHECK(printed({}, R"({"t":"durable","seq":1})").empty());
}

TEST_CASE("the summary of the boundaries") {
  CoherenceReport r{.splits = 3,
                    .merges = 2,
                    .migrations = 17,
                    .cross_bytes = 54 << 20,
                    .total_bytes = 450 << 20,
                    .epochs = 1000,
                    .engine_ns = 4,
                    .busy_ns = 1000};
  CHECK(boundaries_text(r) ==
        "3 splits, 2 merges, 17 migrations; 12 % of 450 MiB crossed them; engine 0.4 % of the time");
  r.splits = r.aborted = 1;
  r.budget_exceeded = 20;
  r.cross_bytes = r.total_bytes = r.busy_ns = 0;
  CHECK(boundaries_text(r) ==
        "1 split, 2 merges, 17 migrations, 1 undone; no traffic; engine 0.0 % of the time, over its budget in 20 of "
        "1,000 epochs");
}
