// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/run_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "host/common/nearest.hpp"
#include "host/common/paths.hpp"
#include "host/manifest/manifest.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t name_limit = 31;
constexpr const char* lock_file = "lock";

Outcome<fs::path> open_runs_folder() {
  const auto runs = runs_folder();
  if (!runs) {
    return failure(ExitCode::environment, "there is no folder for running machines",
                   "set XDG_RUNTIME_DIR, XDG_STATE_HOME or HOME");
  }
  std::error_code error;
  fs::create_directories(*runs, error);
  struct stat status{};
  if (::chmod(runs->c_str(), 0700) != 0 || ::stat(runs->c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return failure(ExitCode::environment, fmt::format("cannot use {}: {}", runs->string(), system_error()),
                   "it is to be a folder of yours; XDG_RUNTIME_DIR names another place");
  }
  return *runs;
}

/// Nobody who lives holds its lock.
bool is_dead(const fs::path& folder) {
  const Descriptor lock(::open((folder / lock_file).c_str(), O_RDWR | O_CLOEXEC));
  return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

std::string name_after(const fs::path& what) {
  std::error_code error;
  const fs::path path = fs::weakly_canonical(what, error);
  const bool manifest = path.filename() == "swarm.toml";
  std::string name = (manifest ? path.parent_path().filename() : path.stem()).string().substr(0, name_limit - 4);
  return check_name(name, name_limit) ? "machine" : name;
}

/// Makes the folder, locked; nothing if somebody has it.
std::optional<Descriptor> take(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && is_dead(folder)) {
    fs::remove_all(folder, error);
  }
  if (::mkdir(folder.c_str(), 0700) != 0) {
    return std::nullopt;
  }
  Descriptor lock(::open((folder / lock_file).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return std::nullopt;
  }
  return lock;
}

}  // namespace

Outcome<RunFolder> RunFolder::create(const std::optional<std::string>& name, const fs::path& what,
                                     const Key& control_key) {
  const auto runs = open_runs_folder();
  if (!runs) {
    return std::unexpected(runs.error());
  }
  if (name) {
    if (const auto wrong = check_name(*name, name_limit)) {
      return failure(ExitCode::usage, *wrong, "give the machine another name");
    }
  }
  const std::string wanted = name.value_or(name_after(what));
  std::optional<Descriptor> lock;
  fs::path folder;
  constexpr unsigned tries = 1000;
  for (unsigned i = 1; i <= (name ? 1 : tries) && !lock; ++i) {
    folder = *runs / (i == 1 ? wanted : fmt::format("{}-{}", wanted, i));
    lock = take(folder);
  }
  if (!lock) {
    return failure(ExitCode::usage,
                   fmt::format("a machine of the name '{}' runs, or {} cannot be made", wanted, folder.string()),
                   "give this one another with --name, or end that one");
  }
  RunFolder out(folder, std::move(*lock));
  if (out.socket().string().size() >= sizeof(sockaddr_un::sun_path)) {
    return failure(ExitCode::environment, fmt::format("the path {} is too long for a socket", out.socket().string()),
                   "set XDG_RUNTIME_DIR to a shorter one, or give the machine a shorter name with --name");
  }
  if (auto written = write_file(folder / "key", control_key.bytes, 0600); !written) {
    return std::unexpected(written.error());
  }
  return out;
}

RunFolder::~RunFolder() {
  if (lock_) {
    std::error_code error;
    fs::remove_all(folder_, error);
  }
}

Outcome<std::vector<RunningMachine>> running_machines() {
  const auto runs = open_runs_folder();
  if (!runs) {
    return std::unexpected(runs.error());
  }
  std::vector<RunningMachine> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(*runs, error)) {
    if (is_dead(entry.path())) {
      fs::remove_all(entry.path(), error);
    } else if (fs::exists(entry.path() / "socket", error)) {
      found.push_back({entry.path().filename().string(), entry.path()});
    }
  }
  std::ranges::sort(found, {}, &RunningMachine::name);
  return found;
}

Outcome<RunningMachine> choose_machine(const std::optional<std::string>& name) {
  const auto running = running_machines();
  if (!running) {
    return std::unexpected(running.error());
  }
  std::vector<std::string_view> names;
  for (const RunningMachine& m : *running) {
    if (m.name == name) {
      return m;
    }
    names.push_back(m.name);
  }
  if (running->empty()) {
    return failure(ExitCode::environment, "no machine runs that can be reached",
                   "start one with a control agent: rvm run PATH --control");
  }
  if (name) {
    const auto guess = nearest(*name, names);
    return failure(
        ExitCode::usage, fmt::format("no machine of the name '{}' runs", *name),
        guess.empty() ? fmt::format("these do: {}", fmt::join(names, ", ")) : fmt::format("did you mean '{}'?", guess));
  }
  if (running->size() > 1) {
    return failure(ExitCode::usage, fmt::format("{} machines run: {}", running->size(), fmt::join(names, ", ")),
                   "say which with --machine NAME");
  }
  return running->front();
}

}  // namespace rvm::host
