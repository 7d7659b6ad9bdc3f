// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Devices on lease: what they do by themselves, what agents ask of them, and what must hold at any time.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "simulation.hpp"

namespace rvm::sim {
namespace {

constexpr std::uint64_t clock_registers = 0x0901'0000;

/// A word that agents know, and the beginning of an rvm_evidence that shows it.
constexpr std::array<std::uint64_t, 2> secret{0x5eed'5eed'5eed'5eed, 0x0123'4567'89ab'cdef};
constexpr std::array<std::uint64_t, 3> evidence_words{RVM_EVIDENCE_PREIMAGE | sizeof secret << 32, secret[0],
                                                      secret[1]};

}  // namespace

std::vector<hal::SimulatedMachine::Device> Simulation::make_devices() {
  std::vector<hal::SimulatedMachine::Device> devices(3);
  devices[0].description = {RVM_DEVICE_CLOCK, {PhysicalAddress{clock_registers}, page_bytes}, false};
  devices[1].description = {RVM_DEVICE_BLOCK, {PhysicalAddress{0x0a00'0200}, 512}, true};
  devices[2].description = {RVM_DEVICE_ENTROPY, {PhysicalAddress{0x0a00'0400}, 512}, true};
  return devices;
}

std::span<kernel::Device> Simulation::devices() const { return std::span{state_->devices}.first(state_->device_count); }

bool Simulation::is_dma(const SeenCapability& c) {
  return c.object.id - 1 < devices().size() &&
         machine_.hardware.devices[devices()[c.object.id - 1].port].description.dma;
}

kernel::Device* Simulation::held_by(const Agent& agent) const {
  const auto all = devices();
  const auto found = std::ranges::find(all, &agent, &kernel::Device::holder);
  return found != all.end() ? &*found : nullptr;
}

/// A device raises its interrupt, or does what it was asked. It writes only while the holder is in no hypercall, whose
/// message might lie there.
void Simulation::let_device_act(Random& random) {
  auto& hardware = machine_.hardware;
  const auto all = devices();
  if (all.empty()) return;
  std::size_t at = random.below(static_cast<std::uint32_t>(all.size()));
  // One that was asked something comes first.
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& requests = hardware.devices[all[i].port].requests;
    if (std::ranges::any_of(requests, [](const auto& r) { return !r.empty(); }) && !random.one_in(4)) at = i;
  }
  const kernel::Device& device = all[at];
  auto& machine = hardware.devices[device.port];
  // Now and then one does not begin, for a while, or does not end, until the power is cut.
  machine.refuses = random.one_in(machine.refuses ? 2 : 50);
  machine.stuck |= random.one_in(1500);
  if (!machine.description.dma) {
    machine.asserted = true;
    machine.core = random.below(machine_.core_count());
    note("the clock wants attention");
    return;
  }
  if (device.holder == nullptr || view(*device.holder).attempt.active) return;
  const auto first = random.below(static_cast<std::uint32_t>(std::max<std::size_t>(machine.requests.size(), 1)));
  for (std::size_t i = 0; i < machine.requests.size(); ++i) {
    const auto number = static_cast<std::uint16_t>((first + i) % machine.requests.size());
    if (machine.requests[number].empty() || std::ranges::find(machine.done, number) != machine.done.end()) continue;
    for (const hal::DeviceBuffer& buffer : machine.requests[number]) {
      const auto owner = state_->pages.owner_of(page_of(buffer.address));
      require(!buffer.device_writes || (owner && *owner == kernel::page_owner(*device.holder)), "dma",
              "a device writes to memory that its holder does not own");
    }
    const std::vector<hal::DeviceBuffer> buffers = machine.requests[number];
    hardware.finish_device_request(device.port, number, static_cast<std::byte>(random.below(256)),
                                   random.below(machine_.core_count()));
    for (const hal::DeviceBuffer& buffer : buffers) {
      if (buffer.device_writes) note_device_wrote(*device.holder, buffer.address, buffer.bytes);
    }
    note("a device is done with a request");
    return;
  }
}

void Simulation::choose_device_arguments(const Agent& agent, std::uint64_t operation, hal::Context& registers,
                                         Random& random) {
  const auto set = [&](unsigned i, std::uint64_t value) { registers.reg(i) = value; };
  const auto held = [&](const SeenCapability& c) {
    return c.object.id - 1 < devices().size() && devices()[c.object.id - 1].holder == &agent;
  };
  const rvm_agent_info& info = *agent.information;
  switch (operation) {
    case RVM_HVC_LEASE_GRANT: {
      const auto c = named(agent, registers.reg(1));
      const bool queues = c && c->object.type == ObjectType::device && is_dma(*c);
      set(2, random.pick({1, 2, 3, 10, 30, 100, RVM_LEASE_EPOCHS_MAX, 0, RVM_LEASE_EPOCHS_MAX + 1}));
      set(3, queues ? 0 : info.map_base + random.below(24) * 8 * page_bytes);
      if (random.one_in(12)) set(3, own_address(agent, random));
      set(4, random.pick({0, 5, 63, 64, 64, random.below(66)}));
      set(7, random.one_in(12) ? own_address(agent, random) : info.heap_base + 8 * random.below(400));
      return;
    }
    case RVM_HVC_LEASE_RENEW:
    case RVM_HVC_LEASE_RELEASE:
    case RVM_HVC_LEASE_INFO:
    case RVM_HVC_DEVICE_ACKNOWLEDGE:
    case RVM_HVC_DEVICE_CONFIGURATION:
    case RVM_HVC_DEVICE_SUBMIT:
    case RVM_HVC_DEVICE_COMPLETE:
      break;
    default:
      return;
  }
  if (!random.one_in(16)) {
    if (const auto handle = handle_for(agent, ObjectType::device, RVM_RIGHT_READ | RVM_RIGHT_WRITE, random, held);
        handle != 0)
      set(1, handle);
  }
  if (operation == RVM_HVC_LEASE_RENEW) set(2, random.pick({1, 2, 4, 8, 40, 0, RVM_LEASE_EPOCHS_MAX + 1}));
  if (operation == RVM_HVC_DEVICE_CONFIGURATION) set(2, random.pick({0, 4, 8, 0xfc, 0x100, 3}));
  if (operation == RVM_HVC_DEVICE_SUBMIT || operation == RVM_HVC_DEVICE_COMPLETE)
    set(2, random.one_in(8) ? random.pick({1, RVM_DEVICE_QUEUES}) : 0);
  if (operation == RVM_HVC_DEVICE_SUBMIT) {
    set(3, random.one_in(10) ? own_address(agent, random) : info.heap_base + random.below(32) * 16);
    set(4, random.pick({1, 1, 1, 2, 3, RVM_DEVICE_BUFFERS_MAX, 0, RVM_DEVICE_BUFFERS_MAX + 1}));
  }
}

/// What agents that are not trusted must know to lease this device.
void Simulation::want_evidence(rvm_package_device& device) {
  const crypto::Digest digest = crypto::sha256(std::as_bytes(std::span{secret}));
  device.evidence = RVM_EVIDENCE_PREIMAGE;
  std::memcpy(device.evidence_value, digest.data(), digest.size());
}

/// Evidence, mostly good.
void Simulation::write_evidence(std::uint32_t core, std::uint64_t at, Random& random) {
  std::array<std::uint64_t, 3> words = evidence_words;
  if (random.one_in(4)) words[random.below(3)] ^= std::uint64_t{1} << random.below(64);
  for (std::uint64_t i = 0; i < words.size() && at % 8 == 0; ++i) {
    if (!store(core, at + 8 * i, words[i])) return;
  }
}

/// Whether good evidence lies there now, as far as the running agent can read it.
bool Simulation::shows_evidence(std::uint32_t core, std::uint64_t at) {
  std::array<std::uint64_t, 3> words{};
  for (std::uint64_t i = 0; i < sizeof words; ++i) {
    const std::byte* const from = machine_.hardware.access(core, GuestAddress{at + i}, Access::read);
    if (from == nullptr) return false;
    std::memcpy(reinterpret_cast<std::byte*>(words.data()) + i, from, 1);
  }
  return words == evidence_words;
}

/// The list that DEVICE_SUBMIT names: mostly good buffers, sometimes such as must be refused.
void Simulation::write_buffer_list(std::uint32_t core, const Agent& agent, std::uint64_t at, Random& random) {
  const rvm_agent_info& info = *agent.information;
  for (std::uint64_t i = 0; i < RVM_DEVICE_BUFFERS_MAX; ++i) {
    rvm_device_buffer buffer{info.heap_base + random.below(static_cast<std::uint32_t>(info.heap_size / 8 - 8)) * 8,
                             1u << random.below(6), random.below(2)};
    if (random.one_in(20)) buffer.address = own_address(agent, random);
    if (random.one_in(6))
      buffer.address = view(agent).last_mapped[random.below(2)];  // a region, or a device's registers
    if (random.one_in(40)) buffer.address = hostile_value(agent, random);
    if (random.one_in(40)) buffer.bytes = static_cast<std::uint32_t>(random.pick({0, 512, 4096, 4097, UINT32_MAX}));
    if (random.one_in(40)) buffer.flags = 2 + random.below(1000);
    for (std::uint64_t half = 0; half < sizeof buffer && at % 8 == 0; half += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, reinterpret_cast<const std::byte*>(&buffer) + half, sizeof word);
      if (!store(core, at + i * sizeof buffer + half, word)) return;
    }
  }
}

void Simulation::judge_device_success(Agent& agent, const Attempt& attempt) {
  hal::Context& registers = *agent.context;
  switch (attempt.operation) {
    case RVM_HVC_LEASE_GRANT: {
      const kernel::Device& device = devices()[attempt.object->object.id - 1];
      const bool dma = machine_.hardware.devices[device.port].description.dma;
      require(!dma || agent.partition->type != RVM_PARTITION_AGENT, "lease",
              "a device with DMA was given to a partition that is not trusted");
      require(registers.reg(1) > machine_.hardware.now.value &&
                  registers.reg(1) <= machine_.hardware.now.value + attempt.x[2] * state_->epoch_length.value,
              "lease", "a lease is longer than was asked for");
      AgentView& v = view(agent);
      if (!dma) v.last_mapped[attempt.first_record % 2] = attempt.x[3];
      full_scan_due_ |= attempt.first_record % 4 == 0;
      break;
    }
    case RVM_HVC_DEVICE_SUBMIT: {
      std::uint64_t bytes = 0;
      for (std::uint64_t i = 0; i < attempt.x[4]; ++i) {
        rvm_device_buffer buffer{};
        for (std::uint64_t half = 0; half < sizeof buffer; half += 8) {
          const std::uint64_t at = attempt.x[3] + i * sizeof buffer + half;
          const auto found = machine_.hardware.walk({agent.partition->space.root(), 0}, GuestAddress{at});
          require(found && found->frame << page_shift >= hal::SimulatedMachine::ram_base, "copy",
                  "DEVICE_SUBMIT read what the caller cannot read");
          std::memcpy(reinterpret_cast<std::byte*>(&buffer) + half,
                      machine_.hardware.ram.data() + ((found->frame << page_shift) - hal::SimulatedMachine::ram_base) +
                          at % page_bytes,
                      8);
        }
        const auto memory = machine_.hardware.walk({agent.partition->space.root(), 0}, GuestAddress{buffer.address});
        require(buffer.address >= agent.slot.value && buffer.address < agent.map_base.value && buffer.bytes != 0 &&
                    buffer.bytes <= page_bytes && buffer.address % page_bytes + buffer.bytes <= page_bytes,
                "dma", "a device was told to reach beyond its holder's arena");
        require(
            memory && allows(memory->access, buffer.flags == RVM_BUFFER_DEVICE_WRITES ? Access::write : Access::read),
            "dma", "a device was told to reach what its holder may not");
        bytes += buffer.bytes;
      }
      require(attempt.held, "lease", "a request was taken from somebody without a lease");
      const kernel::Device& device = devices()[attempt.object->object.id - 1];
      std::uint64_t& spent = dma_in_epoch_[attempt.object->object.id - 1];
      spent += bytes;
      require(bytes <= attempt.dma_left && spent <= device.dma_per_epoch, "dma-budget",
              "a device moves more than it may in an epoch");
      break;
    }
    case RVM_HVC_LEASE_RENEW:
    case RVM_HVC_LEASE_RELEASE:
    case RVM_HVC_DEVICE_ACKNOWLEDGE:
    case RVM_HVC_DEVICE_CONFIGURATION:
    case RVM_HVC_DEVICE_COMPLETE:
      require(attempt.held, "lease", [&] {
        return std::string{operation_name(attempt.operation)} + " succeeded without a lease, or after its end";
      });
      full_scan_due_ |= attempt.operation == RVM_HVC_LEASE_RELEASE && attempt.first_record % 4 == 0;
      break;
    default:
      break;
  }
}

/// A device has one holder or none; without one it is at rest.
void Simulation::check_devices() {
  const bool epoch_ended = state_->epoch != epoch_seen_;
  epoch_seen_ = state_->epoch;
  if (epoch_ended) dma_in_epoch_ = {};
  for (const kernel::Device& d : devices()) {
    const auto& machine = machine_.hardware.devices[d.port];
    require(machine.description.kind == d.kind, "lease", "a device is not the one that the package names");
    require(d.dma_left <= d.dma_per_epoch, "dma-budget", "more is left of a budget than there ever was");
    if (d.broken) {
      require(machine.stuck && d.holder == nullptr && !machine.permitted, "lease",
              "a device that does not stop is held, or may interrupt");
      continue;
    }
    if (d.holder == nullptr) {
      require(!machine.running && machine.requests.empty(), "lease", "a device that nobody holds reaches memory");
      require(!machine.permitted, "lease", "a device that nobody holds may interrupt");
      require(d.mapped_at.value == 0 && d.queues.value == 0, "lease", "a device that nobody holds has something left");
      continue;
    }
    const Agent* const holder = state_->agents.find(d.holder->id);
    require(holder == d.holder, "lease", "a device is held by an agent that is gone");
    require(holder->state != kernel::AgentState::terminated, "lease", "a device is held by an agent that has ended");
    require(machine.running == machine.description.dma && (d.queues.value != 0) == machine.description.dma &&
                (d.mapped_at.value != 0) != machine.description.dma,
            "lease", "a leased device is neither mapped nor does it have queues, or both");
    const cap::Capability* const by = state_->capabilities.find(d.by);
    require(by != nullptr && by->live() && by->type() == ObjectType::device &&
                by->object_id() == kernel::id_of(*state_, d) && d.by.agent == kernel::table_of(*holder),
            "lease", "a device is held without the capability through which it was leased");
    // Where the log has no room for the record it ends with a later epoch.
    require(
        !epoch_ended || d.expiry > machine_.hardware.now || kernel::log().ring.free_slots(witness::Lane::reserved) == 0,
        "lease", "a lease outlives its last epoch");
  }
}

/// A page beyond memory is mapped at `guest`: the registers of a device, for its holder, where the lease says, as device
/// memory (Arm ARM D8.5.5: MemAttr 0b0001 is Device-nGnRE), never executable.
void Simulation::check_device_mapping(const Partition& p, std::uint64_t guest, std::uint64_t frame, Access access,
                                      std::uint64_t descriptor) const {
  for (const kernel::Device& d : devices()) {
    if (machine_.hardware.devices[d.port].description.registers.base.value != frame) continue;
    require(d.holder != nullptr && d.holder->partition == &p && d.mapped_at.value == guest, "lease",
            "a device's registers are mapped for somebody who does not hold it");
    require(guest >= d.holder->map_base.value && guest < d.holder->slot.value + machine_.hardware.geometry.slot_bytes,
            "lease", "a device's registers are mapped outside of its holder's slot");
    require((descriptor >> 2 & 0xf) == 1 && access == Access::read_write, "lease",
            "a device's registers are mapped as ordinary memory");
    return;
  }
  broken("isolation", "a translation leads outside of memory");
}

}  // namespace rvm::sim
