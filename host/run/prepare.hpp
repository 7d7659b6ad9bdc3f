// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/key/key.hpp"
#include "host/machine/qemu.hpp"
#include "host/manifest/swarm.hpp"
#include "host/run/report.hpp"
#include "host/run/volume.hpp"

namespace rvm::host {

/// What the command line says; what it leaves open comes from the manifest.
struct RunOptions {
  std::optional<std::filesystem::path> path;  ///< manifest, folder or agent program
  std::vector<std::string> arguments;         ///< of a program that runs alone
  std::vector<std::string> environment;       ///< of a WebAssembly program that runs alone, as are the next
  std::vector<std::string> files;
  std::optional<std::filesystem::path> package;  ///< a package built before, instead of one from `path`
  std::optional<std::uint32_t> cpus;
  std::optional<std::uint64_t> memory;
  std::optional<std::string> cpu;
  std::optional<std::uint32_t> gic;
  std::optional<std::filesystem::path> disk;
  std::optional<std::uint64_t> disk_size;
  std::optional<Nanoseconds> run_for;
  Nanoseconds timeout{120'000'000'000};
  bool icount = false;
  bool keep_layout = false;         ///< the coherence engine moves nothing
  bool control = false;             ///< with a control agent, whatever the manifest says
  std::optional<std::string> name;  ///< of the machine, for `rvm ps` and its like
  bool gdb = false;
  bool unchecked_package = false;             ///< leave the check of `package` to the kernel
  std::optional<std::filesystem::path> dump;  ///< where to write the kernel's objects as they are at the end
  std::optional<std::filesystem::path> kernel;
  std::optional<std::filesystem::path> key;
  Bytes nonce;  ///< of whoever wants the boot attested; empty for nobody
  ReportStyle style;
  std::optional<std::string> board;  ///< of a manifest for microcontrollers
};

/// The manifest that a path means, with the command line's settings in it.
[[nodiscard]] Outcome<std::unique_ptr<Manifest>> load_for_run(const RunOptions& options);

/// The machine gets its devices from a manifest, and the package that boots on it must have been built for the same ones.
[[nodiscard]] Outcome<void> check_devices(const std::filesystem::path& package,
                                          const std::vector<rvm_package_device>& wanted, const Swarm& swarm);

/// A swarm and the signed package that boots it. The manifest outlives the swarm, which points into it.
struct BuiltPackage {
  std::unique_ptr<Manifest> manifest;
  Swarm swarm;
  Bytes bytes;
};
[[nodiscard]] Outcome<BuiltPackage> build_for_run(const RunOptions& options, const Key& device_key);

}  // namespace rvm::host
