// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An image for boards that checks the table of vectors on its flash part, entry by entry, since all of it is more than there is RAM,
// and prints a line; then what signatures and records cost.
#include <array>
#include <charconv>

#include "rvm/hal/flash.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/hal/seed_entry.hpp"
#include "rvm/witness/keys.hpp"
#include "rvm/witness/sealer.hpp"
#include "table.hpp"

namespace rvm {
namespace {

[[gnu::section(".stack.worker"), gnu::used]] alignas(8) std::array<std::byte, 8192> worker_stack;
[[gnu::section(".stack.handler"), gnu::used]] alignas(8) std::array<std::byte, 512> handler_stack;

constexpr std::size_t magic_bytes = 8;
constinit std::array<std::byte, magic_bytes + 20 * 1024> entry{};

void print(std::string_view text) { hal::Port::console_write(text); }
void print(std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), static_cast<std::uint32_t>(number)).ptr;
  print(std::string_view{digits.data(), static_cast<std::size_t>(end - digits.data())});
}

/// The bytes of the entry at `at` in the table; 0 at its end, or if it is larger than memory.
std::uint32_t read_entry(std::uint32_t at) {
  std::uint32_t bytes = 4;
  const auto here = std::span{entry}.subspan(magic_bytes);
  if (at + bytes > hal::Flash::bytes() || !hal::Flash::read(at, here.first(4))) return 0;
  const auto fields = std::to_integer<std::uint32_t>(here[2]) | std::to_integer<std::uint32_t>(here[3]) << 8;
  for (std::uint32_t i = 0; i < fields; ++i) {
    std::uint32_t length = 0;
    if (bytes + 4 > here.size() || !hal::Flash::read(at + bytes, here.subspan(bytes, 4))) return 0;
    std::memcpy(&length, here.data() + bytes, sizeof length);
    bytes += 4;
    if (bytes + length > here.size() || (length != 0 && !hal::Flash::read(at + bytes, here.subspan(bytes, length))))
      return 0;
    bytes += length;
  }
  return bytes;
}

void check_table() {
  using namespace crypto::vectors;
  Summary all{.sound = hal::Flash::bytes() > magic_bytes && hal::Flash::read(0, std::span{entry}.first(magic_bytes))};
  std::uint32_t at = magic_bytes;
  for (std::uint32_t index = 0; all.sound && at < hal::Flash::bytes(); ++index) {
    const std::uint32_t bytes = read_entry(at);
    const Summary one = run(std::span{entry}.first(magic_bytes + bytes));
    all.sound = bytes != 0 && one.sound;
    for (std::size_t i = 0; i < kinds; ++i) all.checked[i] += one.checked[i];
    if (one.failed != 0 && all.failed++ == 0) all.first_failed = index;
    at += bytes;
  }
  print("vectors: portable:");
  for (std::size_t i = 0; i < kinds; ++i) {
    print(" ");
    print(names[i]);
    print(" ");
    print(all.checked[i]);
  }
  print(" failed ");
  print(all.failed);
  print(" first ");
  print(all.first_failed);
  print(all.sound ? "\n" : " UNSOUND\n");
}

/// One call costs nanoseconds, which under -icount shift=0 are instructions.
template <typename Work>
void measure(std::string_view name, std::uint32_t rounds, Work work) {
  const Nanoseconds before = hal::Port::now();
  for (std::uint32_t i = 0; i < rounds; ++i) work();
  print("cost: ");
  print(name);
  print(" ");
  print(static_cast<std::uint32_t>(hal::Port::now().value - before.value) / rounds);
  print("\n");
}

void measure_all() {
  static constinit std::array<witness::Record, 64> slots{};
  static constinit witness::Ring ring;
  static constinit witness::Sealer sealer;
  static constinit std::array<std::byte, 320> message{};
  static constinit std::array<std::byte, 32> device_key{};
  sealer.start(witness::derive_keys(device_key));
  (void)ring.init(slots, 0);
  measure("witness_emit", 32, [&] {
    (void)ring.emit(witness::Lane::ordinary, {.kind = witness::Kind::ipc_send, .payload = 1}, Nanoseconds{1});
  });
  measure("witness_seal", 32, [&] { (void)sealer.seal(ring, 1); });
  const crypto::Ed25519Seed seed{};
  const crypto::Ed25519Key key{seed};
  const crypto::Ed25519Signature signature = key.sign(message);
  measure("ed25519_sign", 1, [&] { (void)key.sign(message); });
  measure("ed25519_verify", 1, [&] {
    if (!crypto::verify(key.public_key(), message, signature)) print("cost: a good signature was refused\n");
  });
}

}  // namespace

void kernel::start(std::span<const std::byte>) {
  static constinit hal::Context here{};  // what the timer interrupts
  hal::Port::switch_context(here);
  hal::Port::set_timer(Nanoseconds{1'000'000});
  hal::unmask_interrupts();
  measure_all();
  if (hal::Flash::start()) check_table();
  hal::Port::power_off();
}

// The timer alone comes, to keep time; it finds no agent.
hal::Context& kernel::on_timer_interrupt(hal::Context& context, Nanoseconds now) {
  hal::Port::set_timer(now + Nanoseconds{200'000'000});
  return context;
}
hal::Context& kernel::on_reschedule(hal::Context& context) { return context; }
hal::Context& kernel::on_hypercall(hal::Context& context) { return context; }
hal::Context& kernel::on_fault(hal::Context&, const hal::Fault& fault) {
  kernel::on_kernel_fault(fault.syndrome, fault.address.value, 0);
}
void kernel::on_kernel_fault(std::uint64_t, std::uint64_t, std::uint64_t) {
  print("vectors: fault\n");
  hal::Port::power_off();
}

}  // namespace rvm
