// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/hal/port.hpp"

#include <cstring>

namespace rvm::hal {

static_assert(Machine<Port, Context>);

SimulatedMachine::SimulatedMachine(std::size_t ram_bytes, std::uint32_t core_count, std::size_t disk_bytes)
    : ram_storage(static_cast<std::byte*>(std::aligned_alloc(std::size_t{2} << 20, ram_bytes))),
      ram(ram_storage.get(), ram_bytes),
      cores(core_count),
      disk(disk_bytes) {
  // A pattern, so that a page which is handed out unscrubbed shows.
  std::memset(ram.data(), 0xa5, ram.size());
}

void Port::wait_for_interrupt() {
  SimulatedMachine::Core& c = core();
  if (c.reschedule || machine_->block == BlockStatus::done || machine_->block == BlockStatus::failed) return;
  if (c.timer == never || machine_->powered_off) throw MachineStopped{};
  if (machine_->now < c.timer) machine_->now = c.timer;
}

InterruptEvent Port::acknowledge_interrupt() {
  SimulatedMachine::Core& c = core();
  if (c.reschedule) {
    c.reschedule = false;
    return {Interrupt::reschedule, 0};
  }
  if (c.timer <= machine_->now) {
    c.timer = never;
    return {Interrupt::timer, 0};
  }
  return {};
}

void Port::zero_page(PhysicalAddress page) { std::memset(to_pointer(page), 0, page_bytes); }

void Port::switch_context(Context* from, Context& to, StageTwoRoot root) {
  SimulatedMachine::Core& c = core();
  if (from != nullptr) from->system_registers = c.registers;
  c.registers = to.system_registers;
  c.loaded = &to;
  c.root = root;
}

void Port::deactivate(Context* from) {
  SimulatedMachine::Core& c = core();
  if (from != nullptr) from->system_registers = c.registers;
  c.loaded = nullptr;
  c.root = {};
}

void Port::block_submit_read(std::uint64_t sector, PhysicalAddress to, std::size_t bytes) {
  if (sector * 512 + bytes > machine_->disk.size()) {
    machine_->block = BlockStatus::failed;
    return;
  }
  std::memcpy(to_pointer(to), machine_->disk.data() + sector * 512, bytes);
  machine_->block = BlockStatus::done;
}

void Port::block_submit_write(std::uint64_t sector, PhysicalAddress from, std::size_t bytes) {
  if (sector * 512 + bytes > machine_->disk.size()) {
    machine_->block = BlockStatus::failed;
    return;
  }
  std::memcpy(machine_->disk.data() + sector * 512, to_pointer(from), bytes);
  machine_->block = BlockStatus::done;
}

BlockStatus Port::block_poll() {
  const BlockStatus status = machine_->block;
  if (status == BlockStatus::done || status == BlockStatus::failed) machine_->block = BlockStatus::idle;
  return status;
}

int Port::console_read() {
  if (machine_->console_input.empty()) return -1;
  const auto byte = static_cast<unsigned char>(machine_->console_input.front());
  machine_->console_input.erase(0, 1);
  return byte;
}

}  // namespace rvm::hal
