// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The seven boot phases, in strict order; each extends the measurement and leaves a BootAttestation record.
#include <algorithm>
#include <bit>
#include <cstring>

#include "agents.hpp"
#include "balance.hpp"
#include "boundaries.hpp"
#include "capabilities.hpp"
#include "deferred_proofs.hpp"
#include "evidence.hpp"
#include "leases.hpp"
#include "objects.hpp"
#include "rvm/crypto/hmac.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/hal/entry.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "scheduler.hpp"
#include "text.hpp"
#include "worker.hpp"

namespace rvm::kernel {
namespace {

using boot::Phase;

/// Boot cannot go on. Says why and what to do, and stops the machine.
[[noreturn]] void refuse(std::string_view why, std::string_view cure) {
  Line{}.text("rvm: cannot start: ").text(why).text(". ").text(cure).print();
  Line line;
  line.text("rvm# {\"t\":\"refused\"").key("reason").text("\"").text(why).text("\"}").print();
  hal::Port::power_off();
  for (;;) hal::Port::wait_for_interrupt();
}

/// Boot memory, taken from the end of the largest range before the page allocator gets the rest.
class EarlyMemory {
 public:
  explicit EarlyMemory(std::span<const hal::MemoryRange> ranges) : count_(std::min(ranges.size(), ranges_.size())) {
    std::copy_n(ranges.begin(), count_, ranges_.begin());
    for (std::size_t i = 0; i < count_; ++i) {
      ranges_[i].bytes =
          (ranges_[i].base.value + ranges_[i].bytes & ~std::uint64_t{page_bytes - 1}) - ranges_[i].base.value;
      total_ += ranges_[i].bytes;
      if (ranges_[i].bytes > ranges_[largest_].bytes) largest_ = i;
    }
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::span<const hal::MemoryRange> rest() const { return std::span{ranges_}.first(count_); }

  /// Whole pages; zeroed on request.
  template <typename T>
  [[nodiscard]] std::span<T> take(std::size_t elements, bool zero = true) {
    const std::uint64_t bytes = pages_for(elements * sizeof(T)) * page_bytes;
    hal::MemoryRange& range = ranges_[largest_];
    if (bytes > range.bytes)
      refuse("there is too little memory for the kernel's tables", "Give the machine at least 64 MiB (--memory)");
    range.bytes -= bytes;
    const PhysicalAddress at = offset(range.base, range.bytes);
    for (std::uint64_t done = 0; zero && done < bytes; done += page_bytes) hal::Port::zero_page(offset(at, done));
    return {reinterpret_cast<T*>(hal::Port::to_pointer(at)),
            elements};  // page-aligned, zeroed: valid for the kernel's tables
  }

 private:
  std::array<hal::MemoryRange, 16> ranges_{};
  std::size_t count_;
  std::size_t largest_ = 0;
  std::uint64_t total_ = 0;
};

/// HalInit loads the kernel as it is in the image file: relocated words are zero there, and nothing has written to its data yet.
void measure_kernel(const hal::BootInformation& boot, boot::Measurement& measurement) {
  const hal::VectorScope vectors;
  const std::byte* const base = boot.kernel_image.data();
  std::size_t at = 0;
  for (const hal::Relocation& r : boot.relocations) {
    if (r.offset < at || r.offset + 8 > boot.kernel_image.size()) break;
    std::uint64_t word = 0;
    std::memcpy(&word, base + r.offset, sizeof word);
    word -= reinterpret_cast<std::uintptr_t>(base) + r.addend;
    const auto offset_in_image = static_cast<std::size_t>(r.offset);
    measurement.load(boot.kernel_image.first(offset_in_image).subspan(at));
    measurement.load(crypto::bytes_of(word));
    at = offset_in_image + sizeof word;
  }
  measurement.load(boot.kernel_image.subspan(at));
  // MemoryInit, CapabilityInit and WitnessInit load nothing; that they come in this order counts.
  for (int phases = 0; phases < 4; ++phases) measurement.end_phase();
}

void measure_package(const boot::Package& package, boot::Measurement& measurement) {
  const hal::VectorScope vectors;
  measurement.load_settings(package);
  measurement.end_phase();
  measurement.load_manifest(package);
  measurement.end_phase();
  measurement.load_programs(package);
  measurement.end_phase();
}

void attest(State& s, const boot::Measurement& measurement, Phase phase, std::uint32_t flags,
            std::uint64_t wall_clock_ns) {
  if (!record(s, witness::Lane::reserved,
              {.kind = witness::Kind::boot_attestation,
               .flags = static_cast<std::uint16_t>(static_cast<unsigned>(phase) | flags << 8),
               .target = hal::Port::core_count(),
               .payload = witness::first_eight(measurement.value(phase)),
               .aux = wall_clock_ns})) {
    refuse("a boot phase could not be witnessed", "The log has no room: use a larger or a new volume");
  }
}

void build_tables(State& s, EarlyMemory& memory) {
  s.capacity = Capacity::for_machine(
      memory.total(), (std::uint64_t{1} << hal::Port::geometry().address_bits) / hal::Port::geometry().slot_bytes);
  s.partitions.use(memory.take<Partition>(s.capacity.partitions));
  s.agents.use(memory.take<Agent>(s.capacity.agents));
  s.capabilities.use(memory.take<cap::CapabilityTable>(s.capacity.agents));
  s.edges.use(memory.take<Edge>(s.capacity.edges));
  s.regions.use(memory.take<RegionObject>(s.capacity.regions));
  for (std::uint32_t i = 0; i < maximum_cores; ++i) {
    Core& core = s.cores[i];
    core.index = CoreIndex{i};
    core.ready = memory.take<sched::RunQueue<>>(1).data();
    core.ready->clear();
    core.sleepers.use(memory.take<sched::NodeIndex>(s.capacity.agents, false));
  }
}

/// Reads, authenticates and checks the boot package.
boot::Package open_package(const hal::BootInformation& boot, std::span<const std::byte, 32> device_key) {
  constexpr std::string_view cure = "Build a new one with `rvm run`, under this machine's device key";
  if (boot.boot_package.empty()) refuse("there is no boot package", "Pass one as the initial ramdisk; `rvm run` does");
  if (!page_aligned(hal::Port::to_physical(boot.boot_package.data())))
    refuse("the boot package is not page-aligned", "Load it at a multiple of 4096");
  const auto package = boot::Package::parse(boot.boot_package, {.partitions = maximum_partitions - 1,
                                                                .agents = maximum_agents - 1,
                                                                .edges = maximum_edges - 1,
                                                                .slot_bytes = hal::Port::geometry().slot_bytes});
  if (!package) {
    Line{}.text("rvm: boot package: ").text(package.error()).print();
    refuse("the boot package is not valid", cure);
  }
  const hal::VectorScope vectors;
  std::array<std::byte, 32> key{};
  constexpr std::string_view info = RVM_PACKAGE_KEY_INFO;
  ensure(crypto::hkdf_sha256(device_key, {}, std::as_bytes(std::span{info}), key).has_value());
  rvm_package_header header = package->header();
  std::array<std::byte, 32> claimed{};
  std::memcpy(claimed.data(), header.authenticator, claimed.size());
  std::memset(header.authenticator, 0, sizeof header.authenticator);
  const crypto::Digest expected = crypto::HmacKey{key}.sign(crypto::bytes_of(header));
  crypto::wipe(key);
  if (!crypto::equal_constant_time(expected, claimed))
    refuse("the boot package is not signed under this device key", cure);
  const crypto::Digest digest = crypto::sha256(package->payload());
  if (std::memcmp(digest.data(), header.payload_digest, digest.size()) != 0)
    refuse("the boot package was changed after it was signed", cure);
  if ((header.flags & RVM_PACKAGE_DEVELOPMENT) == 0) {
    refuse("the device key is a development key (from fw_cfg) and the manifest does not allow one",
           "Set development = true in the manifest");
  }
  return *package;
}

void must(const Status& status, std::string_view what) {
  if (status) return;
  Line{}.text("rvm: ").text(what).text(": ").text(describe(status.error()).text).print();
  refuse("the manifest asks for more than this machine has", "Give it more memory, or ask for less");
}

/// A large manifest makes more records than the ring is prepared for so early. Nobody else seals yet.
void make_room_for_records() {
  constexpr std::size_t enough = 64;  // for one entry of the manifest
  witness::Ring& ring = log().ring;
  if (ring.free_slots(witness::Lane::ordinary) < enough) ring.prepare(witness::Ring::prepared_at_start);
}

void load_partitions(State& s) {
  for (const rvm_package_partition& entry : s.package.partitions()) {
    make_room_for_records();
    must(perform(s, security::Authority::hypervisor(), witness::Kind::partition_create,
                 [&](const security::Permit& permit) -> Result<security::Effect> {
                   auto p = create_partition(s, permit,
                                             {.name = entry.name,
                                              .type = static_cast<rvm_partition_type>(entry.type),
                                              .mode = static_cast<rvm_partition_mode>(entry.mode),
                                              .page_quota = entry.page_quota,
                                              .record_quota = entry.witness_quota,
                                              .live = (entry.flags & RVM_PARTITION_LIVE) != 0});
                   if (!p) return fail(p.error());
                   return security::Effect{(*p)->id.value, pair_word((*p)->record_quota, entry.page_quota),
                                           name_word(entry.name), static_cast<std::uint16_t>(entry.type)};
                 }),
         "a partition could not be created");
  }
}

/// At boot the pools are empty, so the n-th entry of a table becomes slot n + 1.
Partition& loaded_partition(State& s, std::uint32_t index) {
  return s.partitions.at(static_cast<std::uint16_t>(index + 1));
}
Agent& loaded_agent(State& s, std::uint32_t index) { return s.agents.at(static_cast<std::uint16_t>(index + 1)); }

/// What the operator and the control agent know each other by (rvm/boot_package.h).
void give_control_key(Agent& agent, std::span<const std::byte, 32> device_key, std::uint64_t wall_clock_ns) {
  const hal::VectorScope vectors;
  constexpr std::string_view info = RVM_CONTROL_KEY_INFO;
  ensure(crypto::hkdf_sha256(device_key, crypto::bytes_of(wall_clock_ns), std::as_bytes(std::span{info}),
                             std::as_writable_bytes(std::span{agent.information->control_key}))
             .has_value());
}

void load_agents(State& s, std::span<const std::byte, 32> device_key) {
  for (const rvm_package_agent& entry : s.package.agents()) {
    make_room_for_records();
    must(perform(s, security::Authority::hypervisor(), witness::Kind::task_spawn,
                 [&](const security::Permit& permit) -> Result<security::Effect> {
                   Partition& p = loaded_partition(s, entry.partition);
                   auto agent = spawn(s, permit,
                                      {.partition = p,
                                       .image = entry.image,
                                       .name = entry.name,
                                       .priority = entry.priority,
                                       .affinity = entry.affinity,
                                       .arguments = s.package.bytes().subspan(static_cast<std::size_t>(entry.arguments),
                                                                              entry.arguments_bytes),
                                       .service = (entry.flags & RVM_AGENT_SERVICE) != 0,
                                       .period = Nanoseconds{entry.period_ns},
                                       .budget = Nanoseconds{entry.budget_ns},
                                       .deadline = Nanoseconds{entry.deadline_ns}});
                   if (!agent) return fail(agent.error());
                   if ((entry.flags & RVM_AGENT_CONTROL) != 0)
                     give_control_key(**agent, device_key, s.package.header().wall_clock_ns);
                   return security::Effect{(*agent)->id.value, pair_word(p.id.value, entry.priority),
                                           name_word(entry.name), static_cast<std::uint16_t>(entry.image)};
                 }),
         "an agent could not be created");
  }
}

void give_named(State& s, Agent& agent, const char* name, ObjectType type, std::uint32_t object, Rights rights,
                std::uint64_t badge) {
  const auto placed = mint(s, security::Authority::hypervisor(), agent, type, object, rights, badge);
  must(placed ? Status{} : fail(placed.error()), "a capability could not be given");
  if (*name != '\0') add_to_directory(agent, name, placed->handle.to_abi(), type);
}

void load_links(State& s) {
  for (const rvm_package_edge& entry : s.package.edges()) {
    make_room_for_records();
    Agent& sender = loaded_agent(s, entry.sender);
    Agent& receiver = loaded_agent(s, entry.receiver);
    std::uint32_t id = 0;
    must(perform(s, security::Authority::hypervisor(), witness::Kind::comm_edge_create,
                 [&](const security::Permit& permit) -> Result<security::Effect> {
                   auto edge =
                       create_edge(s, permit, {sender, receiver, entry.queue_length, entry.badge, entry.notify_bit});
                   if (!edge) return fail(edge.error());
                   id = (*edge)->id.value;
                   return security::Effect{id, pair_word(sender.id.value, receiver.id.value), (*edge)->badge,
                                           static_cast<std::uint16_t>(entry.queue_length)};
                 }),
         "an edge could not be created");
    give_named(s, sender, entry.name, ObjectType::edge, id, rights::write, 0);
    give_named(s, receiver, entry.peer_name, ObjectType::edge, id, rights::read, 0);
  }
  for (const rvm_package_grant& entry : s.package.grants()) {
    make_room_for_records();
    std::uint32_t object = 0;
    if (entry.type == RVM_OBJECT_PARTITION) {
      object = entry.object == UINT32_MAX ? hypervisor_partition.value : loaded_partition(s, entry.object).id.value;
    } else if (entry.type == RVM_OBJECT_AGENT) {
      object = loaded_agent(s, entry.object).id.value;
    } else if (entry.type == RVM_OBJECT_DEVICE) {
      object = entry.object + 1;
    }
    give_named(s, loaded_agent(s, entry.agent), entry.name, static_cast<ObjectType>(entry.type), object,
               Rights{entry.rights}, entry.badge);
  }
}

void report_boot(State& s, const Log::Start& log_start, std::uint64_t memory_bytes) {
  const hal::TranslationGeometry& g = hal::Port::geometry();
  Line line;
  line.text("rvm# {\"t\":\"boot\"")
      .field("cpus", s.core_count)
      .field("memory", memory_bytes)
      .field("partitions", s.partitions.live())
      .field("agents", s.agents.live())
      .field("first_witness_ns", s.first_witness.value)
      .field("log_records", log_start.resume.next_sequence)
      .field("vmid_bits", g.vmid_bits)
      .field("ipa_bits", g.address_bits)
      .text("}")
      .print();
  line.text("rvm: up on ")
      .number(s.core_count)
      .text(s.core_count == 1 ? " core, " : " cores, ")
      .number(memory_bytes >> 20)
      .text(" MiB free at start; ")
      .number(s.partitions.live())
      .text(" partitions, ")
      .number(s.agents.live())
      .text(" agents; ");
  if (!log_start.has_volume) {
    line.text("no log volume: records stay in memory");
  } else if (log_start.resume.formatted) {
    line.text("a new log");
  } else {
    line.text("log continued after ")
        .number(log_start.resume.next_sequence)
        .text(log_start.resume.was_closed ? " records" : " records, last shutdown was not orderly");
  }
  line.print();
}

}  // namespace

constinit Locked<State> the_state;
constinit Log the_log;

hal::Context& start(const hal::BootInformation& boot) {
  // HalInit: the port is up. Measure the kernel itself, before anything changes its data.
  crypto::select_implementation();
  boot::Measurement measurement;
  measure_kernel(boot, measurement);
  Guard guard = the_state.acquire();
  State& s = *guard;

  // MemoryInit
  EarlyMemory memory{boot.memory};
  const std::uint64_t memory_bytes = memory.total();
  build_tables(s, memory);
  std::span<witness::Record> ring =
      memory.take<witness::Record>(s.capacity.ring_bytes / sizeof(witness::Record), false);
  std::span<std::byte> staging = memory.take<std::byte>(witness::staging_bytes);
  const std::span<std::byte> adviser = memory.take<std::byte>(adviser_bytes(s, boot.boot_package), false);
  if (!s.pages.init(memory.rest()))
    refuse("the memory map is not usable", "Give the machine at least 64 MiB (--memory)");

  // CapabilityInit: tables are opened with their agents. Then WitnessInit; from here on nothing goes unrecorded.
  if (boot.device_key == nullptr) {
    refuse("the platform supplies no device key", "Pass one as fw_cfg file opt/rvm/device-key; `rvm run` does");
  }
  const auto log_start = the_log.start(
      *boot.device_key, ring, staging,
      boot.boot_package.first(std::min<std::size_t>(boot.boot_package.size(), sizeof(rvm_package_header))));
  if (!log_start) refuse(log_start.error(), "Name another volume with --disk, or another key with --key");
  attest(s, measurement, Phase::hal_init, 0, 0);
  attest(s, measurement, Phase::memory_init, 0, 0);
  attest(s, measurement, Phase::capability_init, 0, 0);
  if (log_start->resume.recovered != 0 || log_start->resume.torn) {
    record(s, witness::Lane::reserved,
           {.kind = witness::Kind::recovery_enter,
            .flags = 4,
            .payload = log_start->resume.recovered,
            .aux = log_start->resume.torn ? 1u : 0u});
  }
  attest(s, measurement, Phase::witness_init, 0, 0);

  // SchedulerInit
  s.package = open_package(boot, *boot.device_key);
  measure_package(s.package, measurement);
  const rvm_package_header& header = s.package.header();
  if ((header.flags & RVM_PACKAGE_FORCE_VMID8) != 0) hal::Port::force_vmid8();
  s.vmids.init(hal::Port::geometry().vmid_bits, maximum_cores);
  s.epoch_length = Nanoseconds{std::uint64_t{header.epoch_us} * 1000};
  s.run_until = header.run_for_ns != 0 ? Nanoseconds{header.run_for_ns} : never;
  s.witness_each_message = (header.flags & RVM_PACKAGE_IPC_EACH) != 0;
  s.accept_shutdown_byte = (header.flags & RVM_PACKAGE_CONSOLE_SHUTDOWN) != 0;
  s.dump_at_shutdown = (header.flags & RVM_PACKAGE_DUMP_STATE) != 0;
  start_adviser(s, adviser);
  attest(s, measurement, Phase::scheduler_init, 0, 0);

  // RootPartition: the control partition first, then everything else in the package.
  attest(s, measurement, Phase::root_partition, header.flags, header.wall_clock_ns);
  if (!find_devices(s))
    refuse("the manifest names a device that this machine lacks", "Take it out, or run on a machine that has it");
  load_partitions(s);
  load_agents(s, *boot.device_key);
  load_links(s);

  // Handoff. The other cores wait for the kernel lock, and then for work.
  guard.unlock();
  hal::Port::start_secondary_cores();
  guard.relock();
  s.core_count = std::min(hal::Port::core_count(), maximum_cores);
  attest(s, measurement, Phase::handoff, header.flags, header.wall_clock_ns);
  const crypto::Digest& final_measurement = measurement.value(Phase::handoff);
  deferred_proofs().bind({.key = the_log.identity().public_key(),
                          .log_origin = log_start->has_volume ? the_log.origin() : std::string_view{},
                          .kernel = measurement.loaded(Phase::hal_init),
                          .programs = measurement.loaded(Phase::handoff)},
                         header.wall_clock_ns);
  std::uint64_t key_word = 0;
  std::memcpy(&key_word, the_log.identity().public_key().data(), sizeof key_word);
  record(
      s, witness::Lane::reserved,
      {.kind = witness::Kind::boot_complete,
       .flags = static_cast<std::uint16_t>(hal::Port::geometry().vmid_bits | hal::Port::geometry().address_bits << 8),
       .target = s.core_count,
       .payload = witness::first_eight(final_measurement),
       .aux = key_word});
  the_log.bind({final_measurement, header.wall_clock_ns});
  if (!boot.nonce.empty()) the_log.quote(boot.nonce, measurement);
  report_boot(s, *log_start, memory_bytes);
  start_worker(s);
  s.partitions.for_each([&](Partition& p) { p.home = first_home(s, p); });  // now it is known how many cores there are
  s.agents.for_each([&](Agent& agent) { start(s, agent); });
  Core& core = s.cores[0];
  core.next_epoch = Nanoseconds{(hal::Port::now().value / s.epoch_length.value + 1) * s.epoch_length.value};
  return resume(guard, core);
}

hal::Context& start_secondary(CoreIndex index) {
  Guard guard = the_state.acquire();
  Core& core = guard->core(index);
  core.next_epoch = Nanoseconds{(hal::Port::now().value / guard->epoch_length.value + 1) * guard->epoch_length.value};
  return resume(guard, core);
}

}  // namespace rvm::kernel
