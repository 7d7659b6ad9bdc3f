// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a module's call of a host function looks from the host's side.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "rvm/wasm/store.hpp"

namespace rvm::wasm {

/// The arguments, and the caller's memory, whose every access is checked.
class HostCall {
 public:
  HostCall(Memory* memory, std::span<std::uint64_t> slots) : memory_(memory), slots_(slots) {}

  [[nodiscard]] std::uint32_t u32(std::size_t i) const { return static_cast<std::uint32_t>(slots_[i]); }
  [[nodiscard]] std::uint64_t u64(std::size_t i) const { return slots_[i]; }
  void result(std::uint64_t value) const { slots_[0] = value; }

  /// nullptr: the caller has none.
  [[nodiscard]] Memory* all_memory() const { return memory_; }
  [[nodiscard]] bool reaches(std::uint32_t address, std::uint64_t bytes) const {
    return memory_ != nullptr && bytes <= memory_->bytes && address <= memory_->bytes - bytes;
  }
  /// Precondition: reaches(address, bytes).
  [[nodiscard]] std::span<std::byte> memory(std::uint32_t address, std::size_t bytes) const {
    return {memory_->base + address, bytes};
  }
  [[nodiscard]] std::string_view text(std::uint32_t address, std::size_t bytes) const {
    return {reinterpret_cast<const char*>(memory_->base + address), bytes};  // char may alias
  }

  /// False: outside of the memory, and nothing was done.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] bool load(std::uint32_t address, T& value) const {
    if (!reaches(address, sizeof value)) return false;
    std::memcpy(&value, memory_->base + address, sizeof value);
    return true;
  }
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] bool store(std::uint32_t address, const T& value) const {
    if (!reaches(address, sizeof value)) return false;
    std::memcpy(memory_->base + address, &value, sizeof value);
    return true;
  }

 private:
  Memory* memory_;
  std::span<std::uint64_t> slots_;
};

/// What a host function costs in fuel, of which an instruction costs one: what each call costs, and what grows with the bytes that it
/// touches, as its arguments say before anything is done.
struct Price {
  enum class By : std::uint8_t {
    nothing,
    bytes,    ///< as many as parameter `argument` says
    vectors,  ///< of buffers, whose list and number are parameters `argument` and the next
    own,      ///< the function has its own measure
  };
  std::uint32_t base = 50;
  By by = By::nothing;
  std::uint8_t argument = 0;
  std::uint32_t per_16_bytes = 1;

  /// At most what the memory has: a call that names more is refused and touches nothing.
  [[nodiscard]] std::uint64_t of(const HostCall& c, std::uint64_t own_measure = 0) const {
    std::uint64_t bytes = own_measure;
    if (by == By::bytes) bytes = c.u32(argument);
    if (by == By::vectors) bytes = vector_bytes(c);
    const std::uint64_t memory = c.all_memory() == nullptr ? 0 : c.all_memory()->bytes;
    return base + std::min(bytes, memory) * per_16_bytes / 16;
  }

 private:
  [[nodiscard]] std::uint64_t vector_bytes(const HostCall& c) const {
    constexpr std::uint32_t most = 1024;  // IOV_MAX: more are refused
    struct Vector {
      std::uint32_t buffer, bytes;
    };
    const std::uint32_t list = c.u32(argument);
    const std::uint32_t count = c.u32(argument + 1U);
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < count && count <= most; ++i) {
      Vector v;
      if (!c.load(list + i * static_cast<std::uint32_t>(sizeof v), v) || !c.reaches(v.buffer, v.bytes)) break;
      sum += sizeof v + v.bytes;
    }
    return sum;
  }
};

/// One letter for each parameter: 'i' is i32, 'I' is i64, as in the tables of host functions.
struct Signature {
  std::string_view parameters;
  bool returns = true;
  ValueType result = ValueType::i32;

  [[nodiscard]] constexpr bool is(const FunctionType& type) const {
    if (type.parameters.size() != parameters.size() || type.results.size() != (returns ? 1 : 0)) return false;
    if (returns && type.results[0] != result) return false;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (type.parameters[i] != (parameters[i] == 'I' ? ValueType::i64 : ValueType::i32)) return false;
    }
    return true;
  }
};

}  // namespace rvm::wasm
