// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/hal/program.hpp"

#include "console.hpp"
#include "rvm/hal/port.hpp"

namespace rvm::hal::program {

void print(std::string_view text) { Port::console_write(text); }
void print(std::uint64_t number) { print_one(Decimal{number}); }

void stop(std::string_view why) {
  print("rvm: ");
  print(why);
  print("\n");
  Port::power_off();
}

}  // namespace rvm::hal::program

namespace rvm::kernel {

hal::Context& start(const hal::BootInformation& boot) {
  hal::program::run(boot);
  hal::Port::power_off();
}

namespace {
[[noreturn]] void unexpected() { hal::program::stop("UNEXPECTED entry"); }
}  // namespace

hal::Context& start_secondary(CoreIndex) { unexpected(); }
hal::Context& on_hypercall(hal::Context&) { unexpected(); }
hal::Context& on_fault(hal::Context&, const hal::Fault&) { unexpected(); }
hal::Context& on_interrupt(hal::Context&) { unexpected(); }
void on_kernel_fault(std::uint64_t, std::uint64_t, std::uint64_t) { unexpected(); }

}  // namespace rvm::kernel
