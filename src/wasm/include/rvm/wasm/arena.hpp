// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <type_traits>

namespace rvm::wasm {

/// The only memory the engine has. What lives as long as the arena is taken from the low end; what is needed while a module
/// is being loaded, from the high end, and is given back as a whole. Nothing is freed by itself and nothing moves.
///
/// Precondition: the bytes are zero, and the span outlives all that is allocated from it.
class Arena {
 public:
  explicit Arena(std::span<std::byte> bytes) : base_(bytes.data()), high_(bytes.size()), deepest_(bytes.size()) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() = default;

  /// `count` value-initialised objects, or an empty span when the arena is full (or count is zero).
  template <typename T>
  [[nodiscard]] std::span<T> allocate(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    void* place = take(count, sizeof(T), alignof(T));  // NOLINT(bugprone-sizeof-expression): T may be a pointer
    if (place == nullptr) return {};
    T* first = static_cast<T*>(place);
    for (std::size_t i = 0; i < count; ++i) new (static_cast<void*>(first + i)) T{};
    return {first, count};
  }

  /// Bytes aligned to `alignment`, as the arena has them: zero unless a loader's high end reached there.
  [[nodiscard]] std::span<std::byte> reserve(std::size_t bytes, std::size_t alignment) {
    void* place = take(bytes, 1, alignment);
    return place == nullptr ? std::span<std::byte>{} : std::span{static_cast<std::byte*>(place), bytes};
  }

  /// As allocate, from the high end, until release_high.
  template <typename T>
  [[nodiscard]] std::span<T> allocate_high(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count > (high_ - low_) / sizeof(T)) return {};
    const std::size_t start = aligned_down(high_ - count * sizeof(T), alignof(T));
    if (start < low_ || start > high_) return {};
    high_ = start;
    if (start < deepest_) deepest_ = start;
    T* first = reinterpret_cast<T*>(base_ + start);  // aligned above; the bytes are the arena's own
    for (std::size_t i = 0; i < count; ++i) new (static_cast<void*>(first + i)) T{};
    return {first, count};
  }
  /// The same without objects in it: whoever takes it writes before it reads, and leaves it zero if the arena is to be used again. So
  /// memory of which little is used is not touched as a whole.
  template <typename T>
  [[nodiscard]] std::span<T> borrow_high(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    if (count > (high_ - low_) / sizeof(T)) return {};
    const std::size_t start = aligned_down(high_ - count * sizeof(T), alignof(T));
    if (start < low_ || start > high_) return {};
    high_ = start;
    return {reinterpret_cast<T*>(base_ + start), count};  // aligned above; the bytes are the arena's own
  }
  [[nodiscard]] std::size_t high_mark() const { return high_; }
  void release_high(std::size_t mark) { high_ = mark; }
  /// Offset of the lowest byte that the high end ever reached: from there on the bytes may not be zero any more.
  [[nodiscard]] std::size_t high_reached() const { return deepest_; }

  /// The free words at the low end, for code that is still growing; `commit` takes what was written.
  [[nodiscard]] std::span<std::uint64_t> free_words() {
    const std::size_t start = aligned_up(low_, alignof(std::uint64_t));
    if (start >= high_) return {};
    return {reinterpret_cast<std::uint64_t*>(base_ + start), (high_ - start) / sizeof(std::uint64_t)};
  }
  void commit(std::span<const std::uint64_t> written) {
    if (!written.empty()) low_ = offset_of(written.data() + written.size());
  }

  [[nodiscard]] std::size_t offset_of(const void* p) const {
    return static_cast<std::size_t>(static_cast<const std::byte*>(p) - base_);
  }
  [[nodiscard]] std::byte* base() const { return base_; }
  [[nodiscard]] std::size_t used() const { return low_; }
  /// Gives back what was taken since `used()` was this. Nothing may refer to it any more.
  void rewind(std::size_t used) { low_ = used; }
  [[nodiscard]] std::size_t available() const { return high_ - low_; }

 private:
  // Alignment of addresses, not of offsets: the span may begin anywhere.
  [[nodiscard]] std::size_t aligned_up(std::size_t offset, std::size_t alignment) const {
    const auto address = reinterpret_cast<std::uintptr_t>(base_) + offset;
    return offset + (alignment - address % alignment) % alignment;
  }
  [[nodiscard]] std::size_t aligned_down(std::size_t offset, std::size_t alignment) const {
    const auto address = reinterpret_cast<std::uintptr_t>(base_) + offset;
    return offset - address % alignment;
  }
  [[nodiscard]] void* take(std::size_t count, std::size_t size, std::size_t alignment) {
    const std::size_t start = aligned_up(low_, alignment);
    if (start > high_ || count == 0 || count > (high_ - start) / size) return nullptr;
    low_ = start + count * size;
    return base_ + start;
  }

  std::byte* base_;
  std::size_t low_ = 0;
  std::size_t high_;
  std::size_t deepest_;
};

}  // namespace rvm::wasm
