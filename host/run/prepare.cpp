// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/prepare.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "host/common/file.hpp"
#include "host/common/paths.hpp"
#include "host/machine/child.hpp"
#include "host/package/package.hpp"
#include "rvm/boot/package.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

/// `make` in the manifest's folder, for a manifest that says build = "make". Its output goes to standard error.
Outcome<void> run_make(const fs::path& folder) {
  const auto make = find_program("make");
  if (!make) {
    return failure(ExitCode::environment, "the manifest says build = \"make\", but there is no make",
                   "apt-get install make");
  }
  const std::string root = "RVM=" + root_folder().string();
  const std::string where = folder.string();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::execl(make->c_str(), "make", "-s", "--no-print-directory", "-C", where.c_str(), root.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child < 0 || status != 0) {
    return failure(ExitCode::failed,
                   fmt::format("building the agents in {} failed: make {}", where,
                               child < 0 ? system_error() : Child::describe(status)),
                   "correct what the compiler says above");
  }
  return {};
}

/// The manifest of a program that runs alone, with what the command line gives it.
Outcome<Manifest> load_program_alone(const fs::path& path, const RunOptions& options) {
  Manifest manifest = manifest_for_program(path);
  AgentEntry& agent = manifest.agents.front();
  agent.arguments = options.arguments;
  agent.bundle.environment = options.environment;
  if (!agent.wasm && !options.environment.empty()) {
    return failure(ExitCode::usage, "--env is for WebAssembly programs",
                   "leave it out; a native agent has arguments only");
  }
  for (const std::string& variable : options.environment) {
    if (!good_variable(variable)) {
      return failure(ExitCode::usage, fmt::format("'{}' is no variable", variable), "--env NAME=VALUE");
    }
  }
  for (const std::string& file : options.files) {
    agent.bundle.files.push_back(fs::absolute(file).string());
  }
  return manifest;
}

Outcome<Manifest> load(const fs::path& given, const RunOptions& options) {
  std::error_code error;
  fs::path path = given;
  if (fs::is_directory(path, error)) {
    path /= "swarm.toml";
    if (!fs::exists(path, error)) {
      return failure(ExitCode::environment, fmt::format("the folder {} has no swarm.toml", given.string()),
                     "name a manifest, or make a project with `rvm new NAME`");
    }
  }
  if (!fs::exists(path, error)) {
    return failure(
        ExitCode::environment, fmt::format("there is no file {}", path.string()),
        "name a manifest (swarm.toml), a folder with one, or an agent program (.elf, .wasm); examples/ has some");
  }
  if (path.extension() == ".elf" || path.extension() == ".wasm") {
    return load_program_alone(path, options);
  }
  if (!options.arguments.empty() || !options.environment.empty() || !options.files.empty()) {
    return failure(ExitCode::usage, "arguments, --env and --files are for a program that runs alone",
                   "write them into the manifest (args, env, files)");
  }
  return load_manifest(path);
}

Outcome<void> check_development(const Manifest& manifest) {
  if (manifest.development) {
    return {};
  }
  return failure(
      ExitCode::usage,
      fmt::format("{}: the machine that `rvm run` emulates has a development key, and this manifest does not allow one",
                  manifest.title),
      "write `development = true` at its top, before the first table");
}

/// The devices that the machine must be given, as a list for people.
template <typename Device>
std::string listed(const std::vector<Device>& devices, auto&& name_and_kind) {
  std::string text;
  for (const Device& device : devices) {
    const auto [name, kind] = name_and_kind(device);
    if (boot::has_dma(kind)) {
      text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", name, device_kind_name(kind));
    }
  }
  return text.empty() ? "none" : text;
}

}  // namespace

Outcome<void> check_devices(const fs::path& package, const std::vector<rvm_package_device>& wanted,
                            const Swarm& swarm) {
  const std::string of_package =
      listed(wanted, [](const rvm_package_device& d) { return std::pair(std::string_view(d.name), d.kind); });
  const std::string of_manifest = listed(swarm.devices, [](const SwarmDevice& d) {
    return std::pair(std::string_view(d.name), std::uint32_t{d.entry->kind});
  });
  if (of_package == of_manifest) {
    return {};
  }
  return failure(ExitCode::usage,
                 fmt::format("the boot package {} leases these devices: {}; the machine would have these: {}",
                             package.string(), of_package, of_manifest),
                 "name the manifest that it was built from, too: `rvm run MANIFEST --package FILE`");
}

Outcome<std::unique_ptr<Manifest>> load_for_run(const RunOptions& options) {
  auto loaded = options.path ? load(*options.path, options) : Outcome<Manifest>(Manifest{});
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  auto manifest = std::make_unique<Manifest>(std::move(*loaded));
  MachineSettings& machine = manifest->machine;
  machine.cpus = options.cpus.value_or(machine.cpus);
  machine.memory = options.memory.value_or(machine.memory);
  machine.cpu = options.cpu.value_or(machine.cpu);
  machine.gic = options.gic.value_or(machine.gic);
  machine.disk_size = options.disk_size.value_or(machine.disk_size);
  machine.icount |= options.icount;
  manifest->coherence.flags |= options.keep_layout ? RVM_COHERENCE_FROZEN : 0;
  manifest->run_for = options.run_for.value_or(manifest->run_for);
  manifest->control |= options.control || options.name.has_value();
  manifest->witness_dump |= options.dump.has_value();
  return manifest;
}

Outcome<BuiltPackage> build_for_run(const RunOptions& options, const Key& device_key) {
  auto manifest = load_for_run(options);
  if (!manifest) {
    return std::unexpected(manifest.error());
  }
  BuiltPackage out;
  out.manifest = std::move(*manifest);
  if (options.path) {
    if (auto allowed = check_development(*out.manifest); !allowed) {
      return std::unexpected(allowed.error());
    }
    auto swarm = expand(*out.manifest);
    if (!swarm) {
      return std::unexpected(to_failure(out.manifest->title, swarm.error()));
    }
    out.swarm = std::move(*swarm);
  }
  if (options.package) {
    auto bytes = read_file(*options.package, "boot package");
    if (!bytes) {
      return std::unexpected(bytes.error());
    }
    const auto view = read_package(*bytes, &device_key);
    if (!view && !options.unchecked_package) {
      return failure(ExitCode::failed,
                     fmt::format("the boot package {} is corrupt or not for this key: {}", options.package->string(),
                                 view.error()),
                     "build it again with `rvm package build`, or name its key with --key");
    }
    if (auto same = view ? check_devices(*options.package, view->devices, out.swarm) : Outcome<void>{}; !same) {
      return std::unexpected(same.error());
    }
    out.bytes = std::move(*bytes);
    return out;
  }
  if (out.manifest->build_with_make) {
    if (auto built = run_make(out.manifest->folder); !built) {
      return std::unexpected(built.error());
    }
  }
  const auto images = load_images(*out.manifest, out.swarm);
  if (!images) {
    return std::unexpected(images.error());
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const PackageOptions package{
      .run_for_ns = out.manifest->run_for.value,
      .wall_clock_ns = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count())};
  out.bytes = build_package(*out.manifest, out.swarm, *images, package, device_key);
  return out;
}

}  // namespace rvm::host
