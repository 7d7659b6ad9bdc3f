// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kernel has set variables and stack; what is left is to begin, and what compiled code may call.
#include "rvm/seed_agent.hpp"

[[gnu::section(".information")]] rvm_seed_information rvm_information;

namespace rvm::agent {

void say(const char* text, uint64_t number) {
  char line[RVM_SEED_CONSOLE_BYTES_MAX];
  size_t n = 0;
  while (n < sizeof line - 24 && text[n] != '\0') {
    line[n] = text[n];
    ++n;
  }
  line[n++] = ':';
  line[n++] = ' ';
  // Ten digits are enough for what agents count; 64-bit division would need a library.
  auto rest = number > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(number);
  char digits[10];
  size_t d = sizeof digits;
  do digits[--d] = static_cast<char>('0' + rest % 10);
  while ((rest /= 10) != 0);
  while (d < sizeof digits) line[n++] = digits[d++];
  line[n] = '\0';
  say(line);
}

extern "C" [[noreturn]] void _start() { exit(agent_main()); }

extern "C" void* memcpy(void* to, const void* from, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    static_cast<volatile char*>(to)[i] = static_cast<const char*>(from)[i];  // volatile: not a call of itself
  }
  return to;
}
extern "C" void __aeabi_memcpy(void* to, const void* from, size_t n) { memcpy(to, from, n); }
extern "C" void __aeabi_memcpy4(void* to, const void* from, size_t n) { memcpy(to, from, n); }
extern "C" void __aeabi_memcpy8(void* to, const void* from, size_t n) { memcpy(to, from, n); }
extern "C" void __aeabi_memclr(void* to, size_t n) {
  for (size_t i = 0; i < n; ++i) static_cast<volatile char*>(to)[i] = 0;
}
extern "C" void __aeabi_memclr4(void* to, size_t n) { __aeabi_memclr(to, n); }
extern "C" void __aeabi_memclr8(void* to, size_t n) { __aeabi_memclr(to, n); }

}  // namespace rvm::agent
