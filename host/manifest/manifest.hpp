// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A manifest as written: what swarm.toml says, checked value by value, before replicas and patterns are expanded
// (swarm.hpp). Documented for people in docs/guide/manifest.md and for editors in schema/swarm.schema.json.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/common/failure.hpp"
#include "rvm/abi.h"
#include "rvm/boot/coherence.hpp"
#include "rvm/boot_package.h"
#include "rvm/types/time.hpp"

namespace rvm::host {

/// A place in the manifest, both counted from 1; 0 when there is no file behind it.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Diagnostic {
  Position at;
  std::string message;
};
using Diagnostics = std::vector<Diagnostic>;

template <typename T>
struct Located {
  T value{};
  Position at;
};

/// What ends an agent the way its author meant.
enum class Expectation : std::uint8_t {
  ok,     ///< no fault, exit code 0 (or still running as a service), no deadline missed
  fault,  ///< the kernel stops it with a fault
  any,
};

/// What a contained attack must have left in the witness log.
enum class Evidence : std::uint8_t {
  automatic,  ///< `fault` if the kernel stopped the agent with a fault, `rejected` if the agent reported refusals
  rejected,   ///< a ProofRejected record of the agent's partition
  fault,      ///< a record that the kernel stopped the agent
  none,       ///< nothing: the attack needs no refusal (an infinite loop)
};

enum class Pairing : std::uint8_t { automatic, zip, all, ring };

struct MachineSettings {
  std::uint32_t cpus = 2;
  std::uint64_t memory = std::uint64_t{1} << 30;
  std::string cpu = "cortex-a72";
  std::uint32_t gic = 3;
  std::uint64_t disk_size = std::uint64_t{64} << 20;
  std::uint32_t epoch_us = 1000;
  bool icount = false;
  bool force_vmid8 = false;
};

struct PartitionEntry {
  Located<std::string> name;
  rvm_partition_type type = RVM_PARTITION_AGENT;
  rvm_partition_mode mode = RVM_MODE_FLOW;
  std::uint32_t page_quota = 0;     ///< 0 = the machine's limit
  std::uint32_t witness_quota = 0;  ///< 0 = the kernel's default
  bool live = true;                 ///< the coherence engine may move its agents and bring others in
  std::optional<std::uint32_t> replicas;
};

/// What an agent has behind its program: a WebAssembly agent its module and all of this, a native one `files`.
struct BundleEntry {
  std::vector<std::string> environment;  ///< NAME=VALUE
  std::vector<std::string> files;        ///< files, and folders whose contents are meant
  bool compile = true;
  bool is_template = false;  ///< waits, to be forked
  std::uint64_t seed = 0;
  std::uint64_t fuel = 0;    ///< 0 = no limit
  std::uint64_t memory = 0;  ///< bytes; 0 = what the heap has room for
};

struct AgentEntry {
  Located<std::string> name;
  std::vector<Located<std::string>> partitions;  ///< used in turn by the replicas
  Located<std::string> module;                   ///< the program
  bool wasm = false;                             ///< it is a WebAssembly module
  BundleEntry bundle;
  std::optional<std::uint32_t> replicas;
  std::uint32_t priority = 5000;
  std::int32_t affinity = -1;
  bool service = false;
  std::uint64_t stack = 64 << 10;
  std::uint64_t heap = 64 << 10;
  bool on_demand = false;  ///< the heap gets memory when it is touched
  std::vector<std::string> arguments;
  Nanoseconds period;
  Nanoseconds budget;
  Nanoseconds deadline;
  Expectation expect = Expectation::ok;
  std::string attack;  ///< what the agent tries; empty for a well-behaved one
  Evidence evidence = Evidence::automatic;
};

struct EdgeEntry {
  Located<std::string> from;
  Located<std::string> to;
  std::string name;
  std::string peer_name;  ///< empty: the same as `name`
  Pairing pair = Pairing::automatic;
  std::uint32_t queue = 16;
  std::uint32_t notify = 64;  ///< 64 = none
  std::uint64_t badge = 0;
  Position at;
};

