// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Boundaries by hand. Names are resolved and cuts are made here, from what was read a moment before; whether it is allowed, the machine
// decides when it is asked.
#include <fmt/format.h>

#include <algorithm>

#include "host/common/units.hpp"
#include "host/control/cut.hpp"
#include "host/control/describe.hpp"
#include "host/control/reach.hpp"
#include "host/control/refusal.hpp"
#include "rvm/control/members.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

/// Names of those who are in a partition, as the machine says when it is asked again.
Outcome<std::vector<std::string>> agents_in(Connection& connection, std::uint64_t partition) {
  const auto after = connection.snapshot();
  if (!after) {
    return std::unexpected(after.error());
  }
  std::vector<std::string> names;
  for (const rvm_agent_status& a : after->agents) {
    if (a.partition == partition && a.state != RVM_AGENT_STATE_TERMINATED) {
      names.emplace_back(a.name);
    }
  }
  return names;
}

}  // namespace

ExitCode split_command(const ControlOptions& options) {
  auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  const auto p = find_partition(seen->snapshot, options.objects.front());
  if (!p) {
    return report(p.error());
  }
  const rvm_agent_status* isolate = nullptr;
  if (options.isolate) {
    const auto a = find_agent(seen->snapshot, *options.isolate);
    if (!a) {
      return report(a.error());
    }
    isolate = *a;
  }
  const auto split = choose_split(seen->snapshot, **p, isolate);
  if (!split) {
    return report(split.error());
  }
  Connection& connection = seen->reached.connection;
  const auto response =
      connection.request({.operation = control::Operation::split,
                          .arguments = {(*p)->id, split->leaving, control::members_digest(split->members)}});
  if (!response) {
    return report(response.error());
  }
  const std::uint32_t status = response->head.status;
  const std::uint64_t made = response->head.values[0];
  Json details{{"operation", "split"}, {"partition", (*p)->id}};
  std::string done;
  if (status == RVM_ERROR_OK) {
    const auto names = agents_in(connection, made);
    if (!names) {
      return report(names.error());
    }
    details.update({{"new_partition", made}, {"agents", *names}, {"cut", split->weight}, {"exact", split->exact}});
    done = fmt::format("split {}: {} now in partition {}; the cut weighs {}{}", (*p)->name, fmt::join(*names, ", "),
                       made, format_size(split->weight), split->exact ? "" : ", the least that was found");
  }
  return tell(options, seen->reached.machine, status, done,
              refusal_of(status, {.seen = &seen->snapshot, .what = fmt::format("split {}", (*p)->name), .from = *p}),
              std::move(details));
}

ExitCode merge_command(const ControlOptions& options) {
  auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  const auto survivor = find_partition(seen->snapshot, options.objects.at(0));
  const auto absorbed = find_partition(seen->snapshot, options.objects.at(1));
  if (!survivor || !absorbed) {
    return report(survivor ? absorbed.error() : survivor.error());
  }
  const auto response = seen->reached.connection.request(
      {.operation = control::Operation::merge, .arguments = {(*survivor)->id, (*absorbed)->id}});
  if (!response) {
    return report(response.error());
  }
  return tell(
      options, seen->reached.machine, response->head.status,
      fmt::format("{} has become part of {}", (*absorbed)->name, (*survivor)->name),
      refusal_of(response->head.status, {.seen = &seen->snapshot,
                                         .what = fmt::format("merge {} into {}", (*absorbed)->name, (*survivor)->name),
                                         .from = *absorbed,
                                         .to = *survivor}),
      {{"operation", "merge"}, {"survivor", (*survivor)->id}, {"absorbed", (*absorbed)->id}});
}

ExitCode migrate_command(const ControlOptions& options) {
  auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  const auto agent = find_agent(seen->snapshot, options.objects.at(0));
  const auto to = find_partition(seen->snapshot, options.objects.at(1));
  if (!agent || !to) {
    return report(agent ? to.error() : agent.error());
  }
  const auto response = seen->reached.connection.request(
      {.operation = control::Operation::migrate, .arguments = {(*agent)->id, (*to)->id}});
  if (!response) {
    return report(response.error());
  }
  const rvm_partition_status* const home = partition_of(seen->snapshot, (*agent)->partition);
  return tell(options, seen->reached.machine, response->head.status,
              fmt::format("{} is now in {}", (*agent)->name, (*to)->name),
              refusal_of(response->head.status, {.seen = &seen->snapshot,
                                                 .what = fmt::format("move {} to {}", (*agent)->name, (*to)->name),
                                                 .agent = *agent,
                                                 .from = home == nullptr ? *to : home,
                                                 .to = *to}),
              {{"operation", "migrate"}, {"agent", (*agent)->id}, {"partition", (*to)->id}});
}

}  // namespace rvm::host
