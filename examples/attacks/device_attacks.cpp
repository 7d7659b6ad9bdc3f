// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Devices leased, used, kept or passed on against the rules.
#include "attack.hpp"

namespace attacks {

namespace {

constexpr std::uint64_t end_of_time = ~std::uint64_t{0};

rvm_handle device(std::string_view name) { return find<Device>(name).raw; }

/// A lease as the kernel answers it. Who is not trusted has to know the word; attackers do.
rvm_error grant(rvm_handle h, std::uint64_t epochs, std::uint64_t at, std::uint64_t bit, std::uint64_t* expiry) {
  const rvm_evidence evidence = evidence_of("attackers know the word");
  return rvm_lease_grant_shown(h, epochs, at, bit, &evidence, expiry);
}

/// Another attacker may have it just now.
void lease(Tries& tries, rvm_handle h, std::uint64_t epochs, std::uint64_t at, std::uint64_t bit = 64) {
  rvm_error e = RVM_ERROR_BAD_STATE;
  for (int i = 0; i < 1000 && e == RVM_ERROR_BAD_STATE; ++i) {
    if (i != 0) (void)rvm_sleep_until(rvm_time() + 5 * millisecond);
    e = grant(h, epochs, at, bit, nullptr);
  }
  tries.check("a lease", e == RVM_ERROR_OK);
}

rvm_error submit_one(rvm_handle h, std::uint64_t address, std::uint32_t bytes, std::uint32_t flags) {
  const rvm_device_buffer buffer{address, bytes, flags};
  return rvm_device_submit(h, 0, &buffer, 1, nullptr);
}

// --- who may have it ---

Verdict lease_without_right() {
  Tries tries;
  const rvm_handle reader = device("reader");
  const rvm_handle unproven = device("unproven");
  tries.refused("READ alone", grant(reader, 10, map_base(), 64, nullptr), {RVM_ERROR_RIGHTS});
  tries.refused("without PROVE", grant(unproven, 10, map_base(), 64, nullptr), {RVM_ERROR_RIGHTS, RVM_ERROR_PROOF});
  tries.refused("console as a device", grant(console_handle(), 10, map_base(), 64, nullptr), {RVM_ERROR_WRONG_TYPE});
  for (const rvm_handle h : {reader, unproven}) {
    tries.refused("renew", rvm_lease_renew(h, 10, nullptr), {RVM_ERROR_RIGHTS, RVM_ERROR_NO_LEASE});
    tries.refused("release", rvm_lease_release(h), {RVM_ERROR_RIGHTS, RVM_ERROR_NO_LEASE});
    tries.refused("acknowledge", rvm_device_acknowledge(h), {RVM_ERROR_RIGHTS, RVM_ERROR_NO_LEASE});
    tries.refused("complete", rvm_device_complete(h, 0, nullptr, nullptr), {RVM_ERROR_RIGHTS, RVM_ERROR_NO_LEASE});
  }
  return tries.verdict();
}
Verdict dma_untrusted() {
  Tries tries;
  const rvm_handle h = device("entropy");
  tries.refused("lease", grant(h, 10, 0, 64, nullptr), {RVM_ERROR_DMA_REFUSED});
  tries.refused("submit", submit_one(h, info().heap_base, 64, RVM_BUFFER_DEVICE_WRITES), {RVM_ERROR_NO_LEASE});
  std::uint32_t value = 0;
  tries.refused("configuration", rvm_device_configuration(h, 0, &value), {RVM_ERROR_NO_LEASE});
  return tries.verdict();
}
/// Neither through the same capability nor through another.
Verdict second_lease() {
  Tries tries;
  const rvm_handle h = device("entropy");
  rvm_handle child = 0;
  tries.check("derive", rvm_cap_derive(h, RVM_RIGHT_WRITE | RVM_RIGHT_PROVE, 0, &child) == RVM_ERROR_OK);
  lease(tries, h, 10'000, 0);
  tries.refused("again", grant(h, 10, 0, 64, nullptr), {RVM_ERROR_BAD_STATE});
  tries.refused("through a child", grant(child, 10, 0, 64, nullptr), {RVM_ERROR_BAD_STATE});
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  return tries.verdict();
}
Verdict transfer_leased() {
  Tries tries;
  const rvm_handle h = device("entropy");
  const rvm_handle edge = rvm_find("bystander", RVM_OBJECT_EDGE);
  lease(tries, h, 10'000, 0);
  tries.refused("transfer", rvm_cap_transfer(h, edge), {RVM_ERROR_BAD_STATE});
  tries.check("it is still leased", rvm_lease_renew(h, 10, nullptr) == RVM_ERROR_OK);
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  tries.check("transfer", rvm_cap_transfer(h, edge) == RVM_ERROR_OK);
  tries.refused("a lease afterwards", grant(h, 10, 0, 64, nullptr), {RVM_ERROR_BAD_CAPABILITY});
  return tries.verdict();
}

// --- for how long ---

/// These end with a fault; what returns has escaped.
Verdict after_release() {
  Tries tries;
  const rvm_handle h = device("clock");
  lease(tries, h, 10'000, map_base());
  (void)peek(map_base());
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  (void)peek(map_base());
  return escaped("the registers are still there");
}
Verdict after_expiry() {
  Tries tries;
  const rvm_handle h = device("gpio");
  lease(tries, h, 2, map_base());
  (void)rvm_sleep_until(rvm_time() + 10 * millisecond);
  tries.refused("renew", rvm_lease_renew(h, 100, nullptr), {RVM_ERROR_NO_LEASE});
  poke(map_base(), 1);
  return escaped("the registers are still there");
}
Verdict after_revocation() {
  Tries tries;
  const rvm_handle h = device("clock");
  rvm_handle child = 0;
  tries.check("derive", rvm_cap_derive(h, RVM_RIGHT_WRITE | RVM_RIGHT_PROVE, 0, &child) == RVM_ERROR_OK);
  lease(tries, child, 10'000, map_base());
  (void)peek(map_base());
  tries.check("revoke", rvm_cap_revoke(h) == RVM_ERROR_OK);
  (void)peek(map_base());
  return escaped("the registers are still there");
}
/// However often it is renewed, whoever gave the capability takes it back.
Verdict renew_for_ever() {
  Tries tries;
  const rvm_handle h = device("gpio");
  rvm_handle between = 0;
  rvm_handle child = 0;
  tries.check("derive", rvm_cap_derive(h, RVM_RIGHT_WRITE | RVM_RIGHT_PROVE | RVM_RIGHT_GRANT | RVM_RIGHT_REVOKE, 0,
                                       &between) == RVM_ERROR_OK);
  tries.check("derive", rvm_cap_derive(between, RVM_RIGHT_WRITE | RVM_RIGHT_PROVE, 0, &child) == RVM_ERROR_OK);
  lease(tries, child, 100, map_base());
  std::uint64_t expiry = 0;
  for (int i = 0; i < 100; ++i)
    tries.check("renew", rvm_lease_renew(child, RVM_LEASE_EPOCHS_MAX, &expiry) == RVM_ERROR_OK);
  tries.check("not beyond the maximum", expiry <= rvm_time() + RVM_LEASE_EPOCHS_MAX * millisecond);
  for (const std::uint64_t epochs : {std::uint64_t{0}, std::uint64_t{RVM_LEASE_EPOCHS_MAX} + 1, end_of_time})
    tries.refused("renew", rvm_lease_renew(child, epochs, nullptr), {RVM_ERROR_BAD_ARGUMENT});
  tries.refused("renew through another capability's right", rvm_lease_renew(console_handle(), 1, nullptr),
                {RVM_ERROR_WRONG_TYPE});
  tries.check("revoke", rvm_cap_revoke(between) == RVM_ERROR_OK);
  tries.refused("renew", rvm_lease_renew(child, 10, nullptr), {RVM_ERROR_BAD_CAPABILITY});
  tries.refused("renew", rvm_lease_renew(h, 10, nullptr), {RVM_ERROR_NO_LEASE});
  lease(tries, h, 1, map_base());  // it is free
  return tries.verdict();
}

// --- where its registers appear, and what they are ---

Verdict registers_elsewhere() {
  Tries tries;
  const rvm_handle h = device("clock");
  const std::uint64_t end = info().slot_base + info().slot_size;
  for (const std::uint64_t at : {slot_of(victim_id), victim_image(), info().slot_base, info().image_base,
                                 info().heap_base, end, kernel_image, std::uint64_t{1} << 48, ~std::uint64_t{0xfff}})
    tries.refused("elsewhere", grant(h, 10, at, 64, nullptr), {RVM_ERROR_PROOF});
  tries.refused("nowhere", grant(h, 10, 0, 64, nullptr), {RVM_ERROR_BAD_ADDRESS});
  tries.refused("unaligned", grant(h, 10, map_base() + 8, 64, nullptr), {RVM_ERROR_UNALIGNED});
  tries.refused("bit", grant(h, 10, map_base(), 65, nullptr), {RVM_ERROR_BAD_ARGUMENT});
  for (const std::uint64_t epochs : {std::uint64_t{0}, end_of_time})
    tries.refused("epochs", grant(h, epochs, map_base(), 64, nullptr), {RVM_ERROR_BAD_ARGUMENT});
  rvm_handle region = 0;
  tries.check("region", rvm_region_create(partition_handle(), 2, &region) == RVM_ERROR_OK);
  tries.check("map", rvm_region_map(region, map_base(), RVM_MAP_READ | RVM_MAP_WRITE) == RVM_ERROR_OK);
  tries.refused("over a region", grant(h, 10, map_base() + RVM_PAGE_SIZE, 64, nullptr),
                {RVM_ERROR_OVERLAP, RVM_ERROR_BAD_STATE});
  tries.check("unmap", rvm_region_unmap(region) == RVM_ERROR_OK);
  lease(tries, h, 10'000, map_base() + RVM_PAGE_SIZE);
  tries.refused("a region over the registers", rvm_region_map(region, map_base(), RVM_MAP_READ), {RVM_ERROR_OVERLAP});
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  tries.check("map", rvm_region_map(region, map_base(), RVM_MAP_READ) == RVM_ERROR_OK);
  return tries.verdict();
}
/// The kernel must not touch a device for a guest that names its registers as memory.
Verdict registers_as_memory() {
  Tries tries;
  const rvm_handle h = device("gpio");
  lease(tries, h, 10'000, map_base());
  for (const std::uint64_t at : {map_base(), map_base() + 0xff0, map_base() - 8}) {
    auto* const bytes = reinterpret_cast<void*>(at);
    tries.refused("console", rvm_console_write(console_handle(), bytes, 64), {RVM_ERROR_BAD_ADDRESS});
    tries.refused("a list of buffers",
                  rvm_device_submit(h, 0, reinterpret_cast<const rvm_device_buffer*>(at), 1, nullptr),
                  {RVM_ERROR_BAD_ADDRESS, RVM_ERROR_WRONG_TYPE});
    const rvm_handle edge = rvm_find("bystander", RVM_OBJECT_EDGE);
    tries.refused("send", rvm_send(edge, bytes, 64, 0), {RVM_ERROR_BAD_ADDRESS});
  }
  std::uint32_t value = 0;
  tries.refused("it has no queues", rvm_device_configuration(h, 0, &value), {RVM_ERROR_WRONG_TYPE});
  tries.refused("it has no queues", rvm_device_complete(h, 0, nullptr, nullptr), {RVM_ERROR_WRONG_TYPE});
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  return tries.verdict();
}
/// An interrupt whose cause is never removed.
Verdict interrupt_storm() {
  Tries tries;
  const rvm_handle h = device("clock");
  lease(tries, h, 10'000, map_base(), 7);
  poke(map_base() + 0x04, peek(map_base()));  // match: now
  poke(map_base() + 0x10, 1);                 // and interrupt
  for (int i = 0; i < 5'000; ++i) tries.check("acknowledge", rvm_device_acknowledge(h) == RVM_ERROR_OK);
  tries.check("it was told", rvm_wait(1 << 7, rvm_time() + 100 * millisecond, nullptr) == RVM_ERROR_OK);
  poke(map_base() + 0x10, 0);
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  tries.refused("acknowledge", rvm_device_acknowledge(h), {RVM_ERROR_NO_LEASE});
  return tries.verdict();
}

// --- what it reaches ---

Verdict buffers_elsewhere() {
  Tries tries;
  const rvm_handle h = device("entropy");
  lease(tries, h, 10'000, 0);
  rvm_handle region = 0;
  tries.check("region", rvm_region_create(partition_handle(), 1, &region) == RVM_ERROR_OK);
  tries.check("map", rvm_region_map(region, map_base(), RVM_MAP_READ | RVM_MAP_WRITE) == RVM_ERROR_OK);
  const std::uint64_t end = info().slot_base + info().slot_size;
  for (const std::uint64_t at : {std::uint64_t{0}, slot_of(victim_id), victim_image(), info().slot_base - 64, end,
                                 map_base(), map_base() + 0x100000, kernel_image, machine_memory, gic_distributor, uart,
                                 virtio_mmio, std::uint64_t{1} << 48, end_of_time - 63, end_of_time}) {
    tries.refused("written", submit_one(h, at, 64, RVM_BUFFER_DEVICE_WRITES), {RVM_ERROR_BAD_ADDRESS});
    tries.refused("read", submit_one(h, at, 64, 0), {RVM_ERROR_BAD_ADDRESS});
  }
  for (const std::uint64_t at : {info().slot_base, info().image_base})  // it may read these, and not write them
    tries.refused("read-only", submit_one(h, at, 64, RVM_BUFFER_DEVICE_WRITES), {RVM_ERROR_BAD_ADDRESS});
  for (const std::uint32_t bytes : {2u, 64u, RVM_PAGE_SIZE})
    tries.refused("across pages", submit_one(h, info().heap_base + RVM_PAGE_SIZE - 1, bytes, RVM_BUFFER_DEVICE_WRITES),
                  {RVM_ERROR_UNALIGNED});
  for (const std::uint32_t bytes : {0u, 4097u, 0x80000000u, 0xffffffffu})
    tries.refused("length", submit_one(h, info().heap_base, bytes, RVM_BUFFER_DEVICE_WRITES), {RVM_ERROR_BAD_ARGUMENT});
  for (const std::uint32_t flags : {2u, 3u, 0xffffffffu})
    tries.refused("flags", submit_one(h, info().heap_base, 64, flags), {RVM_ERROR_BAD_ARGUMENT});
  tries.check("its own memory", submit_one(h, info().heap_base, 64, RVM_BUFFER_DEVICE_WRITES) == RVM_ERROR_OK);
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  return tries.verdict();
}
/// The list itself is a pointer, too.
Verdict buffer_lists() {
  Tries tries;
  const rvm_handle h = device("entropy");
  lease(tries, h, 10'000, 0);
  for (const std::uint64_t at : {std::uint64_t{0}, victim_image(), kernel_image, map_base() - 8, end_of_time - 15,
                                 end_of_time, std::uint64_t{1} << 63})
    tries.refused("list", rvm_device_submit(h, 0, reinterpret_cast<const rvm_device_buffer*>(at), 1, nullptr),
                  {RVM_ERROR_BAD_ADDRESS});
  const rvm_device_buffer good{info().heap_base, 64, RVM_BUFFER_DEVICE_WRITES};
  for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{RVM_DEVICE_BUFFERS_MAX} + 1, std::uint64_t{1} << 32,
                                    std::uint64_t{1} << 60, end_of_time})
    tries.refused("count", rvm_device_submit(h, 0, &good, count, nullptr), {RVM_ERROR_BAD_ARGUMENT});
  for (const std::uint64_t queue : {std::uint64_t{RVM_DEVICE_QUEUES}, std::uint64_t{1} << 32, end_of_time}) {
    tries.refused("queue", rvm_device_submit(h, queue, &good, 1, nullptr), {RVM_ERROR_BAD_ARGUMENT});
    tries.refused("queue", rvm_device_complete(h, queue, nullptr, nullptr), {RVM_ERROR_BAD_ARGUMENT});
  }
  // One bad buffer among good ones, and nothing is begun.
  const rvm_device_buffer mixed[] = {good, good, {victim_image(), 64, RVM_BUFFER_DEVICE_WRITES}, good};
  tries.refused("one of four", rvm_device_submit(h, 0, mixed, 4, nullptr), {RVM_ERROR_BAD_ADDRESS});
  tries.check("nothing was begun", rvm_device_complete(h, 0, nullptr, nullptr) == RVM_ERROR_WOULD_BLOCK);
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  return tries.verdict();
}
Verdict configuration_range() {
  Tries tries;
  const rvm_handle h = device("entropy");
  lease(tries, h, 10'000, 0);
  std::uint32_t value = 0;
  for (const std::uint64_t at :
       {std::uint64_t{0x100}, std::uint64_t{0x200}, std::uint64_t{1} << 32, end_of_time - 3, std::uint64_t{1} << 63})
    tries.refused("beyond", rvm_device_configuration(h, at, &value), {RVM_ERROR_BAD_ARGUMENT});
  for (const std::uint64_t at : {std::uint64_t{1}, std::uint64_t{0xfe}, end_of_time})
    tries.refused("unaligned", rvm_device_configuration(h, at, &value), {RVM_ERROR_UNALIGNED});
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  tries.refused("after the release", rvm_device_configuration(h, 0, &value), {RVM_ERROR_NO_LEASE});
  return tries.verdict();
}
/// More than the device may move in an epoch: 8 KiB in swarm.toml.
Verdict dma_budget() {
  constexpr std::uint64_t budget = 8192;
  Tries tries;
  const rvm_handle h = device("entropy");
  lease(tries, h, 10'000, 0);
  const rvm_device_buffer page{info().heap_base, RVM_PAGE_SIZE, RVM_BUFFER_DEVICE_WRITES};
  const rvm_device_buffer three[] = {page, page, page};
  tries.refused("more than an epoch's at once", rvm_device_submit(h, 0, three, 3, nullptr), {RVM_ERROR_RESOURCE_LIMIT});
  const std::uint64_t begin = rvm_time() / millisecond;
  std::uint64_t taken = 0;
  rvm_error e = RVM_ERROR_OK;
  for (int i = 0; i < 1000 && e != RVM_ERROR_RESOURCE_LIMIT; ++i) {
    e = rvm_device_submit(h, 0, &page, 1, nullptr);
    if (e == RVM_ERROR_OK) taken += RVM_PAGE_SIZE;
    (void)rvm_device_complete(h, 0, nullptr, nullptr);
  }
  tries.refused("bit by bit", e, {RVM_ERROR_RESOURCE_LIMIT});
  tries.check("no epoch had more", taken <= budget * (rvm_time() / millisecond - begin + 1));
  tries.check("release", rvm_lease_release(h) == RVM_ERROR_OK);
  return tries.verdict();
}
/// A queue has eight places; what does not fit is for later, without a trace.
Verdict submit_flood() {
  Tries tries;
  const rvm_handle h = device("entropy");
  lease(tries, h, 10'000, 0);
  std::uint32_t in_flight = 0;
  for (int i = 0; i < 20'000; ++i) {
    const rvm_error e = submit_one(h, info().heap_base, 1, RVM_BUFFER_DEVICE_WRITES);
    if (e == RVM_ERROR_OK) {
      ++in_flight;
    } else if (e != RVM_ERROR_WOULD_BLOCK) {
      tries.refused("flood", e, {RVM_ERROR_RESOURCE_LIMIT});
      break;
    }
  }
  tries.check("no more than the queue holds", in_flight <= 8);
  tries.check("release with requests under way", rvm_lease_release(h) == RVM_ERROR_OK);
  tries.refused("submit", submit_one(h, info().heap_base, 1, RVM_BUFFER_DEVICE_WRITES), {RVM_ERROR_NO_LEASE});
  lease(tries, h, 10, 0);
  tries.check("the next lease begins with nothing",
              rvm_device_complete(h, 0, nullptr, nullptr) == RVM_ERROR_WOULD_BLOCK);
  return tries.verdict();
}

constexpr Attack device_table[] = {
    {"lease-without-right", lease_without_right},
    {"dma-untrusted", dma_untrusted},
    {"second-lease", second_lease},
    {"transfer-leased", transfer_leased},
    {"after-release", after_release},
    {"after-expiry", after_expiry},
    {"after-revocation", after_revocation},
    {"renew-for-ever", renew_for_ever},
    {"registers-elsewhere", registers_elsewhere},
    {"registers-as-memory", registers_as_memory},
    {"interrupt-storm", interrupt_storm},
    {"buffers-elsewhere", buffers_elsewhere},
    {"buffer-lists", buffer_lists},
    {"configuration-range", configuration_range},
    {"dma-budget", dma_budget},
    {"submit-flood", submit_flood},
};

}  // namespace

constexpr std::span<const Attack> device_attacks{device_table};

}  // namespace attacks
