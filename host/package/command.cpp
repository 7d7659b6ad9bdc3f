// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/package/command.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "host/common/units.hpp"
#include "host/package/package.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

Json coherence_object(const rvm_package_coherence& c) {
  Json out = {{"enabled", (c.flags & RVM_COHERENCE_ENABLED) != 0},
              {"static", (c.flags & RVM_COHERENCE_FROZEN) != 0},
              {"budget", c.budget},
              {"interval", c.interval}};
#define RVM_X(type, name, least, greatest, fallback, doc) out[#name] = c.name;
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
  return out;
}

Json inspected(const PackageView& v) {
  Json out;
  out["bytes"] = v.bytes.size();
  out["flags"] = {{"development", development(v)},
                  {"console_shutdown", (v.header.flags & RVM_PACKAGE_CONSOLE_SHUTDOWN) != 0},
                  {"ipc_each", (v.header.flags & RVM_PACKAGE_IPC_EACH) != 0},
                  {"force_vmid8", (v.header.flags & RVM_PACKAGE_FORCE_VMID8) != 0},
                  {"dump_state", (v.header.flags & RVM_PACKAGE_DUMP_STATE) != 0}};
  out["epoch_us"] = v.header.epoch_us;
  out["run_for_ns"] = v.header.run_for_ns;
  out["wall_clock_ns"] = v.header.wall_clock_ns;
  out["coherence"] = coherence_object(v.header.coherence);
  out["digest"] = hex(std::as_bytes(std::span(v.header.payload_digest)));
  for (const auto& p : v.partitions) {
    out["partitions"].push_back({{"name", p.name},
                                 {"type", p.type},
                                 {"mode", p.mode},
                                 {"page_quota", p.page_quota},
                                 {"witness_quota", p.witness_quota},
                                 {"coherence", (p.flags & RVM_PARTITION_LIVE) != 0 ? "live" : "static"}});
  }
  for (const auto& i : v.images) {
    out["images"].push_back({{"name", i.name},
                             {"entry", i.entry},
                             {"bytes", i.bytes},
                             {"segments", i.segment_count},
                             {"stack_pages", i.stack_pages},
                             {"heap_pages", i.heap_pages},
                             {"on_demand", (i.flags & RVM_IMAGE_ON_DEMAND) != 0}});
  }
  for (const auto& a : v.agents) {
    out["agents"].push_back({{"name", a.name},
                             {"partition", v.partitions[a.partition].name},
                             {"image", v.images[a.image].name},
                             {"priority", a.priority},
                             {"affinity", a.affinity},
                             {"service", (a.flags & RVM_AGENT_SERVICE) != 0},
                             {"period_ns", a.period_ns},
                             {"budget_ns", a.budget_ns},
                             {"deadline_ns", a.deadline_ns}});
  }
  for (const auto& e : v.edges) {
    out["edges"].push_back({{"name", e.name},
                            {"peer_name", e.peer_name},
                            {"sender", v.agents[e.sender].name},
                            {"receiver", v.agents[e.receiver].name},
                            {"queue", e.queue_length},
                            {"badge", e.badge}});
  }
  for (const auto& g : v.grants) {
    out["grants"].push_back({{"name", g.name},
                             {"agent", v.agents[g.agent].name},
                             {"type", g.type},
                             {"object", g.object},
                             {"rights", g.rights}});
  }
  for (const auto& d : v.devices) {
    out["devices"].push_back(
        {{"name", d.name}, {"kind", device_kind_name(d.kind)}, {"dma_bytes_per_epoch", d.dma_bytes_per_epoch}});
  }
  return out;
}

void print_inspected(const PackageView& v) {
  fmt::print("{}: {} partitions, {} images, {} agents, {} edges, {} grants, {} devices; epoch {} us{}\n",
             format_size(v.bytes.size()), v.partitions.size(), v.images.size(), v.agents.size(), v.edges.size(),
             v.grants.size(), v.devices.size(), v.header.epoch_us, development(v) ? "; development" : "");
  if (const std::uint32_t flags = v.header.coherence.flags; (flags & RVM_COHERENCE_ENABLED) != 0) {
    fmt::print("  coherence engine on{}\n", (flags & RVM_COHERENCE_FROZEN) != 0 ? ", moves nothing" : "");
  }
  for (const auto& i : v.images) {
    fmt::print("  image {:<24} {} in {} segments, stack {}, heap {}\n", i.name, format_size(i.bytes), i.segment_count,
               format_size(std::uint64_t{i.stack_pages} * RVM_PAGE_SIZE),
               format_size(std::uint64_t{i.heap_pages} * RVM_PAGE_SIZE));
  }
  for (const auto& a : v.agents) {
    fmt::print("  agent {:<24} runs {} in {}, priority {}\n", a.name, v.images[a.image].name,
               v.partitions[a.partition].name, a.priority);
  }
  for (const auto& e : v.edges) {
    fmt::print("  edge  {:<24} from {} to {}, queue {}\n", e.name, v.agents[e.sender].name, v.agents[e.receiver].name,
               e.queue_length);
  }
  for (const auto& d : v.devices) {
    fmt::print("  device {:<23} {}", d.name, device_kind_name(d.kind));
    if (d.dma_bytes_per_epoch != 0) {
      fmt::print(", moves at most {} per epoch", format_size(d.dma_bytes_per_epoch));
    }
    fmt::print("\n");
  }
}

Failure corrupt(const std::filesystem::path& file, const std::string& problem) {
  return {ExitCode::failed, fmt::format("the boot package {} is corrupt: {}", file.string(), problem),
          "build it again with `rvm package build`"};
}

}  // namespace

ExitCode package_build_command(const RunOptions& options, const std::filesystem::path& output) {
  const auto key = load_device_key(options.key);
  if (!key) {
    return report(key.error());
  }
  const auto package = build_for_run(options, *key);
  if (!package) {
    return report(package.error());
  }
  if (const auto written = write_file(output, package->bytes); !written) {
    return report(written.error());
  }
  fmt::print("{}: {}\n", output.string(), format_size(package->bytes.size()));
  return ExitCode::ok;
}

ExitCode package_verify_command(const std::filesystem::path& file,
                                const std::optional<std::filesystem::path>& key_file) {
  const auto key = load_device_key(key_file);
  if (!key) {
    return report(key.error());
  }
  const auto bytes = read_file(file, "boot package");
  if (!bytes) {
    return report(bytes.error());
  }
  if (const auto view = read_package(*bytes, &*key); !view) {
    return report(corrupt(file, view.error()));
  }
  fmt::print("{}: intact, made with this key\n", file.string());
  return ExitCode::ok;
}

ExitCode package_inspect_command(const std::filesystem::path& file, bool json) {
  const auto bytes = read_file(file, "boot package");
  if (!bytes) {
    return report(bytes.error());
  }
  const auto view = read_package(*bytes, nullptr);
  if (!view) {
    return report(corrupt(file, view.error()));
  }
  if (json) {
    fmt::print("{}\n", inspected(*view).dump());
  } else {
    print_inspected(*view);
  }
  return ExitCode::ok;
}

}  // namespace rvm::host
