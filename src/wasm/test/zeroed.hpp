// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace rvm::wasm::test {

/// Zero words of exactly this number, which a sanitizer guards at both ends; pages that are not touched cost nothing.
class ZeroedWords {
 public:
  explicit ZeroedWords(std::size_t count)
      : count_(count), first_(static_cast<std::uint64_t*>(std::calloc(count, sizeof(std::uint64_t)))) {
    if (first_ == nullptr) std::abort();
  }
  [[nodiscard]] std::span<std::uint64_t> words() const { return {first_.get(), count_}; }
  [[nodiscard]] std::span<std::byte> bytes() const { return std::as_writable_bytes(words()); }

 private:
  struct Free {
    void operator()(std::uint64_t* p) const { std::free(p); }
  };
  std::size_t count_;
  std::unique_ptr<std::uint64_t, Free> first_;
};

}  // namespace rvm::wasm::test
