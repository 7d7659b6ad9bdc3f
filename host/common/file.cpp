// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/common/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "host/common/units.hpp"

namespace rvm::host {

namespace {

Outcome<void> write_all(int fd, std::span<const std::byte> contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return failure(ExitCode::environment, system_error());
    }
    contents = contents.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

std::string system_error() { return std::error_code(errno, std::generic_category()).message(); }

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

void Descriptor::close() {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
}

Outcome<AnonymousFile> AnonymousFile::create(const char* purpose, std::uint64_t bytes) {
  // Without MFD_CLOEXEC: QEMU inherits the descriptor and opens it by its path.
  Descriptor fd(::memfd_create(purpose, 0));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return failure(ExitCode::environment,
                   fmt::format("cannot make a temporary file for the {}: {}", purpose, system_error()),
                   "free some memory, or name a file with --disk");
  }
  return AnonymousFile(std::move(fd));
}

Outcome<AnonymousFile> AnonymousFile::containing(const char* purpose, std::span<const std::byte> contents) {
  auto file = create(purpose, 0);
  if (file) {
    if (auto written = write_all(file->descriptor_.get(), contents); !written) {
      return failure(ExitCode::environment,
                     fmt::format("cannot fill a temporary file for the {}: {}", purpose, written.error().cause));
    }
  }
  return file;
}

// The child sees its own descriptor table, a copy of ours, under /proc/self.
std::string AnonymousFile::path() const { return fmt::format("/proc/self/fd/{}", descriptor_.get()); }

FreshFile::~FreshFile() {
  if (!path_.empty()) {
    ::unlink(path_.c_str());
  }
}

Outcome<void> set_sparse_size(const Descriptor& file, const std::filesystem::path& path, std::string_view what,
                              std::uint64_t size, const char* cure) {
  struct statvfs space{};
  if (::fstatvfs(file.get(), &space) == 0) {
    const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
    if (free < size) {
      return failure(ExitCode::environment,
                     fmt::format("no room for the {} {}: it may grow to {}, and {} are free", what, path.string(),
                                 format_size(size), format_size(free)),
                     cure);
    }
  }
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    return failure(
        ExitCode::environment,
        fmt::format("cannot make the {} {} of {}: {}", what, path.string(), format_size(size), system_error()), cure);
  }
  return {};
}

Outcome<Bytes> read_file(const std::filesystem::path& path, std::string_view purpose, std::uint64_t limit) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return failure(ExitCode::environment,
                   fmt::format("cannot open {} ({}): {}", path.string(), purpose, system_error()),
                   "check the path and its permissions");
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return failure(ExitCode::environment, fmt::format("{} ({}) is not a regular file", path.string(), purpose));
  }
  if (static_cast<std::uint64_t>(status.st_size) > limit) {
    return failure(ExitCode::environment, fmt::format("{} ({}) is {} bytes; at most {} are accepted", path.string(),
                                                      purpose, status.st_size, limit));
  }
  Bytes contents(static_cast<std::size_t>(status.st_size));
  std::size_t have = 0;
  while (have < contents.size()) {
    const ssize_t got = ::read(fd.get(), contents.data() + have, contents.size() - have);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return failure(ExitCode::environment, fmt::format("cannot read {} ({}): {}", path.string(), purpose,
                                                        got == 0 ? "it became shorter" : system_error()));
    }
    have += static_cast<std::size_t>(got);
  }
  return contents;
}

Outcome<void> write_file(const std::filesystem::path& path, std::span<const std::byte> contents, unsigned mode) {
  const std::string temporary = path.string() + fmt::format(".{}.new", ::getpid());
  Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(mode)));
  Outcome<void> written = fd ? write_all(fd.get(), contents) : failure(ExitCode::environment, system_error());
  if (written && (::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)) {
    written = failure(ExitCode::environment, system_error());
  }
  if (written) {
    return {};
  }
  if (fd) {
    ::unlink(temporary.c_str());
  }
  return failure(ExitCode::environment, fmt::format("cannot write {}: {}", path.string(), written.error().cause),
                 "check that the folder exists, is writable and has space");
}

}  // namespace rvm::host
