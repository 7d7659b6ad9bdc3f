// SPDX-License-Identifier: MIT OR Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "host/common/paths.hpp"
#include "host/common/units.hpp"
#include "host/manifest/control.hpp"
#include "host/package/bundle.hpp"
#include "host/package/package.hpp"

namespace rvm::host {

namespace {

template <std::size_t N>
void set_name(char (&field)[N], std::string_view name) {
  std::ranges::copy(name.substr(0, N - 1), field);
}

std::uint64_t rounded_up(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

template <typename Entry>
rvm_table append_table(Bytes& out, const std::vector<Entry>& entries) {
  out.resize(rounded_up(out.size(), 8));
  const rvm_table table{out.size(), static_cast<std::uint32_t>(entries.size()), sizeof(Entry)};
  const auto bytes = std::as_bytes(std::span(entries));
  out.insert(out.end(), bytes.begin(), bytes.end());
  return table;
}

std::vector<rvm_package_partition> partition_table(const Swarm& swarm) {
  std::vector<rvm_package_partition> table;
  for (const SwarmPartition& p : swarm.partitions) {
    rvm_package_partition& out = table.emplace_back();
    set_name(out.name, p.name);
    out.type = p.entry == nullptr ? RVM_PARTITION_ROOT : p.entry->type;
    if (p.entry != nullptr) {
      out.mode = p.entry->mode;
      out.page_quota = p.entry->page_quota;
      out.witness_quota = p.entry->witness_quota;
      out.flags = p.entry->live ? RVM_PARTITION_LIVE : 0;
    }
  }
  return table;
}

std::vector<rvm_package_edge> edge_table(const Swarm& swarm) {
  std::vector<rvm_package_edge> table;
  for (const SwarmEdge& e : swarm.edges) {
    rvm_package_edge& out = table.emplace_back();
    set_name(out.name, e.name);
    set_name(out.peer_name, e.peer_name);
    out.sender = e.sender;
    out.receiver = e.receiver;
    out.queue_length = e.entry->queue;
    out.notify_bit = e.entry->notify;
    out.badge = e.entry->badge;
  }
  return table;
}

std::vector<rvm_package_grant> grant_table(const Swarm& swarm) {
  std::vector<rvm_package_grant> table;
  for (const SwarmGrant& g : swarm.grants) {
    rvm_package_grant& out = table.emplace_back();
    set_name(out.name, g.name);
    out.agent = g.agent;
    out.type = g.entry->type;
    out.object = g.object;
    out.rights = g.entry->rights;
    out.badge = g.entry->badge;
  }
  return table;
}

std::vector<rvm_package_device> device_table(const Swarm& swarm) {
  std::vector<rvm_package_device> table;
  for (const SwarmDevice& d : swarm.devices) {
    rvm_package_device& out = table.emplace_back();
    set_name(out.name, d.name);
    out.kind = d.entry->kind;
    out.dma_bytes_per_epoch = d.entry->dma;
    out.evidence = d.entry->evidence;
    std::memcpy(out.evidence_value, d.entry->evidence_value.data(), sizeof out.evidence_value);
  }
  return table;
}

/// The agents, their arguments appended to `out`.
std::vector<rvm_package_agent> agent_table(Bytes& out, const Swarm& swarm, const SwarmImages& images) {
  std::vector<rvm_package_agent> table;
  for (std::size_t i = 0; i < swarm.agents.size(); ++i) {
    const SwarmAgent& a = swarm.agents[i];
    rvm_package_agent& entry = table.emplace_back();
    set_name(entry.name, a.name);
    entry.partition = a.partition;
    entry.image = images.of_agent[i];
    entry.priority = a.entry->priority;
    entry.affinity = a.entry->affinity;
    entry.flags =
        (a.entry->service ? RVM_AGENT_SERVICE : 0u) | (a.entry == &control_entries().agent ? RVM_AGENT_CONTROL : 0u);
    entry.period_ns = a.entry->period.value;
    entry.budget_ns = a.entry->budget.value;
    entry.deadline_ns = a.entry->deadline.value;
    if (a.arguments.empty()) {
      continue;
    }
    entry.arguments = out.size();
    for (const std::string& argument : a.arguments) {
      const auto bytes = as_bytes(argument);
      out.insert(out.end(), bytes.begin(), bytes.end());
      out.push_back(std::byte{0});
    }
    out.push_back(std::byte{0});
    entry.arguments_bytes = static_cast<std::uint32_t>(out.size() - entry.arguments);
  }
  return table;
}

struct LessBytes {
  bool operator()(std::span<const std::byte> a, std::span<const std::byte> b) const {
    return std::ranges::lexicographical_compare(a, b);
  }
};

std::uint32_t package_flags(const Manifest& manifest) {
  return (manifest.development ? RVM_PACKAGE_DEVELOPMENT : 0u) | RVM_PACKAGE_CONSOLE_SHUTDOWN |
         (manifest.witness_each ? RVM_PACKAGE_IPC_EACH : 0u) |
         (manifest.machine.force_vmid8 ? RVM_PACKAGE_FORCE_VMID8 : 0u) |
         (manifest.witness_dump ? RVM_PACKAGE_DUMP_STATE : 0u);
}

}  // namespace

namespace {

Outcome<Program> load_program(const std::filesystem::path& path) {
  const auto file = read_file(path, "agent program", std::uint64_t{256} << 20);
  if (!file) {
    return std::unexpected(file.error());
  }
  auto parsed = read_program(*file);
  if (!parsed) {
    return failure(ExitCode::usage, fmt::format("{}: {}", path.string(), parsed.error().cause), parsed.error().cure);
  }
  return std::move(*parsed);
}

/// Where an agent's program comes from.
struct ProgramSource {
  std::filesystem::path path;  ///< of the native program, which may be the WebAssembly runtime
  Bytes bundle;                ///< of a WebAssembly agent
  std::string stem;
  friend auto operator<=>(const ProgramSource& a, const ProgramSource& b) = default;
};

Outcome<ProgramSource> find_source(const Manifest& manifest, const AgentEntry& entry) {
  const auto located = [&](Failure f) {
    if (entry.module.at.line != 0) {
      f.cause = fmt::format("{}:{}:{}: {}", manifest.title, entry.module.at.line, entry.module.at.column, f.cause);
    }
    return std::unexpected(std::move(f));
  };
  const auto path =
      entry.wasm ? find_wasm(manifest.folder, entry.module.value) : find_module(manifest.folder, entry.module.value);
  if (!path) {
    return located(path.error());
  }
  ProgramSource source{*path, {}, path->stem().string().substr(0, RVM_NAME_BYTES - 1)};
  if (check_name(source.stem, RVM_NAME_BYTES - 1)) {
    source.stem = "image";
  }
  if (!entry.wasm && entry.bundle.files.empty()) {
    return source;
  }
  auto bundle = build_bundle(manifest.folder, entry.wasm ? std::optional{*path} : std::nullopt, entry.bundle);
  if (!bundle) {
    return located(bundle.error());
  }
  source.bundle = std::move(*bundle);
  if (entry.wasm) {
    source.path = wasm_runtime();
  }
  return source;
}

/// The bundle becomes the last segment of the runtime's image, read-only.
void append_bundle(Program& program, const Bytes& bundle) {
  if (bundle.empty()) {
    return;
  }
  const std::uint64_t bytes = rounded_up(bundle.size(), RVM_PAGE_SIZE);
  program.segments.push_back({program.bytes, bytes, bundle, RVM_MAP_READ});
  program.segments.back().contents.resize(bytes);
  program.bytes += bytes;
}

Outcome<void> check_extent(const Program& program, const AgentEntry& entry) {
  constexpr std::uint64_t limit = std::uint64_t{127} << 20;  // half of the smallest slot, without its fixed parts
  if (program.bytes + entry.stack + entry.heap <= limit) {
    return {};
  }
  return failure(
      ExitCode::usage,
      fmt::format("the agent '{}' wants {} of program, {} of stack and {} of heap; together they may have 127 MiB",
                  entry.name.value, format_size(program.bytes), format_size(entry.stack), format_size(entry.heap)),
      "give it a smaller heap");
}

}  // namespace

Outcome<SwarmImages> load_images(const Manifest& manifest, const Swarm& swarm) {
  SwarmImages out;
  std::map<const AgentEntry*, std::uint32_t> image_of_entry;  // replicas share one
  std::map<ProgramSource, std::size_t> programs;
  std::map<std::tuple<std::size_t, std::uint64_t, std::uint64_t, bool>, std::uint32_t> images;
  for (const SwarmAgent& agent : swarm.agents) {
    const AgentEntry& entry = *agent.entry;
    if (const auto known = image_of_entry.find(&entry); known != image_of_entry.end()) {
      out.of_agent.push_back(known->second);
      continue;
    }
    auto source = find_source(manifest, entry);
    if (!source) {
      return std::unexpected(source.error());
    }
    auto program = programs.find(*source);
    if (program == programs.end()) {
      auto loaded = load_program(source->path);
      if (!loaded) {
        return std::unexpected(loaded.error());
      }
      append_bundle(*loaded, source->bundle);
      program = programs.emplace(*source, out.programs.size()).first;
      out.programs.push_back(std::move(*loaded));
    }
    if (const auto fits = check_extent(out.programs[program->second], entry); !fits) {
      return std::unexpected(fits.error());
    }
    const auto [image, fresh] =
        images.try_emplace({program->second, entry.stack, entry.heap, entry.on_demand}, out.images.size());
    if (fresh) {
      out.images.push_back({source->stem, program->second, static_cast<std::uint32_t>(entry.stack / RVM_PAGE_SIZE),
                            static_cast<std::uint32_t>(entry.heap / RVM_PAGE_SIZE),
                            entry.on_demand ? static_cast<std::uint32_t>(RVM_IMAGE_ON_DEMAND) : 0});
    }
    image_of_entry.emplace(&entry, image->second);
    out.of_agent.push_back(image->second);
  }
  return out;
}

Bytes build_package(const Manifest& manifest, const Swarm& swarm, const SwarmImages& images,
                    const PackageOptions& options, const Key& device_key) {
  Bytes out(sizeof(rvm_package_header));
  const std::vector<rvm_package_agent> agents = agent_table(out, swarm, images);

  // Segment payloads come after all tables; until their place is known they count from 0.
  Bytes payload;
  std::vector<rvm_package_segment> segments;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> segments_of_program;
  std::map<std::span<const std::byte>, std::uint64_t, LessBytes> places;  // what several programs have is there once
  for (const Program& program : images.programs) {
    segments_of_program.emplace_back(segments.size(), program.segments.size());
    for (const ProgramSegment& s : program.segments) {
      const auto [place, fresh] = places.try_emplace(s.contents, payload.size());
      segments.push_back({s.offset, s.memory_bytes, s.contents.size(), place->second, s.permissions, 0});
      if (fresh) {
        payload.insert(payload.end(), s.contents.begin(), s.contents.end());
        payload.resize(rounded_up(payload.size(), RVM_PAGE_SIZE));
      }
    }
  }
  std::vector<rvm_package_image> image_table;
  for (const SwarmImage& i : images.images) {
    const Program& program = images.programs[i.program];
    rvm_package_image& entry = image_table.emplace_back();
    set_name(entry.name, i.name);
    entry.first_segment = segments_of_program[i.program].first;
    entry.segment_count = segments_of_program[i.program].second;
    entry.entry = program.entry;
    entry.bytes = program.bytes;
    entry.stack_pages = i.stack_pages;
    entry.heap_pages = i.heap_pages;
    entry.flags = i.flags;
  }

  rvm_package_header header{};
  std::memcpy(header.magic, RVM_PACKAGE_MAGIC, sizeof(header.magic));
  header.version = RVM_PACKAGE_VERSION;
  header.header_bytes = sizeof(header);
  header.flags = package_flags(manifest);
  header.epoch_us = manifest.machine.epoch_us;
  header.run_for_ns = options.run_for_ns;
  header.wall_clock_ns = options.wall_clock_ns;
  header.coherence = manifest.coherence;
  header.partitions = append_table(out, partition_table(swarm));
  header.images = append_table(out, image_table);
  header.agents = append_table(out, agents);
  header.edges = append_table(out, edge_table(swarm));
  header.grants = append_table(out, grant_table(swarm));
  header.devices = append_table(out, device_table(swarm));
  out.resize(rounded_up(out.size(), 8));
  const std::uint64_t first_payload =
      rounded_up(out.size() + segments.size() * sizeof(rvm_package_segment), RVM_PAGE_SIZE);
  for (rvm_package_segment& s : segments) {
    s.payload += first_payload;
  }
  header.segments = append_table(out, segments);
  out.resize(first_payload);
  out.insert(out.end(), payload.begin(), payload.end());
  header.total_bytes = out.size();

  const Digest digest = sha256(std::span(out).subspan(sizeof(header)));
  std::memcpy(header.payload_digest, digest.data(), digest.size());
  const Digest authenticator = hmac_sha256(package_key(device_key).bytes, std::as_bytes(std::span(&header, 1)));
  std::memcpy(header.authenticator, authenticator.data(), authenticator.size());
  std::memcpy(out.data(), &header, sizeof(header));
  return out;
}

}  // namespace rvm::host
