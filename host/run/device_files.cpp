// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/device_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "rvm/boot/package.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t sector_bytes = 512;

struct Opened {
  Descriptor file;
  FreshFile fresh;
  bool made = false;
};

Failure refused(const Manifest& manifest, const DeviceEntry& device, const std::string& problem, const char* cure) {
  return {ExitCode::environment,
          fmt::format("{}:{}:{}: device '{}': {}", manifest.title, device.file.at.line, device.file.at.column,
                      device.name.value, problem),
          cure};
}

Outcome<Opened> open_or_make(const Manifest& manifest, const DeviceEntry& device, const fs::path& path, int access) {
  Opened out;
  out.file = Descriptor(::open(path.c_str(), access | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (out.file) {
    out.fresh = FreshFile(path.string());
    out.made = true;
    return out;
  }
  // A pipe that nobody reads is refused, not waited for.
  out.file = Descriptor(::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC));
  if (!out.file) {
    return std::unexpected(refused(manifest, device,
                                   fmt::format("cannot open or make {}: {}", path.string(), system_error()),
                                   "check that the folder exists and is writable"));
  }
  return out;
}

/// An image that exists is left as it is, whatever the manifest's size.
Outcome<void> prepare_image(const Manifest& manifest, const DeviceEntry& device, const fs::path& path,
                            const Opened& opened) {
  if (opened.made) {
    return set_sparse_size(opened.file, path, "block device", device.size,
                           "free some space, or make its `size` smaller");
  }
  struct stat status{};
  if (::fstat(opened.file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::unexpected(refused(manifest, device, fmt::format("{} is not a regular file", path.string()),
                                   "name an image; one that does not exist is made"));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size == 0 || size % sector_bytes != 0) {
    return std::unexpected(refused(manifest, device,
                                   fmt::format("{} has {} bytes; an image is of whole sectors of {}, at least one",
                                               path.string(), size, sector_bytes),
                                   "name an image; one that does not exist is made"));
  }
  return {};
}

}  // namespace

Outcome<DeviceFiles> DeviceFiles::open(const Manifest& manifest) {
  DeviceFiles out;
  for (const DeviceEntry& device : manifest.devices) {
    if (!boot::has_dma(device.kind)) {
      continue;
    }
    MachineDevice& made = out.devices_.emplace_back(device.kind);
    if (!has_file(device.kind)) {
      continue;
    }
    // Absolute, so that QEMU cannot take "a:b" for a protocol.
    std::error_code error;
    const fs::path path = fs::absolute(manifest.folder / device.file.value, error).lexically_normal();
    made.file = path.string();
    const bool image = device.kind == RVM_DEVICE_BLOCK;
    auto opened = open_or_make(manifest, device, path, image ? O_RDWR : O_WRONLY);
    if (!opened) {
      return std::unexpected(opened.error());
    }
    if (image) {
      if (auto prepared = prepare_image(manifest, device, path, *opened); !prepared) {
        return std::unexpected(prepared.error());
      }
    }
    out.fresh_.push_back(std::move(opened->fresh));
  }
  return out;
}

void DeviceFiles::keep() {
  for (FreshFile& file : fresh_) {
    file.keep();
  }
}

}  // namespace rvm::host
