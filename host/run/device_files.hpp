// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <vector>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"
#include "host/machine/qemu.hpp"
#include "host/manifest/manifest.hpp"

namespace rvm::host {

/// The files behind the devices of a manifest, in order: images of block devices, made when there are none, and what
/// consoles write to.
class DeviceFiles {
 public:
  [[nodiscard]] static Outcome<DeviceFiles> open(const Manifest& manifest);

  /// The machine has started: the files that were made here now hold something. Without this they are removed.
  void keep();
  /// What the machine gets beyond what every machine has.
  [[nodiscard]] const std::vector<MachineDevice>& devices() const { return devices_; }

 private:
  std::vector<MachineDevice> devices_;
  std::vector<FreshFile> fresh_;
};

}  // namespace rvm::host
