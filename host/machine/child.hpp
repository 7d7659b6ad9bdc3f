// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"

namespace rvm::host {

/// A child process in a process group of its own, so that a Ctrl-C at the terminal reaches only us. It dies with us
/// (PR_SET_PDEATHSIG), and the destructor kills and reaps it.
class Child {
 public:
  [[nodiscard]] static Outcome<Child> start(const std::filesystem::path& program,
                                            std::span<const std::string> arguments);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// Non-blocking ends of the child's standard streams.
  [[nodiscard]] int output() const { return output_.get(); }
  [[nodiscard]] int errors() const { return errors_.get(); }
  /// Writes what fits; a child that does not read loses it.
  void send(char byte) const;

  void kill() const;
  /// Waits for the end; the status is waitpid's.
  int wait();
  /// "exited with status 1", "was killed by signal 9 (Killed)".
  [[nodiscard]] static std::string describe(int status);

 private:
  Child() = default;
  pid_t pid_ = -1;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
};

/// Reads what is there of a non-blocking stream, at most a mebibyte: whoever writes without end must not keep the reader from
/// everything else. False at its end.
template <typename Sink>
bool drain(int fd, Sink&& sink) {
  std::array<char, 16384> buffer;
  for (int reads = 0; reads < 64; ++reads) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) {
      sink(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    } else if (got == 0 || errno != EINTR) {
      return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
  }
  return true;
}

/// Turns SIGINT and SIGTERM into bytes to poll for, while it lives. SIGPIPE and SIGXFSZ become errors of the call.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  /// Signals that arrived since the last call.
  [[nodiscard]] unsigned take() const;

 private:
  Descriptor descriptor_;
};

}  // namespace rvm::host
