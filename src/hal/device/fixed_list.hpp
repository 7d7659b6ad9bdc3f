// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstddef>

namespace rvm::hal {

/// Up to `capacity` values in place, in order.
template <typename T, std::size_t capacity>
class FixedList {
 public:
  /// False, and no change, when full.
  [[nodiscard]] constexpr bool add(const T& value) {
    if (count_ == capacity) return false;
    values_[count_++] = value;
    return true;
  }
  constexpr void clear() { count_ = 0; }
  [[nodiscard]] constexpr std::size_t size() const { return count_; }
  [[nodiscard]] constexpr bool empty() const { return count_ == 0; }
  [[nodiscard]] constexpr T* begin() { return values_.data(); }
  [[nodiscard]] constexpr T* end() { return values_.data() + count_; }
  [[nodiscard]] constexpr const T* begin() const { return values_.data(); }
  [[nodiscard]] constexpr const T* end() const { return values_.data() + count_; }
  [[nodiscard]] constexpr const T* data() const { return values_.data(); }
  /// Precondition: i < size().
  [[nodiscard]] constexpr T& operator[](std::size_t i) { return values_[i]; }
  [[nodiscard]] constexpr const T& operator[](std::size_t i) const { return values_[i]; }

 private:
  std::array<T, capacity> values_{};
  std::size_t count_ = 0;
};

}  // namespace rvm::hal
