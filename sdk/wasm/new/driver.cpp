// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A command that sends the actor numbers and prints the totals that come back.
#include <rvm/wasm.h>

#include <array>
#include <cstdio>
#include <string_view>

static std::int32_t find(std::string_view name) { return rvm_find(name.data(), name.size()); }

int main() {
  constexpr std::array<std::int64_t, 4> numbers{1, 2, -100, 3};  // no answer to -100: the actor undoes that turn
  for (const std::int64_t number : numbers) rvm_send(find("numbers"), &number, sizeof number);
  for (int answers = 0; answers < 3; ++answers) {
    std::int64_t total = 0;
    if (rvm_receive(find("totals"), &total, sizeof total) != sizeof total) return 1;
    std::printf("the total is %lld\n", static_cast<long long>(total));
  }
  return 0;  // the machine stops: the actor is a service, which nobody waits for
}
