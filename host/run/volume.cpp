// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/volume.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

constexpr const char* size_cure = "free some space, put the file elsewhere, or ask for a smaller one with --disk-size";
// The two superblocks of a log volume (rvm/witness/volume.hpp).
constexpr std::size_t superblock_bytes = 4096;
constexpr std::string_view superblock_magic = "RVMLOG1\n";

Outcome<void> set_size(const Descriptor& file, const fs::path& path, std::uint64_t size) {
  return set_sparse_size(file, path, "log volume", size, size_cure);
}

/// A log volume, or nothing but zeros where one would begin.
Outcome<void> check_contents(const Descriptor& fd, const fs::path& path) {
  std::array<char, 2 * superblock_bytes> start{};
  const ssize_t got = ::pread(fd.get(), start.data(), start.size(), 0);
  if (got < 0) {
    return failure(ExitCode::environment, fmt::format("cannot read {}: {}", path.string(), system_error()),
                   "check the disk");
  }
  const std::string_view bytes(start.data(), start.size());
  const bool marked =
      bytes.starts_with(superblock_magic) || bytes.substr(superblock_bytes).starts_with(superblock_magic);
  if (!marked && std::ranges::any_of(start, [](char c) { return c != 0; })) {
    return failure(ExitCode::environment,
                   fmt::format("{} is not a log volume and not blank; it is left as it is", path.string()),
                   "name another file with --disk; one that does not exist is made");
  }
  return {};
}

Outcome<void> check_existing(const Descriptor& fd, const fs::path& path, std::uint64_t size) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))) {
    return failure(ExitCode::environment, fmt::format("{} is neither a file nor a block device", path.string()),
                   "name a file with --disk; one that does not exist is made");
  }
  if (S_ISREG(status.st_mode) && status.st_size == 0) {
    return set_size(fd, path, size);
  }
  return check_contents(fd, path);
}

}  // namespace

Outcome<Volume> Volume::open(const std::optional<fs::path>& file, std::uint64_t size) {
  Volume volume;
  if (!file) {
    auto anonymous = AnonymousFile::create("witness log", size);
    if (!anonymous) {
      return std::unexpected(anonymous.error());
    }
    volume.path_ = anonymous->path();
    volume.anonymous_ = std::move(*anonymous);
    return volume;
  }
  std::error_code error;
  // Absolute, so that QEMU cannot take "a:b" for a protocol.
  const fs::path path = fs::absolute(*file, error);
  volume.path_ = path.string();
  Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (fd) {
    volume.fresh_ = FreshFile(path.string());
    if (auto sized = set_size(fd, path, size); !sized) {
      return std::unexpected(sized.error());
    }
    return volume;
  }
  fd = Descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) {
    return failure(ExitCode::environment,
                   fmt::format("cannot open or make the log volume {}: {}", path.string(), system_error()),
                   "check that the folder exists and is writable, or name another file with --disk");
  }
  if (auto checked = check_existing(fd, path, size); !checked) {
    return std::unexpected(checked.error());
  }
  return volume;
}

}  // namespace rvm::host
