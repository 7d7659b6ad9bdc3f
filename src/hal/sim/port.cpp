// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/hal/port.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

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
  if (machine_->on_wait != nullptr) {
    machine_->on_wait(*machine_);
    return;
  }
  SimulatedMachine::Core& c = core();
  if (c.reschedule || machine_->block == BlockStatus::done || machine_->block == BlockStatus::failed) return;
  if (c.timer == never || machine_->powered_off) throw MachineStopped{};
  if (machine_->now < c.timer) machine_->now = c.timer;
}

InterruptEvent Port::acknowledge_interrupt() {
  SimulatedMachine::Core& c = core();
  if (c.reschedule) {
    c.reschedule = false;
    return {.kind = Interrupt::reschedule};
  }
  if (c.timer <= machine_->now) {
    c.timer = never;
    return {.kind = Interrupt::timer};
  }
  if (c.device) {
    c.device = false;
    return {.kind = Interrupt::device};
  }
  for (std::uint32_t i = 0; i < machine_->devices.size(); ++i) {
    SimulatedMachine::Device& device = machine_->devices[i];
    if (!device.asserted || !device.permitted || device.core != machine_->current_core) continue;
    device.asserted = device.permitted = false;
    return {Interrupt::device, i};
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

void Port::submit(const SimulatedMachine::BlockRequest& request) {
  SimulatedMachine& m = *machine_;
  if (request.position + request.bytes > m.disk.size()) {
    m.block = BlockStatus::failed;
    return;
  }
  m.request = request;
  m.block = BlockStatus::busy;
  if (m.hold_block_requests) return;
  m.finish_block_request(true, [](std::uint64_t) { return true; });
  m.unflushed.clear();
}

void Port::block_submit_read(std::uint64_t sector, PhysicalAddress to, std::size_t bytes) {
  submit({SimulatedMachine::BlockOperation::read, sector * 512, to, bytes});
}

void Port::block_submit_write(std::uint64_t sector, PhysicalAddress from, std::size_t bytes) {
  submit({SimulatedMachine::BlockOperation::write, sector * 512, from, bytes});
}

void Port::block_submit_flush() { submit({SimulatedMachine::BlockOperation::flush, 0, {}, 0}); }

void SimulatedMachine::write_sector(std::uint64_t index) {
  const std::uint64_t position = request.position + index * 512;
  std::byte* const at = disk.data() + position;
  UnflushedSector& undo = unflushed.emplace_back();
  undo.position = position;
  std::memcpy(undo.before.data(), at, undo.before.size());
  std::memcpy(at, ram.data() + (request.memory.value - ram_base) + index * 512, 512);
}

BlockStatus Port::block_poll() {
  const BlockStatus status = machine_->block;
  if (status == BlockStatus::done || status == BlockStatus::failed) machine_->block = BlockStatus::idle;
  return status;
}

std::span<const DeviceDescription> Port::devices() {
  descriptions_.clear();
  for (const SimulatedMachine::Device& d : machine_->devices) descriptions_.push_back(d.description);
  return descriptions_;
}

bool Port::begin_device(std::uint32_t device, PhysicalAddress queues) {
  SimulatedMachine::Device& d = machine_->devices[device];
  d.queues = queues;
  if (d.refuses) return false;
  d.running = true;
  d.requests.assign(8, {});
  d.done.clear();
  return true;
}

bool Port::end_device(std::uint32_t device) {
  SimulatedMachine::Device& d = machine_->devices[device];
  d.asserted = false;
  if (d.stuck) return false;
  d.running = false;
  d.requests.clear();
  d.done.clear();
  return true;
}

Result<std::uint16_t> Port::device_submit(std::uint32_t device, std::uint32_t queue,
                                          std::span<const DeviceBuffer> buffers) {
  SimulatedMachine::Device& d = machine_->devices[device];
  if (!d.running || queue != 0) return fail(Error::would_block);
  const auto free = std::ranges::find_if(d.requests, &std::vector<DeviceBuffer>::empty);
  if (free == d.requests.end()) return fail(Error::would_block);
  free->assign(buffers.begin(), buffers.end());
  return static_cast<std::uint16_t>(free - d.requests.begin());
}

DeviceCompletion Port::device_complete(std::uint32_t device, std::uint32_t) {
  SimulatedMachine::Device& d = machine_->devices[device];
  if (d.done.empty()) return {DeviceCompletion::Status::none, 0, 0};
  const std::uint16_t request = d.done.front();
  d.done.erase(d.done.begin());
  std::uint32_t written = 0;
  for (const DeviceBuffer& b : d.requests[request]) written += b.device_writes ? b.bytes : 0;
  d.requests[request].clear();
  return {DeviceCompletion::Status::done, request, written};
}

void SimulatedMachine::finish_device_request(std::uint32_t device, std::uint16_t number, std::byte fill,
                                             std::uint32_t core) {
  Device& d = devices[device];
  if (!d.running || d.requests.size() <= number || d.requests[number].empty()) return;
  for (const DeviceBuffer& b : d.requests[number]) {
    if (b.device_writes) std::memset(ram.data() + (b.address.value - ram_base), std::to_integer<int>(fill), b.bytes);
  }
  d.done.push_back(number);
  d.asserted = true;
  d.core = core;
}

bool SimulatedMachine::device_pending(std::uint32_t core) const {
  return std::ranges::any_of(devices, [&](const Device& d) { return d.asserted && d.permitted && d.core == core; });
}

int Port::console_read() {
  if (machine_->console_input.empty()) return -1;
  const auto byte = static_cast<unsigned char>(machine_->console_input.front());
  machine_->console_input.erase(0, 1);
  return byte;
}

void Port::invalidate_page(StageTwoRoot root, GuestAddress guest) {
  ++machine_->page_invalidations;
  machine_->forget([&](const SimulatedMachine::CachedTranslation& entry) {
    return entry.vmid == root.vmid && entry.page == (guest.value >> page_shift) + 1;
  });
}

void Port::invalidate_vmid(StageTwoRoot root) {
  ++machine_->vmid_invalidations;
  machine_->forget([&](const SimulatedMachine::CachedTranslation& entry) { return entry.vmid == root.vmid; });
}

void Port::invalidate_all() {
  ++machine_->full_invalidations;
  machine_->forget([](const SimulatedMachine::CachedTranslation&) { return true; });
}

// The table walk of Arm ARM D8.2 for 4 KiB pages, written from the format alone: it shares nothing with the code that fills
// the tables.
std::optional<SimulatedMachine::CachedTranslation> SimulatedMachine::walk(StageTwoRoot root, GuestAddress guest) const {
  if (root.table.value == 0 || guest.value >> geometry.address_bits != 0) return std::nullopt;
  std::uint64_t table = root.table.value;
  for (unsigned level = geometry.start_level;; ++level) {
    const unsigned shift = 39 - 9 * level;
    // The root may be several tables in a row, whose index is then wider.
    const std::uint64_t index =
        level == geometry.start_level ? guest.value >> shift : guest.value >> shift & std::uint64_t{511};
    std::uint64_t entry = 0;
    std::memcpy(&entry, ram.data() + (table - ram_base) + index * 8, sizeof entry);
    if ((entry & 1) == 0) return std::nullopt;
    const std::uint64_t output = entry & 0x0000'ffff'ffff'f000;
    if (level < 3 && (entry & 2) != 0) {
      table = output;
      continue;
    }
    const std::uint64_t within = guest.value & ((std::uint64_t{1} << shift) - 1);
    const auto access = static_cast<Access>((entry >> 6 & 3) | ((entry >> 54 & 1) == 0 ? 4u : 0u));
    return CachedTranslation{(guest.value >> page_shift) + 1, (output + within) >> page_shift, root.vmid, access};
  }
}

std::byte* SimulatedMachine::access(std::uint32_t core, GuestAddress guest, Access kind) {
  Core& c = cores[core];
  const std::uint64_t page = (guest.value >> page_shift) + 1;
  CachedTranslation& entry = c.tlb[page % cached_translations];
  if (entry.page != page || entry.vmid != c.root.vmid) {
    const auto found = walk(c.root, guest);
    if (!found) return nullptr;
    entry = *found;
  }
  if (!allows(entry.access, kind)) return nullptr;
  if (entry.frame << page_shift < ram_base) return device_registers.data() + guest.value % page_bytes;
  return ram.data() + ((entry.frame << page_shift) - ram_base) + guest.value % page_bytes;
}

std::optional<std::size_t> Port::TrustedEnvironment::quote(const ReportData& data,
                                                           std::span<std::byte, quote_bytes_max> to) {
  const std::vector<std::byte> quote = machine_->trusted_environment.quote(data);
  if (quote.empty() || quote.size() > to.size()) return std::nullopt;
  std::ranges::copy(quote, to.begin());
  return quote.size();
}

}  // namespace rvm::hal
