// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "rvm/witness_verify/query.hpp"
#include "rvm/witness_verify/verify.hpp"
#include "test/log_fixture.hpp"

namespace rvm::witness::test {

/// A file in memory that has a path.
class TemporaryFile {
 public:
  TemporaryFile() : descriptor_(::memfd_create("rvm-witness-test", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error{"no temporary file"};
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { ::close(descriptor_); }

  void put(std::size_t position, std::span<const std::byte> bytes) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(position));
    if (written != static_cast<ssize_t>(bytes.size())) throw std::runtime_error{"write"};
  }
  void replace(std::span<const std::byte> bytes) {
    if (::ftruncate(descriptor_, 0) != 0) throw std::runtime_error{"truncate"};
    put(0, bytes);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] VerifyReport verify(const VerifyOptions& options) const {
    return witness::verify(LogFile::open(path_).value(), options);
  }

 private:
  int descriptor_;
  std::filesystem::path path_;
};

/// Emits `count` records and makes them durable, in one segment.
inline void write_segment(Boot& boot, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    if (!boot.emit()) throw std::runtime_error{"ring full"};
  }
  if (!boot.drain.flush(boot.ring, boot.sealer)) throw std::runtime_error{"flush"};
}

/// A volume with two orderly boots and several segments. Without `close`, the second was cut off after its last segment. With
/// an identity, heads are signed after each of the first boot's segments and at each close.
inline std::vector<std::byte> sample_volume(std::size_t bytes, bool close = true,
                                            const crypto::Ed25519Key* identity = nullptr) {
  Disk disk{bytes};
  FakeDevice::disk = &disk;
  {
    Boot first;
    write_segment(first, 3);
    if (identity != nullptr) first.sign_head(*identity);
    write_segment(first, 9);
    if (identity != nullptr) first.sign_head(*identity);
    if (!first.shut_down(identity)) throw std::runtime_error{"close"};
  }
  Boot second;
  write_segment(second, 5);
  write_segment(second, 1);
  if (close && !second.shut_down(identity)) throw std::runtime_error{"close"};
  FakeDevice::disk = nullptr;
  return disk.content;
}

inline constexpr std::uint64_t sample_records = 3 + 9 + 1 + 5 + 1 + 1;

/// The records of a volume, one after another.
inline std::vector<std::byte> export_raw(const std::vector<std::byte>& volume) {
  TemporaryFile file;
  file.replace(volume);
  std::vector<std::byte> raw;
  const auto visited = for_each_record(LogFile::open(file.path()).value(), [&raw](const Record& record, std::uint64_t) {
    const auto bytes = crypto::bytes_of(record);
    raw.insert(raw.end(), bytes.begin(), bytes.end());
    return true;
  });
  if (!visited) throw std::runtime_error{visited.error()};
  return raw;
}

}  // namespace rvm::witness::test
