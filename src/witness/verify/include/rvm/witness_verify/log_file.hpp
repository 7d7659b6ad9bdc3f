// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A witness log as a file on the host: a volume image, a flash image, or the bare 64-byte records one after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "rvm/witness/record.hpp"

namespace rvm::witness {

/// Open for reading; move-only.
class LogFile {
 public:
  /// The error is a sentence for people with the path and the cause.
  static std::expected<LogFile, std::string> open(const std::filesystem::path& path);
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  LogFile(LogFile&& other) noexcept;
  LogFile& operator=(LogFile&&) = delete;
  ~LogFile();

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Begins like a volume: one of the two superblock slots has the magic number.
  [[nodiscard]] bool looks_like_volume() const { return looks_like_volume_; }
  /// Holds a segment of a microcontroller's log (rvm/witness/flash_volume.hpp) where segments begin.
  [[nodiscard]] bool looks_like_flash() const { return looks_like_flash_; }
  /// Reads what there is from `position`; returns how many bytes. Less than asked only at the end of the file.
  /// Throws std::system_error when the system cannot read.
  std::size_t read(std::uint64_t position, std::span<std::byte> into) const;
  /// The next position at or after `position` where the file may have data other than zeros (it skips holes).
  [[nodiscard]] std::uint64_t next_data(std::uint64_t position) const;
  /// The first byte in [from, to) that is not zero, or `to`.
  [[nodiscard]] std::uint64_t first_nonzero(std::uint64_t from, std::uint64_t to) const;

 private:
  LogFile(int descriptor, std::uint64_t bytes) : descriptor_(descriptor), bytes_(bytes) {}
  int descriptor_;
  std::uint64_t bytes_;
  bool looks_like_volume_ = false;
  bool looks_like_flash_ = false;
};

}  // namespace rvm::witness
