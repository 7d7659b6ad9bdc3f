// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A kernel that checks the table of vectors which it finds in place of a boot package, with each SHA-256 implementation that
// this CPU has, and prints one line for each.
#include "rvm/hal/entry.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "table.hpp"

namespace rvm {
namespace {

void print(std::string_view text) { hal::Port::console_write(text); }

void print(std::uint64_t number) {
  std::array<char, 20> digits;
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
  } while ((number /= 10) != 0);
  print(std::string_view{digits}.substr(at));
}

void report(std::string_view implementation, const crypto::vectors::Summary& summary) {
  print("vectors: ");
  print(implementation);
  print(":");
  for (std::size_t i = 0; i < crypto::vectors::kinds; ++i) {
    print(" ");
    print(crypto::vectors::names[i]);
    print(" ");
    print(summary.checked[i]);
  }
  print(" failed ");
  print(summary.failed);
  print(" first ");
  print(summary.first_failed);
  print(summary.sound ? "\n" : " UNSOUND\n");
}

}  // namespace

namespace kernel {

hal::Context& start(const hal::BootInformation& boot) {
  using crypto::Implementation;
  const hal::VectorScope vectors;
  for (const auto wanted : {Implementation::portable, Implementation::armv8_sha2}) {
    if (!crypto::use_implementation(wanted)) {
      print("vectors: the CPU has no SHA-256 instructions\n");
      continue;
    }
    report(wanted == Implementation::portable ? "portable" : "accelerated", crypto::vectors::run(boot.boot_package));
  }
  hal::Port::power_off();
}

namespace {
[[noreturn]] void unexpected() {
  print("vectors: UNEXPECTED entry\n");
  hal::Port::power_off();
}
}  // namespace

hal::Context& start_secondary(CoreIndex) { unexpected(); }
hal::Context& on_hypercall(hal::Context&) { unexpected(); }
hal::Context& on_fault(hal::Context&, const hal::Fault&) { unexpected(); }
hal::Context& on_interrupt(hal::Context&) { unexpected(); }
void on_kernel_fault(std::uint64_t, std::uint64_t, std::uint64_t) { unexpected(); }

}  // namespace kernel
}  // namespace rvm
