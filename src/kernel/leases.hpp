// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Devices and their leases. One agent at a time has a device, for so many epochs. Whatever ends a lease (release, expiry,
// revocation of the capability, the end of the holder) stops the device first: registers unmapped and TLBs clean, interrupt
// masked, DMA at rest. Then there is a record, and then somebody else may have it.
#pragma once

#include "objects.hpp"
#include "state.hpp"

namespace rvm::kernel {

/// At boot: the devices that the package names, found among the machine's. False when the machine lacks one.
[[nodiscard]] bool find_devices(State& s);

/// The device with this id; nullptr if there is none.
[[nodiscard]] Device* device_of(State& s, std::uint32_t id);

/// Gives a device a page for its queues, which the partition pays for. Errors: resource_limit, no_memory, device_failed.
[[nodiscard]] Result<PhysicalAddress> begin_queues(State& s, Device& device, Partition& payer);
/// Permits the next interrupt, with the next epoch if this one had as many as it may have.
void permit_interrupt(Device& device);

/// Ends a lease. False when no record could be reserved: nothing is changed then.
[[nodiscard]] bool end_lease(State& s, Device& device, const security::Authority& by, witness::Kind kind);
/// Of an agent that has ended, or those held through a capability that goes: the record of that says it.
void end_leases_of(State& s, const Agent& holder);
void end_leases_by(State& s, cap::CapabilityRef capability);
/// Whether a device may read or write its memory, now or at any moment.
[[nodiscard]] bool holds_device(State& s, const Agent& agent);
[[nodiscard]] bool leased_by(State& s, cap::CapabilityRef capability);
/// At the end of an epoch: those whose time is over; and the DMA budgets are full again.
void expire_leases(State& s, Nanoseconds now);

/// The device wants attention: its holder is notified.
void on_device_interrupt(State& s, std::uint32_t port_index);

}  // namespace rvm::kernel
