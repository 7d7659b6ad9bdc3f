// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The child process and the session, against a script in QEMU's place.
#include "host/machine/session.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "host/machine/child.hpp"

using namespace rvm::host;
using namespace std::chrono_literals;

namespace {

/// An executable script that $RVM_QEMU names while this lives.
class FakeQemu {
 public:
  explicit FakeQemu(const std::string& body)
      : folder_(std::filesystem::temp_directory_path() / fmt::format("rvm-session-test-{}", ::getpid())) {
    std::filesystem::create_directories(folder_);
    const auto script = folder_ / "qemu";
    std::ofstream(script) << "#!/bin/bash\ncd " << folder_.string() << "\necho $$ >pid\n" << body;
    ::chmod(script.c_str(), 0755);
    ::setenv("RVM_QEMU", script.c_str(), 1);
  }
  ~FakeQemu() {
    ::unsetenv("RVM_QEMU");
    std::filesystem::remove_all(folder_);
  }
  FakeQemu(const FakeQemu&) = delete;
  FakeQemu& operator=(const FakeQemu&) = delete;

  [[nodiscard]] bool gone() const {
    pid_t pid = 0;
    std::ifstream(folder_ / "pid") >> pid;
    return pid > 0 && ::kill(pid, 0) != 0;
  }
  [[nodiscard]] std::string file(const char* name) const {
    std::ifstream in(folder_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path folder_;
};

SessionResult run(const SessionOptions& options, const LineObserver& observe = [](const auto&, const auto&) {}) {
  auto result = run_session({}, options, observe);
  REQUIRE(result);
  return std::move(*result);
}

constexpr const char* boot_line = "echo 'rvm# {\"t\":\"boot\",\"cpus\":2}'\n";

}  // namespace

TEST_CASE("lines arrive and the end is noticed") {
  const FakeQemu qemu(std::string(boot_line) + "echo 'a| one'; echo error >&2; printf 'b| two'; exit 3\n");
  std::vector<std::string> agents;
  const SessionResult result = run({}, [&](const std::optional<ConsoleLine>& line, const MachineReport&) {
    if (line && line->source == ConsoleLine::Source::agent) {
      agents.emplace_back(line->agent);
    }
  });
  CHECK(agents == std::vector<std::string>{"a", "b"});
  CHECK(result.report.boot.has_value());
  CHECK(result.qemu_errors == "error\n");
  CHECK(Child::describe(result.status) == "exited with status 3");
  CHECK_FALSE(result.killed);
  CHECK(qemu.gone());
}

TEST_CASE("a signal asks for an orderly end") {
  const FakeQemu qemu(std::string(boot_line) +
                      "read -r -n1 byte; printf '%q' \"$byte\" >received; echo 'rvm: ending'\n");
  const SessionResult result = run({}, [](const std::optional<ConsoleLine>& line, const MachineReport&) {
    if (line && line->source == ConsoleLine::Source::kernel_report) {
      ::kill(::getpid(), SIGINT);
    }
  });
  CHECK(result.interrupted);
  CHECK_FALSE(result.killed);
  CHECK(qemu.file("received") == "$'\\003'");
  CHECK(qemu.gone());
}

TEST_CASE("a second signal, or deafness, ends it by force") {
  const FakeQemu qemu(std::string(boot_line) + "exec sleep 60\n");
  SUBCASE("second signal") {
    const SessionResult result =
        run({}, [sent = 0](const std::optional<ConsoleLine>& line, const MachineReport& r) mutable {
          if (!line && r.boot && sent < 2) {
            ++sent;
            ::kill(::getpid(), SIGTERM);
          }
        });
    CHECK(result.interrupted);
    CHECK(result.killed);
    CHECK(result.wall < 5s);
  }
  SUBCASE("time limit and no answer") {
    const SessionResult result = run({.timeout = 300ms, .grace = 300ms});
    CHECK(result.timed_out);
    CHECK(result.killed);
    CHECK(result.wall >= 600ms);
    CHECK(result.wall < 10s);
  }
  CHECK(qemu.gone());
}

TEST_CASE("a child that is killed is reported so") {
  const FakeQemu qemu(std::string(boot_line) + "kill -9 $$\n");
  const SessionResult result = run({});
  CHECK(Child::describe(result.status).contains("signal 9"));
}

TEST_CASE("the machine does not outlive the program") {
  const FakeQemu qemu("echo up; exec sleep 60\n");
  const pid_t program = ::fork();
  if (program == 0) {
    (void)run_session({}, {}, [](const std::optional<ConsoleLine>& line, const MachineReport&) {
      if (line) {
        ::kill(::getpid(), SIGKILL);
      }
    });
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(program, &status, 0);
  CHECK(WIFSIGNALED(status));
  for (int i = 0; i < 100 && !qemu.gone(); ++i) {
    ::usleep(20'000);
  }
  CHECK(qemu.gone());
}

TEST_CASE("no QEMU, or one that cannot run, is said with a cure") {
  ::setenv("RVM_QEMU", "/nonexistent/qemu", 1);
  const auto missing = run_session({}, {}, [](const auto&, const auto&) {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ExitCode::environment);
  CHECK(missing.error().cause.contains("/nonexistent/qemu"));
  ::unsetenv("RVM_QEMU");
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("rvm-child-test-{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "garbage") << "\x7f"
                                       "ELF and then nothing";
  ::chmod((folder / "garbage").c_str(), 0755);
  CHECK_FALSE(Child::start(folder / "garbage", {}));
  std::filesystem::remove_all(folder);
}

TEST_CASE("QEMU's command line") {
  MachineParts parts;
  parts.settings.cpus = 4;
  parts.settings.gic = 2;
  parts.settings.icount = true;
  parts.disk = "/tmp/a,b.img";
  const auto arguments = qemu_arguments(parts);
  const auto has = [&](std::string_view text) { return std::ranges::find(arguments, text) != arguments.end(); };
  CHECK(has("virt,virtualization=on,gic-version=2"));
  CHECK(has("4"));
  CHECK(has("1048576K"));
  CHECK(has("shift=0,sleep=off"));
  CHECK(has("clock=vm"));
  CHECK(has("if=none,id=log,format=raw,werror=report,rerror=report,file=/tmp/a,,b.img"));
  CHECK_FALSE(has("-S"));
}

TEST_CASE("leased devices have numbered transports after the log's") {
  MachineParts parts;
  parts.devices = {{RVM_DEVICE_BLOCK, "/tmp/a,b.img"},
                   {RVM_DEVICE_CONSOLE, "/tmp/c,d.txt"},
                   {RVM_DEVICE_ENTROPY, ""},
                   {RVM_DEVICE_BLOCK, "/tmp/e.img"}};
  const auto arguments = qemu_arguments(parts);
  const auto values = [&](std::string_view option) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
      if (arguments[i] == option) {
        out.push_back(arguments[i + 1]);
      }
    }
    return out;
  };
  CHECK(values("-device") == std::vector<std::string>{
                                 "virtio-blk-device,drive=log,bus=virtio-mmio-bus.0",
                                 "virtio-blk-device,drive=device1,bus=virtio-mmio-bus.1",
                                 "virtio-serial-device,id=serial2,max_ports=1,bus=virtio-mmio-bus.2",
                                 "virtconsole,chardev=device2,bus=serial2.0",
                                 "virtio-rng-device,bus=virtio-mmio-bus.3",
                                 "virtio-blk-device,drive=device4,bus=virtio-mmio-bus.4",
                             });
  CHECK(values("-chardev") == std::vector<std::string>{"file,id=device2,path=/tmp/c,,d.txt"});
  REQUIRE(values("-drive").size() == 3);
  CHECK(values("-drive")[1] == "if=none,id=device1,format=raw,werror=report,rerror=report,file=/tmp/a,,b.img");
  CHECK(values("-drive")[2] == "if=none,id=device4,format=raw,werror=report,rerror=report,file=/tmp/e.img");
}

TEST_CASE("without devices only the log has a transport, the lowest") {
  const auto arguments = qemu_arguments({});
  CHECK(std::ranges::count(arguments, "-device") == 1);
  CHECK(std::ranges::find(arguments, "virtio-blk-device,drive=log,bus=virtio-mmio-bus.0") != arguments.end());
}