struct GrantEntry {
  Located<std::string> agent;
  std::uint32_t type = RVM_OBJECT_NONE;
  bool hypervisor = false;  ///< the hypervisor itself, as the partition with id 0
  Located<std::string> object;
  std::uint32_t rights = 0;
  std::string name;
  std::uint64_t badge = 0;
  Pairing pair = Pairing::automatic;  ///< agents with objects; no ring
  Position at;
};

struct DeviceEntry {
  Located<std::string> name;
  rvm_device_kind kind = RVM_DEVICE_CLOCK;
  std::uint64_t dma = 64 << 10;                 ///< bytes it may move per epoch; 0 for a device without DMA
  Located<std::string> file;                    ///< image of a block device, output of a console; else empty
  std::uint64_t size = std::uint64_t{1} << 20;  ///< of a block device's file that does not exist yet
  /// What agents of partitions that are not trusted must show for a lease (rvm_package_device).
  rvm_evidence_kind evidence = RVM_EVIDENCE_NONE;
  std::array<std::byte, 32> evidence_value{};
};

struct Manifest {
  std::filesystem::path folder;  ///< relative paths start here
  std::string title;             ///< for messages: the file name
  bool development = false;
  bool build_with_make = false;  ///< run `make` in `folder` first
  bool witness_each = false;
  bool witness_dump = false;  ///< print every kernel object at the end
  bool control = false;       ///< with a control agent, for `rvm ps` and its like
  Nanoseconds run_for;        ///< 0 = until the agents are done
  MachineSettings machine;
  rvm_package_coherence coherence = boot::coherence_defaults();
  std::vector<PartitionEntry> partitions;
  std::vector<AgentEntry> agents;
  std::vector<EdgeEntry> edges;
  std::vector<GrantEntry> grants;
  std::vector<DeviceEntry> devices;
};

/// Everything that is wrong with the text, in the order of the file. Never empty in the error case.
[[nodiscard]] std::expected<Manifest, Diagnostics> parse_manifest(std::string_view text);

/// Reads and parses the file; the failure's cause has one `FILE:LINE:COLUMN: message` line per mistake.
[[nodiscard]] Outcome<Manifest> load_manifest(const std::filesystem::path& file);
/// The manifest of a program that runs alone: one partition, one agent. WebAssembly if the file's name ends so.
[[nodiscard]] Manifest manifest_for_program(const std::filesystem::path& program);

[[nodiscard]] Failure to_failure(const std::string& title, const Diagnostics& diagnostics);

/// What manifests call an rvm_device_kind; empty for any other number.
[[nodiscard]] std::string_view device_kind_name(std::uint32_t kind);
/// Devices of this kind have a file of the host behind them.
[[nodiscard]] constexpr bool has_file(rvm_device_kind kind) {
  return kind == RVM_DEVICE_BLOCK || kind == RVM_DEVICE_CONSOLE;
}

/// Letters, digits, '-', '_' and '.', not starting with punctuation, at most `limit` bytes; an explanation if not.
[[nodiscard]] std::optional<std::string> check_name(std::string_view name, std::size_t limit);

/// Greatest stack and heap of an agent, in bytes: both leave most of the smallest slot (256 MiB) free for mappings.
inline constexpr std::uint64_t stack_limit = std::uint64_t{16} << 20;
inline constexpr std::uint64_t heap_limit = std::uint64_t{128} << 20;
inline constexpr std::uint32_t replicas_limit = 4096;
/// What a WebAssembly agent has if nothing is said: the heap holds its module as translated, its stack and its memory.
/// The runtime's own: the stack of a module is in the heap.
inline constexpr std::uint64_t wasm_stack = std::uint64_t{32} << 10;
inline constexpr std::uint64_t wasm_heap = std::uint64_t{16} << 20;
/// NAME=VALUE, as an environment wants it.
[[nodiscard]] bool good_variable(std::string_view text);

}  // namespace rvm::host
