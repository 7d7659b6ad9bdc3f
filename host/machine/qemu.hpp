// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/manifest/manifest.hpp"

namespace rvm::host {

/// A virtio device that agents may lease.
struct MachineDevice {
  rvm_device_kind kind = RVM_DEVICE_ENTROPY;
  std::string file;     ///< image of a block device, output of a console, or its socket; else empty
  bool socket = false;  ///< of a console: `file` is a Unix socket that QEMU makes, for one client at a time
};

/// What the emulated machine is made of; paths are as QEMU is to open them.
struct MachineParts {
  MachineSettings settings;
  std::filesystem::path kernel;
  std::string package;
  std::string device_key;
  std::string disk;
  bool temporary_disk = false;  ///< vanishes with the run, so nothing is gained by waiting until it is on a platter
  std::string nonce;            ///< file with the nonce of an attestation; empty for none
  std::vector<MachineDevice> devices;  ///< by ascending address, after the log volume
  bool gdb = false;                    ///< wait for a debugger on port 1234
};

/// $RVM_QEMU, else qemu-system-aarch64 on the PATH.
[[nodiscard]] Outcome<std::filesystem::path> find_qemu();
/// A value in QEMU's option lists, which commas separate: a doubled one stands for itself.
[[nodiscard]] std::string escape_option(const std::string& value);
/// Arguments for it, the program's name excluded.
[[nodiscard]] std::vector<std::string> qemu_arguments(const MachineParts& parts);

}  // namespace rvm::host
