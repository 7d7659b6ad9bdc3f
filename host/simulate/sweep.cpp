// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/simulate/sweep.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <system_error>
#include <type_traits>
#include <vector>

namespace rvm::host {
namespace {

/// What a worker tells about a seed: this, then the texts of the violation.
struct Report {
  std::uint64_t seed = 0;
  std::uint64_t digest = 0;
  std::uint32_t steps = 0;
  std::uint32_t violation_step = 0;
  std::uint32_t invariant_bytes = 0;
  std::uint32_t detail_bytes = 0;
  sim::Coverage coverage;
};
static_assert(std::is_trivially_copyable_v<Report>);

bool write_all(int to, const void* data, std::size_t bytes) {
  const auto* at = static_cast<const char*>(data);
  while (bytes != 0) {
    const ssize_t n = write(to, at, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

[[noreturn]] void work(const Sweep& what, std::uint32_t index, int to) {
  for (std::uint64_t i = index; i < what.seeds; i += what.jobs) {
    const sim::Result result = sim::simulate({.seed = what.first_seed + i, .steps = what.steps});
    Report report{.seed = what.first_seed + i, .steps = result.steps, .coverage = result.coverage};
    std::memcpy(&report.digest, result.digest.data(), sizeof report.digest);
    std::string texts;
    if (result.violation) {
      report.violation_step = result.violation->step;
      report.invariant_bytes = static_cast<std::uint32_t>(result.violation->invariant.size());
      report.detail_bytes = static_cast<std::uint32_t>(result.violation->detail.size());
      texts = result.violation->invariant + result.violation->detail;
    }
    if (!write_all(to, &report, sizeof report) || !write_all(to, texts.data(), texts.size())) _exit(0);
    if (result.violation) _exit(0);
  }
  _exit(0);
}

/// A worker process, as seen from here.
struct Worker {
  pid_t process = -1;
  int from = -1;
  std::uint64_t next_seed = 0;  ///< what it works on
  bool all_done = false;
  std::vector<char> pending;
};

Worker start(const Sweep& what, std::uint32_t index) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t process = fork();
  if (process < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (process == 0) {
    close(ends[0]);
    work(what, index, ends[1]);
  }
  close(ends[1]);
  return {process, ends[0], what.first_seed + index, false, {}};
}

void fail_with(SweepResult& result, std::uint64_t seed, sim::Violation violation) {
  if (result.failed_seed && *result.failed_seed <= seed) return;
  result.failed_seed = seed;
  result.violation = std::move(violation);
}

/// Takes whole reports out of what was read.
void take_reports(const Sweep& what, Worker& worker, SweepResult& result) {
  Report report;
  for (std::size_t at = 0;;) {
    const std::size_t left = worker.pending.size() - at;
    if (left >= sizeof report) std::memcpy(&report, worker.pending.data() + at, sizeof report);
    if (left < sizeof report || left < sizeof report + report.invariant_bytes + report.detail_bytes) {
      worker.pending.erase(worker.pending.begin(), worker.pending.begin() + static_cast<std::ptrdiff_t>(at));
      return;
    }
    const char* const texts = worker.pending.data() + at + sizeof report;
    at += sizeof report + report.invariant_bytes + report.detail_bytes;
    ++result.seeds_done;
    result.steps_done += report.steps + (report.invariant_bytes == 0 ? 1 : 0);
    result.digest ^= report.digest * (2 * report.seed + 1);
    result.coverage.add(report.coverage);
    if (report.invariant_bytes != 0) {
      fail_with(result, report.seed,
                {report.violation_step, std::string{texts, report.invariant_bytes},
                 std::string{texts + report.invariant_bytes, report.detail_bytes}});
    }
    worker.next_seed = report.seed + what.jobs;
    worker.all_done = worker.next_seed >= what.first_seed + what.seeds;
  }
}

}  // namespace

SweepResult sweep(const Sweep& what, const std::function<void(const SweepResult&)>& progress) {
  SweepResult result;
  std::vector<Worker> workers;
  const auto jobs = static_cast<std::uint32_t>(std::min<std::uint64_t>(what.jobs, what.seeds));
  Sweep shared = what;
  shared.jobs = jobs;
  workers.reserve(jobs);
  for (std::uint32_t i = 0; i < jobs; ++i) workers.push_back(start(shared, i));
  auto told = std::chrono::steady_clock::now();
  std::size_t open = workers.size();
  while (open != 0) {
    std::vector<pollfd> waiting;
    waiting.reserve(workers.size());
    for (const Worker& w : workers) waiting.push_back({w.from, POLLIN, 0});
    poll(waiting.data(), waiting.size(), 1000);
    for (std::size_t i = 0; i < workers.size(); ++i) {
      Worker& w = workers[i];
      if (w.from < 0 || (waiting[i].revents & (POLLIN | POLLHUP)) == 0) continue;
      std::array<char, 65536> buffer{};
      const ssize_t n = read(w.from, buffer.data(), buffer.size());
      if (n > 0) {
        w.pending.insert(w.pending.end(), buffer.data(), buffer.data() + n);
        take_reports(shared, w, result);
        continue;
      }
      close(w.from);
      w.from = -1;
      --open;
      int status = 0;
      waitpid(w.process, &status, 0);
      if (!w.all_done && !result.failed_seed)
        fail_with(result, w.next_seed, {0, "process", "the process that ran this seed died; run it by itself"});
    }
    const auto now = std::chrono::steady_clock::now();
    if (progress && now - told >= std::chrono::seconds{1}) {
      told = now;
      progress(result);
    }
    if (!result.failed_seed) continue;
    // The others work on seeds that do not matter any more.
    for (Worker& w : workers) {
      if (w.from < 0) continue;
      kill(w.process, SIGKILL);
      close(w.from);
      waitpid(w.process, nullptr, 0);
    }
    break;
  }
  return result;
}

}  // namespace rvm::host
