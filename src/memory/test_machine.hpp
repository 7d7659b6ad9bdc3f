// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The least machine that the memory module needs: a window of sparse host memory at a physical address of its own.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "rvm/hal/machine.hpp"
#include "rvm/types/address.hpp"

namespace rvm::memory {

struct TestMachine {
  static constexpr std::uint64_t physical_base = 0x4000'0000;
  static inline std::byte* window = nullptr;
  static inline std::uint64_t pages_zeroed = 0;
  static inline std::uint64_t publications = 0;
  static inline std::uint64_t invalidations = 0;
  static inline std::function<void()> on_invalidate;

  static std::byte* to_pointer(PhysicalAddress address) { return window + (address.value - physical_base); }
  static void zero_page(PhysicalAddress address) {
    std::memset(to_pointer(address), 0, page_bytes);
    ++pages_zeroed;
  }
  static void publish_tables() { ++publications; }
  static void invalidate_all() {
    ++invalidations;
    if (on_invalidate) {
      on_invalidate();
    }
  }
};

/// RAM of a test: mapped while this lives. `fill` is what the memory holds at boot (0 keeps it sparse).
class TestRam {
 public:
  explicit TestRam(std::uint64_t bytes, int fill = 0) : bytes_(bytes) {
    void* const mapped =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ensure(mapped != MAP_FAILED);
    TestMachine::window = static_cast<std::byte*>(mapped);
    TestMachine::pages_zeroed = TestMachine::publications = TestMachine::invalidations = 0;
    if (fill != 0) {
      std::memset(mapped, fill, bytes);
    }
  }
  TestRam(const TestRam&) = delete;
  TestRam& operator=(const TestRam&) = delete;
  ~TestRam() {
    munmap(TestMachine::window, bytes_);
    TestMachine::window = nullptr;
    TestMachine::on_invalidate = nullptr;
  }

  [[nodiscard]] hal::MemoryRange all() const { return {PhysicalAddress{TestMachine::physical_base}, bytes_}; }
  [[nodiscard]] static hal::MemoryRange part(std::uint64_t offset_bytes, std::uint64_t bytes) {
    return {PhysicalAddress{TestMachine::physical_base + offset_bytes}, bytes};
  }

  /// Bytes of it that were touched: that the host had to find memory for.
  [[nodiscard]] std::uint64_t touched() const {
    std::vector<unsigned char> resident(static_cast<std::size_t>(pages_for(bytes_)));
    ensure(mincore(TestMachine::window, bytes_, resident.data()) == 0);
    return static_cast<std::uint64_t>(std::ranges::count_if(resident, [](unsigned char c) { return (c & 1) != 0; })) *
           page_bytes;
  }

 private:
  std::uint64_t bytes_;
};

inline bool is_zero(PhysicalAddress address, std::uint64_t pages) {
  const std::byte* const first = TestMachine::to_pointer(address);
  const std::size_t bytes = static_cast<std::size_t>(pages * page_bytes);
  return first[0] == std::byte{0} && std::memcmp(first, first + 1, bytes - 1) == 0;
}

}  // namespace rvm::memory
