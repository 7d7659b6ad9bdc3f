// SPDX-License-Identifier: MIT OR Apache-2.0
#include "leases.hpp"

#include <algorithm>

#include "evidence.hpp"
#include "ipc.hpp"

namespace rvm::kernel {
namespace {

std::span<Device> all(State& s) { return std::span{s.devices}.first(s.device_count); }

/// The device is at rest and its page free; or it does not stop, and keeps the page for ever, at nobody's cost.
void end_queues(State& s, Device& device, Partition& payer, PhysicalAddress page) {
  if (hal::Port::end_device(device.port)) {
    ensure(s.pages.free_run(page, 1).has_value());
  } else {
    ensure(s.pages.set_owner(page, 1, hypervisor_partition).has_value());
    device.broken = true;
  }
  payer.account.credit(1);
}

/// After this the device is nobody's: it reaches no memory, raises no interrupt and is mapped nowhere.
void stop(State& s, Device& device) {
  Partition& p = *device.holder->partition;
  hal::Port::permit_device_interrupt(device.port, false);
  device.permission_due = false;
  if (device.queues.value != 0) end_queues(s, device, p, device.queues);
  device.queues = PhysicalAddress{};
  if (device.mapped_at.value != 0) unmap_pages(s, p, device.mapped_at, 1);
  device.mapped_at = GuestAddress{};
  device.holder = nullptr;
  device.by = {};
}

}  // namespace

bool find_devices(State& s) {
  const auto offered = hal::Port::devices();
  std::uint32_t next = 0;
  for (const rvm_package_device& wanted : s.package.devices()) {
    std::uint32_t ordinal = 0;  // among the package's devices of this kind
    for (const Device& earlier : all(s)) ordinal += earlier.kind == wanted.kind ? 1 : 0;
    for (next = 0; next < offered.size(); ++next) {
      if (offered[next].kind == wanted.kind && ordinal-- == 0) break;
    }
    if (next == offered.size()) return false;
    Device& device = s.devices[s.device_count++];
    device.port = next;
    device.kind = wanted.kind;
    device.dma_left = device.dma_per_epoch = wanted.dma_bytes_per_epoch;
    device.interrupts_left = device_interrupts_per_epoch;
  }
  return true;
}

Device* device_of(State& s, std::uint32_t id) { return id - 1 < s.device_count ? &s.devices[id - 1] : nullptr; }

Result<PhysicalAddress> begin_queues(State& s, Device& device, Partition& payer) {
  const auto page = charged_run(s, payer, 1);
  if (!page) return page;
  if (hal::Port::begin_device(device.port, *page)) return page;
  end_queues(s, device, payer, *page);
  return fail(Error::device_failed);
}

void permit_interrupt(Device& device) {
  device.permission_due = device.interrupts_left == 0;
  if (!device.permission_due) hal::Port::permit_device_interrupt(device.port, true);
}

bool end_lease(State& s, Device& device, const security::Authority& by, witness::Kind kind) {
  return perform(
             s, by, kind,
             [&](const security::Permit&) -> Result<security::Effect> {
               const security::Effect effect{id_of(s, device), device.holder->id.value, device.expiry.value};
               stop(s, device);
               return effect;
             },
             witness::Lane::reserved)
      .has_value();
}

void end_leases_of(State& s, const Agent& holder) {
  for (Device& device : all(s)) {
    if (device.holder == &holder) stop(s, device);
  }
}

void end_leases_by(State& s, cap::CapabilityRef capability) {
  for (Device& device : all(s)) {
    if (device.holder != nullptr && device.by == capability) stop(s, device);
  }
}

bool leased_by(State& s, cap::CapabilityRef capability) {
  return std::ranges::any_of(all(s), [&](const Device& d) { return d.holder != nullptr && d.by == capability; });
}

bool holds_device(State& s, const Agent& agent) {
  return std::ranges::any_of(all(s), [&](const Device& d) { return d.holder == &agent; });
}

void expire_leases(State& s, Nanoseconds now) {
  for (Device& device : all(s)) {
    device.dma_left = device.dma_per_epoch;
    device.interrupts_left = device_interrupts_per_epoch;
    if (device.permission_due) permit_interrupt(device);
    if (device.broken && !device.reported) {
      device.reported =
          record(s, witness::Lane::reserved, {.kind = witness::Kind::device_failed, .target = id_of(s, device)});
    }
    if (device.holder == nullptr || now < device.expiry) continue;
    // Without room for the record it ends with the next epoch: until then nothing is hidden from the log.
    (void)end_lease(s, device, security::Authority::hypervisor(), witness::Kind::device_lease_expire);
  }
}

void on_device_interrupt(State& s, std::uint32_t port_index) {
  for (Device& device : all(s)) {
    if (device.port != port_index) continue;
    if (device.interrupts_left != 0) --device.interrupts_left;
    if (device.holder != nullptr && device.notify < 64)
      (void)signal(s, *device.holder, std::uint64_t{1} << device.notify);
  }
}

}  // namespace rvm::kernel
