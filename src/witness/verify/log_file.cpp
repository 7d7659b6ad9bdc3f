// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "rvm/witness/flash_volume.hpp"
#include "rvm/witness/volume.hpp"

namespace rvm::witness {

std::expected<LogFile, std::string> LogFile::open(const std::filesystem::path& path) {
  const auto error = [&path](const char* what) { return std::unexpected{path.string() + ": " + what}; };
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return error(std::strerror(errno));
  crypto::select_implementation();  // a log is hashed several times over
  LogFile file{descriptor, 0};
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return error(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return error("is a folder, not a log");
  const off_t end = ::lseek(descriptor, 0, SEEK_END);
  if (end < 0) return error("cannot be read at arbitrary positions; give a regular file");
  file.bytes_ = static_cast<std::uint64_t>(end);
  for (const std::uint64_t slot : {std::uint64_t{0}, std::uint64_t{superblock_bytes}}) {
    std::array<std::byte, sector_bytes> sector{};
    file.read(slot, sector);
    std::array<char, 8> magic;
    std::memcpy(magic.data(), sector.data(), magic.size());
    // Digests too, so that a flipped byte of the magic number does not turn a volume into bare records.
    const auto digest = crypto::sha256(std::span{sector}.first<offsetof(SuperblockSector, digest)>());
    const bool whole = std::ranges::equal(
        digest, std::span{sector}.subspan<offsetof(SuperblockSector, digest), crypto::digest_bytes>());
    file.looks_like_volume_ = file.looks_like_volume_ || magic == superblock_magic || whole;
  }
  if (!file.looks_like_volume_ && file.bytes_ % flash_segment_bytes == 0) {
    for (std::uint64_t at = 0; at < file.bytes_ && !file.looks_like_flash_; at += flash_segment_bytes) {
      std::array<char, flash_magic.size()> magic{};
      file.read(at, std::as_writable_bytes(std::span{magic}));
      file.looks_like_flash_ = magic == flash_magic;
    }
  }
  return file;
}

LogFile::LogFile(LogFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(other.bytes_),
      looks_like_volume_(other.looks_like_volume_),
      looks_like_flash_(other.looks_like_flash_) {}

LogFile::~LogFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t LogFile::read(std::uint64_t position, std::span<std::byte> into) const {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t n = ::pread(descriptor_, into.data() + done, into.size() - done, static_cast<off_t>(position + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::system_error{errno, std::generic_category(), "reading the log"};
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

std::uint64_t LogFile::next_data(std::uint64_t position) const {
  if (position >= bytes_) return position;
  const off_t data = ::lseek(descriptor_, static_cast<off_t>(position), SEEK_DATA);
  if (data >= 0) return static_cast<std::uint64_t>(data);
  return errno == ENXIO ? bytes_ : position;  // ENXIO: only a hole up to the end; else holes are not supported
}

std::uint64_t LogFile::first_nonzero(std::uint64_t from, std::uint64_t to) const {
  to = std::min(to, bytes_);
  if (from >= to) return to;
  std::vector<std::byte> chunk(std::min<std::uint64_t>(to - from, 1 << 18));
  for (std::uint64_t at = next_data(from); at < to; at = next_data(at)) {
    const std::size_t n =
        read(at, std::span{chunk}.first(static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), to - at))));
    if (n == 0) break;
    if (!all_zero(std::span{chunk}.first(n))) {
      const auto found = std::ranges::find_if(chunk, [](std::byte b) { return b != std::byte{0}; });
      return at + static_cast<std::uint64_t>(found - chunk.begin());
    }
    at += n;
  }
  return to;
}

}  // namespace rvm::witness
