// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace rvm::wasm::test {

/// Address space whose pages are zero and come on first use, as an arena wants it.
class HostMemory {
 public:
  explicit HostMemory(std::size_t bytes)
      : bytes_(bytes),
        base_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (base_ == MAP_FAILED) {
      std::fprintf(stderr, "cannot map %zu bytes\n", bytes);
      std::abort();
    }
  }
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  ~HostMemory() { munmap(base_, bytes_); }

  [[nodiscard]] std::span<std::byte> bytes() const { return {static_cast<std::byte*>(base_), bytes_}; }
  template <typename T>
  [[nodiscard]] std::span<T> as() const {
    return {static_cast<T*>(base_), bytes_ / sizeof(T)};
  }

 private:
  std::size_t bytes_;
  void* base_;
};

}  // namespace rvm::wasm::test
