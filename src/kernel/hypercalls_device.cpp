// SPDX-License-Identifier: MIT OR Apache-2.0
#include "evidence.hpp"
#include "hypercalls.hpp"
#include "leases.hpp"
#include "rvm/memory/copy.hpp"

namespace rvm::kernel {
namespace {

/// The device in x1, leased to the caller; nullptr: the refusal says why.
struct Lease {
  Device* device = nullptr;
  Error refusal = Error::no_lease;
};
Lease lease_of(const Request& r) {
  Device* const device = device_of(r.s, r.object_id());
  if (device == nullptr || device->holder != &r.caller || device->expiry <= hal::Port::now()) return {};
  return {device, Error::ok};
}
/// The same, of a device with queues.
Lease queues_of(const Request& r) {
  const Lease lease = lease_of(r);
  if (lease.device != nullptr && lease.device->queues.value == 0) return {nullptr, Error::wrong_type};
  return lease;
}

Nanoseconds expiry_after(const Request& r, std::uint64_t epochs) {
  const std::uint64_t epoch = r.s.epoch_length.value;
  return Nanoseconds{(hal::Port::now().value / epoch + epochs) * epoch};
}

bool valid_epochs(std::uint64_t epochs) { return epochs != 0 && epochs <= RVM_LEASE_EPOCHS_MAX; }

/// Maps the registers, or gives the device a page for its queues. The page is the holder's to pay.
Status attach(const Request& r, Device& device, GuestAddress at) {
  const hal::DeviceDescription& description = hal::Port::devices()[device.port];
  if (!description.dma) {
    if (auto mapped = r.partition.space.map(at, page_of(description.registers.base), 1, Access::read_write,
                                            memory::MemoryType::device);
        !mapped)
      return mapped;
    hal::Port::publish_tables();
    device.mapped_at = at;
    return {};
  }
  const auto queues = begin_queues(r.s, device, r.partition);
  if (!queues) return fail(queues.error());
  device.queues = *queues;
  return {};
}

/// A buffer of the caller's own arena, which stays where it is until the caller has ended, and its leases before it.
Result<hal::DeviceBuffer> buffer_of(const Request& r, const rvm_device_buffer& asked) {
  const bool writes = asked.flags == RVM_BUFFER_DEVICE_WRITES;
  if (asked.flags > RVM_BUFFER_DEVICE_WRITES || asked.bytes == 0 || asked.bytes > page_bytes)
    return fail(Error::bad_argument);
  const std::uint64_t slot = r.caller.slot.value;
  if (asked.address < slot || asked.address >= r.caller.map_base.value) return fail(Error::bad_address);
  if (asked.address % page_bytes + asked.bytes > page_bytes) return fail(Error::unaligned);
  // Its own, not shared: what it shares goes when it writes there, under the device.
  if (const Status own = own_page(r.s, r.partition, GuestAddress{asked.address}); !own) return fail(own.error());
  const auto found = memory::guest_bytes(r.partition.space, GuestAddress{asked.address}, asked.bytes,
                                         writes ? Access::write : Access::read);
  if (!found) return fail(found.error());
  return hal::DeviceBuffer{hal::Port::to_physical(found->pieces[0].data()), asked.bytes, writes};
}

}  // namespace

Outcome lease_grant(const Request& r) {
  Device* const device = device_of(r.s, r.object_id());
  if (device == nullptr) return Error::peer_gone;
  const std::uint64_t epochs = r.argument(2);
  const GuestAddress at{r.argument(3)};
  const std::uint64_t notify = r.argument(4);
  if (!valid_epochs(epochs) || notify > 64) return Error::bad_argument;
  const bool dma = hal::Port::devices()[device->port].dma;
  if (dma) {
    if (at.value != 0) return Error::bad_argument;
    if (r.partition.type == RVM_PARTITION_AGENT) return Error::dma_refused;
  } else {
    if (!page_aligned(at)) return Error::unaligned;
    if (at.value < r.caller.map_base.value || at.value >= r.caller.slot.value + hal::Port::geometry().slot_bytes)
      return Error::bad_address;
  }
  if (device->broken) return Error::device_failed;
  if (device->holder != nullptr) return Error::bad_state;
  const cap::CapabilityRef by = r.object_ref();
  const Nanoseconds expiry = expiry_after(r, epochs);
  const Status done = perform(
      r.s, r.authority, witness::Kind::device_lease_grant, [&](const security::Permit&) -> Result<security::Effect> {
        if (auto attached = attach(r, *device, at); !attached) return fail(attached.error());
        device->holder = &r.caller;
        device->by = by;
        device->expiry = expiry;
        device->notify = static_cast<std::uint8_t>(notify);
        return security::Effect{id_of(r.s, *device),
                                pair_word(r.caller.id.value, static_cast<std::uint32_t>(at.value >> page_shift)),
                                expiry.value, by.slot};
      });
  if (!done) return done;
  if (notify < 64) permit_interrupt(*device);
  r.result(1, expiry.value);
  return Error::ok;
}

Outcome lease_renew(const Request& r) {
  if (!valid_epochs(r.argument(2))) return Error::bad_argument;
  const Lease lease = lease_of(r);
  if (lease.device == nullptr) return lease.refusal;
  const Nanoseconds expiry = expiry_after(r, r.argument(2));
  const Status done = perform(r.s, r.authority, witness::Kind::device_lease_renew,
                              [&](const security::Permit&) -> Result<security::Effect> {
                                lease.device->expiry = expiry;
                                return security::Effect{id_of(r.s, *lease.device), r.caller.id.value, expiry.value};
                              });
  if (done) r.result(1, expiry.value);
  return done;
}

Outcome lease_release(const Request& r) {
  const Lease lease = lease_of(r);
  if (lease.device == nullptr) return lease.refusal;
  if (!end_lease(r.s, *lease.device, r.authority, witness::Kind::device_lease_revoke)) return Error::witness_log_full;
  return Error::ok;
}

Outcome lease_info(const Request& r) {
  const Device* const device = device_of(r.s, r.object_id());
  if (device == nullptr) return Error::peer_gone;
  const bool leased = device->holder != nullptr;
  r.result(1, device->kind);
  r.result(2, hal::Port::devices()[device->port].registers.base.value % page_bytes);
  r.result(3, leased ? device->expiry.value : 0);
  r.result(4, leased ? device->dma_left : 0);
  return Error::ok;
}

Outcome device_acknowledge(const Request& r) {
  const Lease lease = lease_of(r);
  if (lease.device == nullptr) return lease.refusal;
  if (lease.device->notify == 64) return Error::bad_state;
  permit_interrupt(*lease.device);
  return Error::ok;
}

Outcome device_configuration(const Request& r) {
  constexpr std::uint64_t configuration_bytes = 0x100;
  if (r.argument(2) % 4 != 0) return Error::unaligned;
  if (r.argument(2) >= configuration_bytes) return Error::bad_argument;
  const Lease lease = queues_of(r);
  if (lease.device == nullptr) return lease.refusal;
  r.result(1, hal::Port::device_configuration(lease.device->port, static_cast<std::uint32_t>(r.argument(2))));
  return Error::ok;
}

Outcome device_submit(const Request& r) {
  const std::uint64_t count = r.argument(4);
  if (r.argument(2) >= RVM_DEVICE_QUEUES || count == 0 || count > RVM_DEVICE_BUFFERS_MAX) return Error::bad_argument;
  const Lease lease = queues_of(r);
  if (lease.device == nullptr) return lease.refusal;
  std::array<rvm_device_buffer, RVM_DEVICE_BUFFERS_MAX> asked{};
  const auto wanted = std::span{asked}.first(static_cast<std::size_t>(count));
  if (auto read = copy_in(r.s, r.partition, GuestAddress{r.argument(3)}, std::as_writable_bytes(wanted)); !read)
    return read;
  std::array<hal::DeviceBuffer, RVM_DEVICE_BUFFERS_MAX> buffers{};
  std::uint64_t bytes = 0;
  bool writes = false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto buffer = buffer_of(r, wanted[i]);
    if (!buffer) return buffer.error();
    // What the device reads comes before what it writes (virtio 1.2 section 2.7.4.2); it may stop for good otherwise.
    if (writes && !buffer->device_writes) return Error::bad_argument;
    writes = buffer->device_writes;
    buffers[i] = *buffer;
    bytes += buffer->bytes;
  }
  if (bytes > lease.device->dma_left) return Error::resource_limit;
  const auto request = hal::Port::device_submit(lease.device->port, static_cast<std::uint32_t>(r.argument(2)),
                                                std::span{buffers}.first(wanted.size()));
  if (!request) return request.error();
  lease.device->dma_left -= bytes;
  r.result(1, *request);
  return Error::ok;
}

Outcome device_complete(const Request& r) {
  if (r.argument(2) >= RVM_DEVICE_QUEUES) return Error::bad_argument;
  const Lease lease = queues_of(r);
  if (lease.device == nullptr) return lease.refusal;
  const hal::DeviceCompletion done =
      hal::Port::device_complete(lease.device->port, static_cast<std::uint32_t>(r.argument(2)));
  if (done.status == hal::DeviceCompletion::Status::none) return Error::would_block;
  if (done.status == hal::DeviceCompletion::Status::failed) return Error::device_failed;
  r.result(1, done.request);
  r.result(2, done.bytes);
  return Error::ok;
}

}  // namespace rvm::kernel
