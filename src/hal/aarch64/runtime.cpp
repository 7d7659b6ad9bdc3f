// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What compiled C++ expects of its environment. Compiled with -fno-builtin, so that these loops do not become calls to
// themselves. General registers only; words where both sides are equally aligned, since before the MMU is on an unaligned
// access faults.
#include <__verbose_abort>
#include <cstddef>
#include <cstdint>

#include "console.hpp"
#include "rvm/hal/entry.hpp"

namespace {

using Word [[gnu::may_alias]] = std::uint64_t;
constexpr std::size_t word = sizeof(Word);

bool equally_aligned(const void* a, const void* b) {
  return ((reinterpret_cast<std::uintptr_t>(a) ^ reinterpret_cast<std::uintptr_t>(b)) % word) == 0;
}
bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % word == 0; }

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t n) {
  auto* t = static_cast<std::byte*>(to);
  const auto* f = static_cast<const std::byte*>(from);
  if (equally_aligned(t, f)) {
    for (; n != 0 && !aligned(t); --n) *t++ = *f++;
    for (; n >= 2 * word; n -= 2 * word, t += 2 * word, f += 2 * word) {
      const Word a = reinterpret_cast<const Word*>(f)[0], b = reinterpret_cast<const Word*>(f)[1];
      reinterpret_cast<Word*>(t)[0] = a;
      reinterpret_cast<Word*>(t)[1] = b;
    }
  }
  for (; n != 0; --n) *t++ = *f++;
  return to;
}

void* memmove(void* to, const void* from, std::size_t n) {
  auto* t = static_cast<std::byte*>(to);
  const auto* f = static_cast<const std::byte*>(from);
  if (t <= f || t >= f + n) return memcpy(to, from, n);
  t += n;
  f += n;
  if (equally_aligned(t, f)) {
    for (; n != 0 && !aligned(t); --n) *--t = *--f;
    for (; n >= word; n -= word) {
      t -= word;
      f -= word;
      *reinterpret_cast<Word*>(t) = *reinterpret_cast<const Word*>(f);
    }
  }
  for (; n != 0; --n) *--t = *--f;
  return to;
}

void* memset(void* to, int value, std::size_t n) {
  auto* t = static_cast<std::byte*>(to);
  const auto byte = static_cast<std::byte>(value);
  const Word pattern = std::to_integer<std::uint64_t>(byte) * 0x0101'0101'0101'0101;
  for (; n != 0 && !aligned(t); --n) *t++ = byte;
  for (; n >= 2 * word; n -= 2 * word, t += 2 * word) {
    reinterpret_cast<Word*>(t)[0] = pattern;
    reinterpret_cast<Word*>(t)[1] = pattern;
  }
  for (; n != 0; --n) *t++ = byte;
  return to;
}

int memcmp(const void* left, const void* right, std::size_t n) {
  const auto* l = static_cast<const unsigned char*>(left);
  const auto* r = static_cast<const unsigned char*>(right);
  if (equally_aligned(l, r) && aligned(l)) {
    while (n >= word && *reinterpret_cast<const Word*>(l) == *reinterpret_cast<const Word*>(r)) {
      l += word;
      r += word;
      n -= word;
    }
  }
  for (; n != 0; --n, ++l, ++r) {
    if (*l != *r) return *l < *r ? -1 : 1;
  }
  return 0;
}

std::size_t strlen(const char* text) {
  std::size_t n = 0;
  while (text[n] != '\0') ++n;
  return n;
}

}  // extern "C"

/// libc++'s hardened containers call this on a broken precondition.
void std::__libcpp_verbose_abort(const char* format, ...) {
  rvm::hal::print("rvm: library precondition failed: ", std::string_view{format}, "\n");
  rvm::kernel::on_kernel_fault(0, 0, reinterpret_cast<std::uint64_t>(__builtin_return_address(0)));
}
