// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rvm/wasm/types.hpp"

namespace rvm::wasm {

/// Reads the binary format strictly forwards. The first error sticks: from then on every read gives zero and nothing moves, so
/// callers may check once per item instead of once per byte. Loops must ask ok().
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes), end_(bytes.size()) {}

  [[nodiscard]] bool ok() const { return !failed_; }
  [[nodiscard]] const LoadError& error() const { return error_; }
  [[nodiscard]] std::uint32_t offset() const { return static_cast<std::uint32_t>(at_); }
  [[nodiscard]] std::size_t remaining() const { return end_ - at_; }

  void fail(ModuleError reason) { fail(reason, at_); }
  void fail(ModuleError reason, std::size_t offset) {
    if (failed_) return;
    failed_ = true;
    error_ = {reason, static_cast<std::uint32_t>(offset)};
    at_ = end_;
  }

  /// Another error in place of the one found.
  void replace_error(const LoadError& error) { error_ = error; }

  [[nodiscard]] std::uint8_t byte();
  /// What is left up to the end that enter() set, and the byte behind it (0: none).
  [[nodiscard]] std::span<const std::byte> rest() const { return bytes_.subspan(at_, end_ - at_); }
  [[nodiscard]] std::uint8_t byte_behind() const {
    return end_ < bytes_.size() ? static_cast<std::uint8_t>(bytes_[end_]) : std::uint8_t{0};
  }
  [[nodiscard]] std::uint32_t u32() { return static_cast<std::uint32_t>(unsigned_leb(32)); }
  [[nodiscard]] std::int32_t s32() { return static_cast<std::int32_t>(signed_leb(32)); }
  [[nodiscard]] std::int64_t s33() { return signed_leb(33); }
  [[nodiscard]] std::int64_t s64() { return signed_leb(64); }
  [[nodiscard]] std::uint64_t fixed(unsigned bytes);  ///< little-endian
  [[nodiscard]] std::span<const std::byte> take(std::size_t count);
  [[nodiscard]] std::string_view name();
  [[nodiscard]] ValueType value_type();
  [[nodiscard]] ValueType reference_type();
  [[nodiscard]] GlobalType global_type();
  [[nodiscard]] TableType table_type();
  [[nodiscard]] MemoryType memory_type();

  /// How many items of a vector follow. Each takes at least a byte, so the count is bounded before anything is allocated.
  [[nodiscard]] std::uint32_t count();

  /// Until leave(), what lies beyond `size` bytes does not exist. Gives the end to return to.
  [[nodiscard]] std::size_t enter(std::uint32_t size, ModuleError too_long);
  void leave(std::size_t outer_end) {
    if (!failed_) end_ = outer_end;
  }
  /// What running off the end means here; gives what it meant before.
  ModuleError set_end_error(ModuleError e) {
    const ModuleError before = end_error_;
    end_error_ = e;
    return before;
  }

 private:
  [[nodiscard]] std::uint64_t unsigned_leb(unsigned bits);
  [[nodiscard]] std::int64_t signed_leb(unsigned bits);
  [[nodiscard]] SizeRange size_range(std::uint32_t bound, ModuleError too_large);

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::size_t end_;
  bool failed_ = false;
  ModuleError end_error_ = ModuleError::unexpected_end;
  LoadError error_;
};

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace rvm::wasm
