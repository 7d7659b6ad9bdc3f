// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/machine/session.hpp"

#include <poll.h>

#include <array>

#include "host/machine/child.hpp"

namespace rvm::host {

namespace {

using Clock = std::chrono::steady_clock;

constexpr char orderly_shutdown = 0x03;  // what the kernel takes as a request to end, if its package permits
constexpr int tick_ms = 100;
constexpr std::size_t errors_limit = 8192;

class Session {
 public:
  Session(Child child, const SessionOptions& options, const LineObserver& observe, const Interrupts& interrupts)
      : child_(std::move(child)), options_(options), observe_(observe), interrupts_(interrupts) {}

  SessionResult run() {
    std::array<pollfd, 3> polled{pollfd{child_.output(), POLLIN, 0}, pollfd{child_.errors(), POLLIN, 0},
                                 pollfd{interrupts_.descriptor(), POLLIN, 0}};
    while (polled[0].fd >= 0) {
      ::poll(polled.data(), polled.size(), tick_ms);
      if (!read_console()) {
        polled[0].fd = -1;
      }
      if (polled[1].fd >= 0 && !read_errors()) {
        polled[1].fd = -1;
      }
      follow_signals();
      follow_time();
      observe_(std::nullopt, result_.report);
    }
    lines_.finish([&](std::string_view line) { take(line); });
    result_.status = child_.wait();
    read_errors();
    result_.wall = since(started_);
    return std::move(result_);
  }

 private:
  static std::chrono::milliseconds since(Clock::time_point t) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - t);
  }

  void take(std::string_view text) {
    const ConsoleLine line = classify(text);
    result_.report.take(line);
    observe_(line, result_.report);
  }

  bool read_console() {
    return drain(child_.output(),
                 [&](std::string_view bytes) { lines_.feed(bytes, [&](std::string_view l) { take(l); }); });
  }

  bool read_errors() {
    return drain(child_.errors(), [&](std::string_view bytes) {
      result_.qemu_errors += bytes.substr(0, errors_limit - std::min(errors_limit, result_.qemu_errors.size()));
    });
  }

  void ask_to_end() {
    if (!asked_) {
      asked_ = Clock::now();
      child_.send(orderly_shutdown);
    }
  }

  void kill() {
    if (!result_.killed) {
      result_.killed = true;
      child_.kill();
    }
  }

  void follow_signals() {
    for (unsigned n = interrupts_.take(); n > 0; --n) {
      if (result_.interrupted) {
        kill();
      }
      result_.interrupted = true;
      ask_to_end();
    }
  }

  void follow_time() {
    if (!asked_ && options_.timeout.count() > 0 && since(started_) >= options_.timeout) {
      result_.timed_out = true;
      ask_to_end();
    }
    if (asked_ && since(*asked_) >= options_.grace) {
      kill();
    }
  }

  Child child_;
  const SessionOptions& options_;
  const LineObserver& observe_;
  const Interrupts& interrupts_;
  Clock::time_point started_ = Clock::now();
  std::optional<Clock::time_point> asked_;
  LineSplitter lines_;
  SessionResult result_;
};

}  // namespace

Outcome<SessionResult> run_session(const MachineParts& parts, const SessionOptions& options,
                                   const LineObserver& observe) {
  const auto qemu = find_qemu();
  if (!qemu) {
    return std::unexpected(qemu.error());
  }
  const Interrupts interrupts;  // before the child exists, so that no signal falls between
  auto child = Child::start(*qemu, qemu_arguments(parts));
  if (!child) {
    return std::unexpected(child.error());
  }
  return Session(std::move(*child), options, observe, interrupts).run();
}

}  // namespace rvm::host
