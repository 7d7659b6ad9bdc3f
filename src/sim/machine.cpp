// SPDX-License-Identifier: MIT OR Apache-2.0
#include "machine.hpp"

#include <cstring>
#include <new>

#include "rvm/advice/advisor.hpp"

namespace rvm::sim {
namespace {

constexpr std::uint64_t package_address = hal::SimulatedMachine::ram_base + (std::uint64_t{1} << 20);

}  // namespace

Machine::Machine(std::uint32_t cores) : hardware(ram_bytes, cores, disk_bytes) {
  for (std::uint32_t i = 0; i < seats_.size(); ++i) {
    seats_[i].machine = this;
    seats_[i].core = i;
  }
  hardware.hold_block_requests = true;
  hardware.on_wait = [](hal::SimulatedMachine& h) { pause_here(h, Standing::waiting); };
  hardware.on_relax = [](hal::SimulatedMachine& h) { pause_here(h, Standing::spinning); };
}

void Machine::pause_here(hal::SimulatedMachine& hardware, Standing standing) {
  Seat& seat = running_->seats_[hardware.current_core];
  seat.standing = standing;
  seat.fiber.pause();
  seat.standing = Standing::kernel;
}

void Machine::power_on(std::span<const std::byte> package, std::span<const std::byte, 32> device_key) {
  running_ = this;
  hal::Port::use(hardware);
  // What a reset does to the kernel's globals.
  std::destroy_at(&kernel::the_state);
  new (&kernel::the_state) kernel::Locked<kernel::State>{};
  std::destroy_at(&kernel::the_log);
  new (&kernel::the_log) kernel::Log{};
  (void)advice::start({}, {}, {});  // without memory: whoever advised before is gone

  std::memset(hardware.ram.data(), 0xa5, hardware.ram.size());
  for (auto& core : hardware.cores) core = {};
  for (auto& device : hardware.devices) {
    const hal::DeviceDescription description = device.description;
    device = {};
    device.description = description;
  }
  hardware.current_core = 0;
  hardware.now = Nanoseconds{0};
  hardware.console.clear();
  hardware.console_input.clear();
  hardware.block = hal::BlockStatus::idle;
  hardware.request = {};
  hardware.secondary_cores_started = hardware.powered_off = false;

  std::memcpy(key_.data(), device_key.data(), key_.size());
  package_ = {PhysicalAddress{package_address}, pages_for(package.size()) * page_bytes};
  std::byte* const at = hal::Port::to_pointer(package_.base);
  std::memcpy(at, package.data(), package.size());
  const PhysicalAddress base{hal::SimulatedMachine::ram_base};
  const PhysicalAddress after = offset(package_.base, package_.bytes);
  ranges_ = {hal::MemoryRange{offset(base, page_bytes), package_.base.value - base.value - page_bytes},
             hal::MemoryRange{after, base.value + hardware.ram.size() - after.value}};
  boot_ = {.memory = ranges_,
           .boot_package = {at, package.size()},
           .device_key = &key_span_,
           .kernel_image = {},
           .relocations = {},
           .nonce = {},
           .device_memory = {}};
  for (Seat& seat : seats_) {
    seat.standing = Standing::off;
    seat.context = nullptr;
    seat.fiber.start(&Machine::body, &seat);
  }
}

void Machine::body(void* argument) {
  Seat& seat = *static_cast<Seat*>(argument);
  seat.standing = Standing::kernel;
  hal::Context* next =
      seat.core == 0 ? &kernel::start(seat.machine->boot_) : &kernel::start_secondary(CoreIndex{seat.core});
  for (;;) {
    seat.context = next;
    seat.standing = Standing::agent;
    seat.fiber.pause();
    seat.standing = Standing::kernel;
    switch (seat.entry) {
      case Entry::hypercall:
        next = &kernel::on_hypercall(*next);
        break;
      case Entry::fault:
        next = &kernel::on_fault(*next, seat.fault);
        break;
      case Entry::interrupt:
        next = &kernel::on_interrupt(*next);
        break;
      case Entry::none:
        break;
    }
  }
}

void Machine::resume(std::uint32_t core) {
  hardware.current_core = core;
  seats_[core].fiber.resume();
}

void Machine::enter(std::uint32_t core, Entry entry) {
  seats_[core].entry = entry;
  resume(core);
}

void Machine::hypercall(std::uint32_t core) {
  context(core).pc += 4;  // HVC reports the instruction after it
  enter(core, Entry::hypercall);
}

void Machine::fault(std::uint32_t core, const hal::Fault& fault) {
  seats_[core].fault = fault;
  enter(core, Entry::fault);
}

void Machine::interrupt(std::uint32_t core) { enter(core, Entry::interrupt); }

kernel::State& Machine::state() const { return *kernel::Guard{kernel::the_state}; }

}  // namespace rvm::sim
