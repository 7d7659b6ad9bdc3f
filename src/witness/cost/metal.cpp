// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A kernel that measures what a record costs from emission until it is sealed, in the code that the real kernel is linked from,
// and prints it as an agent of `rvm bench` would. In the real kernel sealing is nobody's latency, so no agent can see it.
#include <algorithm>
#include <array>
#include <string_view>

#include "rvm/hal/entry.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "rvm/witness/sealer.hpp"

namespace rvm {
namespace {

constexpr std::uint32_t batch_records = 64;
constexpr std::size_t batches = 33;

constinit std::array<witness::Record, 256> slots{};
constinit witness::Ring ring;
constinit witness::Sealer sealer;

void print(std::string_view text) { hal::Port::console_write(text); }

void report(std::string_view name, std::uint64_t instructions) {
  std::array<char, 20> digits;
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + instructions % 10);
  } while ((instructions /= 10) != 0);
  print("witness| bench: ");
  print(name);
  print(" instructions=");
  print(std::string_view{digits}.substr(at));
  print("\n");
}

[[noreturn]] void stop(std::string_view why) {
  print("rvm: ");
  print(why);
  print("\n");
  hal::Port::power_off();
}

/// As kernel code does that witnesses an action.
void emit(std::uint64_t payload) {
  const witness::Fields fields{.kind = witness::Kind::region_map,
                               .flags = 1,
                               .actor = PartitionId{3},
                               .target = 7,
                               .capability_hash = 0x1234'5678,
                               .payload = payload,
                               .aux = payload << 12};
  if (!ring.emit(witness::Lane::ordinary, fields, hal::Port::now())) stop("the ring takes no record");
}

struct Cost {
  std::uint64_t emitted;
  std::uint64_t sealed;
};

/// In nanoseconds for a batch, which under QEMU's -icount shift=0 are instructions. The counter ticks once in 16.
Cost measure_batch() {
  const Nanoseconds start = hal::Port::now();
  for (std::uint32_t i = 0; i < batch_records; ++i) emit(i);
  const Nanoseconds emitted = hal::Port::now();
  if (sealer.seal(ring, batch_records) != batch_records) stop("not all records were sealed");
  const Nanoseconds sealed = hal::Port::now();
  ring.mark_durable(ring.sealed());
  return {emitted.value - start.value, sealed.value - start.value};
}

std::uint64_t median_per_record(std::array<Cost, batches>& costs, std::uint64_t Cost::* which) {
  std::ranges::sort(costs, {}, which);
  return (costs[batches / 2].*which + batch_records / 2) / batch_records;
}

void measure() {
  const hal::VectorScope vectors;
  crypto::select_implementation();
  constexpr std::array<std::byte, witness::device_key_bytes> device_key{};
  sealer.start(witness::derive_keys(device_key));
  if (!ring.init(slots, 0)) stop("the ring cannot be made");
  std::array<Cost, batches> costs;
  for (Cost& cost : costs) cost = measure_batch();
  report("witness_ring_emit", median_per_record(costs, &Cost::emitted));
  report("witness_emit_sealed", median_per_record(costs, &Cost::sealed));

  constexpr std::size_t blocks = 64;
  const Nanoseconds before = hal::Port::now();
  static_cast<void>(crypto::sha256(std::as_bytes(std::span{slots}).first<blocks * crypto::Sha256::block_bytes>()));
  report("sha256_block", (hal::Port::now().value - before.value) / (blocks + 1));
}

}  // namespace

namespace kernel {

hal::Context& start(const hal::BootInformation&) {
  measure();
  hal::Port::power_off();
}

namespace {
[[noreturn]] void unexpected() { stop("unexpected entry"); }
}  // namespace

hal::Context& start_secondary(CoreIndex) { unexpected(); }
hal::Context& on_hypercall(hal::Context&) { unexpected(); }
hal::Context& on_fault(hal::Context&, const hal::Fault&) { unexpected(); }
hal::Context& on_interrupt(hal::Context&) { unexpected(); }
void on_kernel_fault(std::uint64_t, std::uint64_t, std::uint64_t) { unexpected(); }

}  // namespace kernel
}  // namespace rvm
