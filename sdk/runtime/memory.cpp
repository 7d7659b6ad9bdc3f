// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The functions that compilers call without being asked (memcpy and friends), and what libc++ and the C++ ABI need in a
// program without an operating system. Built with -fno-builtin, or a loop here would be compiled into a call to itself.
#include <cstddef>
#include <cstdint>

#include "rvm/agent.h"

namespace {

// Sixteen bytes that may alias anything and need not be aligned: agents' memory is normal memory, where EL1 may access
// unaligned (SCTLR_EL1.A is 0 at entry). Two general registers, not a vector register: an agent that never touches those is
// switched without them, which saves 70 instructions each way.
struct [[gnu::packed, gnu::may_alias]] Block {
  std::uint64_t low, high;
};
constexpr std::size_t block = sizeof(Block);

}  // namespace

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t bytes) {
  auto* t = static_cast<std::uint8_t*>(to);
  auto* f = static_cast<const std::uint8_t*>(from);
  for (; bytes >= block; bytes -= block, t += block, f += block)
    *reinterpret_cast<Block*>(t) = *reinterpret_cast<const Block*>(f);
  for (; bytes != 0; --bytes) *t++ = *f++;
  return to;
}

void* memmove(void* to, const void* from, std::size_t bytes) {
  auto* t = static_cast<std::uint8_t*>(to);
  auto* f = static_cast<const std::uint8_t*>(from);
  if (reinterpret_cast<std::uintptr_t>(t) - reinterpret_cast<std::uintptr_t>(f) >= bytes) {
    // Ascending is safe: the destination starts before the source or after its end.
    for (; bytes >= block; bytes -= block, t += block, f += block)
      *reinterpret_cast<Block*>(t) = *reinterpret_cast<const Block*>(f);
    for (; bytes != 0; --bytes) *t++ = *f++;
    return to;
  }
  for (; bytes >= block; bytes -= block)
    *reinterpret_cast<Block*>(t + bytes - block) = *reinterpret_cast<const Block*>(f + bytes - block);
  for (; bytes != 0; --bytes) t[bytes - 1] = f[bytes - 1];
  return to;
}

void* memset(void* to, int value, std::size_t bytes) {
  auto* t = static_cast<std::uint8_t*>(to);
  const auto byte = static_cast<std::uint8_t>(value);
  const std::uint64_t word = byte * 0x0101010101010101u;
  const Block pattern{word, word};
  for (; bytes >= block; bytes -= block, t += block) *reinterpret_cast<Block*>(t) = pattern;
  for (; bytes != 0; --bytes) *t++ = byte;
  return to;
}

int memcmp(const void* a, const void* b, std::size_t bytes) {
  auto* x = static_cast<const std::uint8_t*>(a);
  auto* y = static_cast<const std::uint8_t*>(b);
  for (std::size_t i = 0; i < bytes; ++i)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

void* memchr(const void* memory, int value, std::size_t bytes) {
  auto* m = static_cast<const std::uint8_t*>(memory);
  for (std::size_t i = 0; i < bytes; ++i)
    if (m[i] == static_cast<std::uint8_t>(value)) return const_cast<std::uint8_t*>(m + i);
  return nullptr;
}

std::size_t strlen(const char* text) {
  std::size_t n = 0;
  while (text[n] != 0) ++n;
  return n;
}

int strcmp(const char* a, const char* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

[[noreturn]] void abort() {
  rvm_print("agent: abort");
  rvm_exit(134);
}

// An agent ends by EXIT, which frees all it owns; destructors of globals are never run.
void* __dso_handle = nullptr;
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }
[[noreturn]] void __cxa_pure_virtual() { abort(); }

}  // extern "C"

namespace std {
inline namespace __1 {
// libc++'s hardening calls this when a precondition does not hold (a span read out of bounds, say).
[[noreturn]] __attribute__((visibility("default"))) void __libcpp_verbose_abort(const char* format, ...) {
  rvm_print(format);
  abort();
}
}  // namespace __1
}  // namespace std
