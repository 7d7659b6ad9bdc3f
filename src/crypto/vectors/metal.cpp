// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A kernel that checks the table of vectors which it finds in place of a boot package, with each SHA-256 implementation that
// this CPU has, and prints one line for each; then what signatures cost.
#include "rvm/hal/port.hpp"
#include "rvm/hal/program.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "table.hpp"

namespace rvm {
namespace {

using hal::program::print;

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

/// Prints what one call costs in nanoseconds, which under QEMU's -icount shift=0 are instructions.
template <typename Work>
void measure(std::string_view name, Work work) {
  constexpr std::uint64_t rounds = 16;  // the counter ticks once in 16 ns
  const Nanoseconds before = hal::Port::now();
  for (std::uint64_t i = 0; i < rounds; ++i) work();
  print("cost: ");
  print(name);
  print(" ");
  print((hal::Port::now().value - before.value) / rounds);
  print("\n");
}

/// A message as long as a tree head.
void measure_signatures() {
  static constinit std::array<std::byte, 320> message{};
  crypto::Ed25519Seed seed{};
  const crypto::Ed25519Key key{seed};
  const crypto::Ed25519Signature signature = key.sign(message);
  measure("ed25519_key", [&] { static_cast<void>(crypto::Ed25519Key{seed}); });
  measure("ed25519_sign", [&] { static_cast<void>(key.sign(message)); });
  measure("ed25519_verify", [&] {
    if (!crypto::verify(key.public_key(), message, signature)) print("cost: a good signature was refused\n");
  });
}

}  // namespace

void hal::program::run(const BootInformation& boot) {
  using crypto::Implementation;
  const VectorScope vectors;
  for (const auto wanted : {Implementation::portable, Implementation::armv8_sha2}) {
    if (!crypto::use_implementation(wanted)) {
      print("vectors: the CPU has no SHA-256 instructions\n");
      continue;
    }
    report(wanted == Implementation::portable ? "portable" : "accelerated", crypto::vectors::run(boot.boot_package));
  }
  measure_signatures();
}

}  // namespace rvm
