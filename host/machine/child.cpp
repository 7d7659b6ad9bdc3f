// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/machine/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

namespace rvm::host {

namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::nullopt;
  }
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

sigset_t interrupt_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

/// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const char* program, char* const* arguments, const Pipe& in, const Pipe& out, const Pipe& err,
                         pid_t parent, int report) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {
    ::_exit(127);  // the parent died before PR_SET_PDEATHSIG took effect
  }
  ::dup2(in.read.get(), STDIN_FILENO);
  ::dup2(out.write.get(), STDOUT_FILENO);
  ::dup2(err.write.get(), STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv(program, arguments);
  const int error = errno;
  (void)!::write(report, &error, sizeof(error));
  ::_exit(127);
}

void no_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

Outcome<Child> Child::start(const std::filesystem::path& program, std::span<const std::string> arguments) {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  auto report = make_pipe();  // closed by a successful exec, else carries its errno
  if (!in || !out || !err || !report) {
    return failure(ExitCode::environment, fmt::format("cannot make a pipe: {}", system_error()),
                   "close some files or programs");
  }
  const std::string name = program.string();
  std::vector<char*> pointers{const_cast<char*>(name.c_str())};  // execv does not write through them
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const pid_t parent = ::getpid();
  Child child;
  child.pid_ = ::fork();
  if (child.pid_ == 0) {
    become(name.c_str(), pointers.data(), *in, *out, *err, parent, report->write.get());
  }
  if (child.pid_ < 0) {
    return failure(ExitCode::environment, fmt::format("cannot start {}: {}", name, system_error()),
                   "end some programs");
  }
  report->write.close();
  int error = 0;
  if (::read(report->read.get(), &error, sizeof(error)) == static_cast<ssize_t>(sizeof(error))) {
    child.wait();
    return failure(ExitCode::environment, fmt::format("cannot run {}: {}", name, std::strerror(error)),
                   "check that it is an executable for this computer");
  }
  child.input_ = std::move(in->write);
  child.output_ = std::move(out->read);
  child.errors_ = std::move(err->read);
  no_blocking(child.input_.get());
  no_blocking(child.output_.get());
  no_blocking(child.errors_.get());
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

Child::~Child() {
  if (pid_ > 0) {
    kill();
    wait();
  }
}

void Child::send(char byte) const { (void)!::write(input_.get(), &byte, 1); }

void Child::kill() const {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);  // the group, for what it may have started itself
    ::kill(pid_, SIGKILL);   // in case it has not made its group yet
  }
}

int Child::wait() {
  int status = 0;
  while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

std::string Child::describe(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with status {}", WEXITSTATUS(status));
}

Interrupts::Interrupts() {
  const sigset_t set = interrupt_set();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  descriptor_ = Descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

Interrupts::~Interrupts() {
  const sigset_t set = interrupt_set();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

unsigned Interrupts::take() const {
  unsigned count = 0;
  signalfd_siginfo info{};
  while (::read(descriptor_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    ++count;
  }
  return count;
}

}  // namespace rvm::host
