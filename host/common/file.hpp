// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/common/failure.hpp"

namespace rvm::host {

using Bytes = std::vector<std::byte>;

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

/// A file without a name, in memory. It vanishes with its last descriptor, so nothing is left behind however the
/// program ends. A child process that inherits the descriptor can open it at `path()`.
class AnonymousFile {
 public:
  /// `bytes` = its size; reads as zeros.
  [[nodiscard]] static Outcome<AnonymousFile> create(const char* purpose, std::uint64_t bytes);
  [[nodiscard]] static Outcome<AnonymousFile> containing(const char* purpose, std::span<const std::byte> contents);

  [[nodiscard]] std::string path() const;

 private:
  explicit AnonymousFile(Descriptor d) : descriptor_(std::move(d)) {}
  Descriptor descriptor_;
};

/// A file that was made here. It is removed unless somebody says that it is worth keeping.
class FreshFile {
 public:
  FreshFile() = default;  ///< no file
  explicit FreshFile(std::string path) : path_(std::move(path)) {}
  FreshFile(FreshFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  FreshFile& operator=(FreshFile&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;
  ~FreshFile();

  void keep() { path_.clear(); }

 private:
  std::string path_;
};

/// Sets the size of a file whose blocks are written later, if the file system could hold them all. `what` it is to be and
/// `cure` go into the failure.
[[nodiscard]] Outcome<void> set_sparse_size(const Descriptor& file, const std::filesystem::path& path,
                                            std::string_view what, std::uint64_t size, const char* cure);

/// The whole of a regular file of at most `limit` bytes. The failure names the file and what it was needed for.
[[nodiscard]] Outcome<Bytes> read_file(const std::filesystem::path& path, std::string_view purpose,
                                       std::uint64_t limit = std::uint64_t{1} << 30);
/// Replaces the file in one step (a temporary file beside it, renamed), so that readers see old or new, never half.
[[nodiscard]] Outcome<void> write_file(const std::filesystem::path& path, std::span<const std::byte> contents,
                                       unsigned mode = 0644);
[[nodiscard]] std::span<const std::byte> as_bytes(std::string_view text);

/// The text of the current errno.
[[nodiscard]] std::string system_error();

}  // namespace rvm::host
