// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads a bundle (rvm/wasm_bundle.h). Nothing in it is believed before `parse` has checked it; afterwards the spans may be used
// without further checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "rvm/wasm_bundle.h"

namespace rvm::wasm {

/// What is wrong with a bundle, for people.
using BundleError = std::string_view;

class Bundle {
 public:
  /// `bytes` may be longer than the bundle, must be 8-byte aligned and must stay. Cost: linear in the number of files.
  [[nodiscard]] static std::expected<Bundle, BundleError> parse(std::span<const std::byte> bytes);

  [[nodiscard]] const rvm_wasm_bundle& header() const {
    return *reinterpret_cast<const rvm_wasm_bundle*>(bytes_.data());  // parse checked size and alignment
  }
  [[nodiscard]] std::span<const std::byte> module() const { return part(header().module); }
  /// Texts ended by NUL, one after another.
  [[nodiscard]] std::string_view environment() const { return text(header().environ); }

  // The tree. Files are named by their index; `root` is the directory that holds all.
  static constexpr std::uint32_t root = UINT32_MAX;
  [[nodiscard]] std::uint32_t file_count() const { return static_cast<std::uint32_t>(files().size()); }
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view path) const;
  [[nodiscard]] bool is_directory(std::uint32_t file) const {
    return file == root || files()[file].kind == RVM_WASM_DIRECTORY;
  }
  [[nodiscard]] std::string_view path(std::uint32_t file) const {
    return file == root ? std::string_view{} : text(files()[file].path);
  }
  [[nodiscard]] std::span<const std::byte> contents(std::uint32_t file) const {
    return file == root ? std::span<const std::byte>{} : part(files()[file].contents);
  }

 private:
  explicit Bundle(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] BundleError check() const;
  [[nodiscard]] bool fits(const rvm_wasm_range& r) const {
    return r.offset <= bytes_.size() && r.bytes <= bytes_.size() - r.offset;
  }
  [[nodiscard]] std::span<const std::byte> part(const rvm_wasm_range& r) const {
    return bytes_.subspan(static_cast<std::size_t>(r.offset), static_cast<std::size_t>(r.bytes));
  }
  [[nodiscard]] std::string_view text(const rvm_wasm_range& r) const {
    const auto bytes = part(r);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // char may alias
  }
  [[nodiscard]] std::span<const rvm_wasm_file> files() const {
    const auto bytes = part(header().files);  // parse checked alignment
    return {reinterpret_cast<const rvm_wasm_file*>(bytes.data()), bytes.size() / sizeof(rvm_wasm_file)};
  }

  std::span<const std::byte> bytes_;
};

}  // namespace rvm::wasm
