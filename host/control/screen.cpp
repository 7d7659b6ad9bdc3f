// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/screen.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace rvm::host {

namespace {

constexpr const char* enter = "\033[?1049h\033[?25l";  // alternate screen, no cursor
constexpr const char* leave = "\033[?25h\033[?1049l";

volatile std::sig_atomic_t ended = 0;
constexpr std::array<int, 3> ending{SIGINT, SIGTERM, SIGHUP};

void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;  // no SA_RESTART: poll returns
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

Screen::Screen() {
  ended = 0;
  for (const int signal : ending) {
    handle(signal, [](int) { ended = 1; });
  }
  handle(SIGWINCH, [](int) {});
  if (::tcgetattr(STDIN_FILENO, &before_) == 0) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
  }
  fmt::print("{}", enter);
  std::fflush(stdout);
}

Screen::~Screen() {
  std::fputs(leave, stdout);
  std::fflush(stdout);
  if (changed_) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  for (const int signal : ending) {
    handle(signal, SIG_DFL);
  }
  handle(SIGWINCH, SIG_DFL);
}

Screen::Size Screen::size() {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 && size.ws_row != 0;
  return known ? Size{size.ws_col, size.ws_row} : Size{80, 24};
}

void Screen::show(const std::string& lines) {
  std::string out = "\033[H";
  std::size_t from = 0;
  while (from < lines.size()) {
    const std::size_t end = lines.find('\n', from);
    out += lines.substr(from, end - from) + "\033[K";
    from = end == std::string::npos ? lines.size() : end + 1;
    if (from < lines.size()) {
      out += "\r\n";
    }
  }
  fmt::print("{}\033[J", out);
  std::fflush(stdout);
}

bool Screen::wait(std::chrono::milliseconds time) {
  if (ended != 0) {
    return true;
  }
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, static_cast<int>(time.count())) <= 0) {
    return ended != 0;
  }
  char key = 0;
  const ssize_t got = ::read(STDIN_FILENO, &key, 1);
  return got <= 0 || key == 'q' || key == 'Q' || ended != 0;
}

}  // namespace rvm::host
