// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What compiled C++ expects of its environment. Compiled with -fno-builtin, so that these loops do not become calls to
// themselves. Words where both sides are aligned, since unaligned accesses are made to fault.
#include <__verbose_abort>
#include <cstddef>
#include <cstdint>

#include "rvm/hal/entry.hpp"

namespace {
using Word [[gnu::may_alias]] = std::uint32_t;
constexpr std::size_t word = sizeof(Word);
}  // namespace

extern "C" {

void* memmove(void* to, const void* from, std::size_t n) {
  auto* t = static_cast<std::byte*>(to);
  const auto* f = static_cast<const std::byte*>(from);
  const bool words = ((reinterpret_cast<std::uintptr_t>(t) | reinterpret_cast<std::uintptr_t>(f)) % word) == 0;
  if (t <= f || t >= f + n) {
    for (; words && n >= word; n -= word, t += word, f += word)
      *reinterpret_cast<Word*>(t) = *reinterpret_cast<const Word*>(f);
    for (; n != 0; --n) *t++ = *f++;
  } else {
    while (n-- != 0) t[n] = f[n];
  }
  return to;
}

void* memcpy(void* to, const void* from, std::size_t n) { return memmove(to, from, n); }

void* memset(void* to, int value, std::size_t n) {
  auto* t = static_cast<std::byte*>(to);
  const auto byte = static_cast<std::byte>(value);
  const Word pattern = std::to_integer<std::uint32_t>(byte) * 0x0101'0101u;
  for (; n != 0 && reinterpret_cast<std::uintptr_t>(t) % word != 0; --n) *t++ = byte;
  for (; n >= word; n -= word, t += word) *reinterpret_cast<Word*>(t) = pattern;
  for (; n != 0; --n) *t++ = byte;
  return to;
}

int memcmp(const void* left, const void* right, std::size_t n) {
  const auto* l = static_cast<const unsigned char*>(left);
  const auto* r = static_cast<const unsigned char*>(right);
  for (; n != 0; --n, ++l, ++r) {
    if (*l != *r) return *l < *r ? -1 : 1;
  }
  return 0;
}

// The names of the Run-time ABI for the Arm Architecture (Arm IHI 0043) for the same.
void __aeabi_memcpy(void* to, const void* from, std::size_t n) { (void)memmove(to, from, n); }
void __aeabi_memcpy4(void* to, const void* from, std::size_t n) { (void)memmove(to, from, n); }
void __aeabi_memcpy8(void* to, const void* from, std::size_t n) { (void)memmove(to, from, n); }
void __aeabi_memmove(void* to, const void* from, std::size_t n) { (void)memmove(to, from, n); }
void __aeabi_memmove4(void* to, const void* from, std::size_t n) { (void)memmove(to, from, n); }
void __aeabi_memmove8(void* to, const void* from, std::size_t n) { (void)memmove(to, from, n); }
void __aeabi_memset(void* to, std::size_t n, int value) { (void)memset(to, value, n); }
void __aeabi_memset4(void* to, std::size_t n, int value) { (void)memset(to, value, n); }
void __aeabi_memset8(void* to, std::size_t n, int value) { (void)memset(to, value, n); }
void __aeabi_memclr(void* to, std::size_t n) { (void)memset(to, 0, n); }
void __aeabi_memclr4(void* to, std::size_t n) { (void)memset(to, 0, n); }
void __aeabi_memclr8(void* to, std::size_t n) { (void)memset(to, 0, n); }

/// The quotient in r0 and r1, the remainder in r2 and r3, as IHI 0043 has it: vectors.S returns both from here.
std::uint64_t rvm_divide(std::uint64_t dividend, std::uint64_t divisor, std::uint64_t* remainder) {
  std::uint64_t quotient = 0, rest = 0;
  for (unsigned i = 64; i-- > 0;) {
    rest = rest << 1 | (dividend >> i & 1);
    if (rest >= divisor) {
      rest -= divisor;
      quotient |= std::uint64_t{1} << i;
    }
  }
  *remainder = rest;
  return quotient;
}

std::size_t strlen(const char* text) {
  std::size_t n = 0;
  while (text[n] != '\0') ++n;
  return n;
}

}  // extern "C"

/// libc++'s hardened containers call this on a broken precondition.
void std::__libcpp_verbose_abort(const char*, ...) {
  rvm::kernel::on_kernel_fault(0, 0, reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)));
}
