// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An actor: one call, one turn. What a turn does happens whole or not at all.
#include <rvm/wasm.h>

#include <cstdio>
#include <cstring>
#include <string_view>

static std::int64_t total;

static std::int32_t find(std::string_view name) { return rvm_find(name.data(), name.size()); }

void rvm_init() { std::printf("hello, I am agent %d\n", rvm_get_id()); }

void rvm_on_message(std::int32_t, const std::uint8_t* message, std::uint32_t bytes) {
  std::int64_t number = 0;
  if (bytes != sizeof number) __builtin_trap();
  std::memcpy(&number, message, sizeof number);
  total += number;
  rvm_send(find("totals"), &total, sizeof total);  // leaves when this turn commits
  if (total < 0) __builtin_trap();                 // undoes it: nothing was added, nothing was sent
}
