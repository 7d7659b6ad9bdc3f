// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Registers as typed bit fields. A register is a type derived from Register; its fields are constants of type Field of it,
// so that a field of one register cannot be used with another.
#pragma once

#include <cstdint>

namespace rvm::hal {

/// Bits [low, low + width) of register R.
template <typename R>
struct Field {
  unsigned low;
  unsigned width = 1;
};

/// An aggregate, so that a value is written `Self{{.raw = ...}}`.
template <typename Self, typename Word>
struct Register {  // NOLINT(bugprone-crtp-constructor-accessibility): a private constructor would end that
  Word raw = 0;

  [[nodiscard]] constexpr Word get(Field<Self> f) const { return (raw >> f.low) & mask(f); }
  [[nodiscard]] constexpr bool has(Field<Self> f) const { return get(f) != 0; }
  /// A copy with the field replaced.
  [[nodiscard]] constexpr Self with(Field<Self> f, Word value = 1) const {
    Self copy;
    copy.raw = (raw & ~(mask(f) << f.low)) | (value & mask(f)) << f.low;
    return copy;
  }

 private:
  [[nodiscard]] static constexpr Word mask(Field<Self> f) {
    return static_cast<Word>(~Word{0}) >> (sizeof(Word) * 8 - f.width);
  }
};

/// A block of device registers in physical memory, accessed in the width of the device (Arm ARM B2.7.2: Device memory).
class DeviceRegisters {
 public:
  constexpr DeviceRegisters() = default;
  constexpr explicit DeviceRegisters(std::uint64_t base) : base_(base) {}

  template <typename Word = std::uint32_t>
  [[nodiscard]] Word read(std::uint64_t offset) const {
    return *reinterpret_cast<const volatile Word*>(base_ + offset);
  }
  template <typename Word = std::uint32_t>
  void write(std::uint64_t offset, Word value) const {
    *reinterpret_cast<volatile Word*>(base_ + offset) = value;
  }
  [[nodiscard]] constexpr std::uint64_t base() const { return base_; }

 private:
  std::uint64_t base_ = 0;
};

}  // namespace rvm::hal
