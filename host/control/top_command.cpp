// SPDX-License-Identifier: MIT OR Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "host/control/commands.hpp"
#include "host/control/describe.hpp"
#include "host/control/screen.hpp"
#include "host/control/top.hpp"

namespace rvm::host {

namespace {

constexpr std::size_t decisions_kept = 200;

/// What comes to be seen of a machine, refresh by refresh. Between them its console is free for others.
class Watch {
 public:
  explicit Watch(RunningMachine machine) : machine_(std::move(machine)) { view_.machine = machine_.name; }

  Outcome<void> refresh() {
    auto connection = Connection::open(machine_);
    if (!connection) {
      return std::unexpected(connection.error());
    }
    auto snapshot = connection->snapshot();
    if (!snapshot) {
      return std::unexpected(snapshot.error());
    }
    auto records = connection->records(next_record_, decision_kinds());
    if (!records) {
      return std::unexpected(records.error());
    }
    next_record_ = records->next;
    if (view_.now.machine.now_ns != 0) {
      view_.before = std::move(view_.now);
    }
    view_.now = std::move(*snapshot);
    for (const rvm_partition_status& p : view_.now.partitions) {
      view_.partition_names[p.id] = p.name;
    }
    auto& kept = view_.decisions;
    kept.insert(kept.end(), records->records.begin(), records->records.end());
    if (kept.size() > decisions_kept) {
      kept.erase(kept.begin(), kept.end() - decisions_kept);
    }
    return {};
  }
  [[nodiscard]] const TopView& view() const { return view_; }

 private:
  RunningMachine machine_;
  TopView view_;
  std::uint64_t next_record_ = 0;
};

nlohmann::ordered_json json_of(const TopView& view) {
  nlohmann::ordered_json out{{"machine", view.machine}};
  out.update(json_of(view.now));
  auto decisions = nlohmann::ordered_json::array();
  for (const witness::Record& r : view.decisions) {
    const witness::KindDescription* const kind = witness::describe(r.action_kind);
    decisions.push_back({{"sequence", r.sequence},
                         {"timestamp_ns", r.timestamp_ns},
                         {"kind", kind == nullptr ? "?" : std::string(kind->name)},
                         {"actor", r.actor_partition},
                         {"target", r.target_object},
                         {"flags", r.flags},
                         {"payload", r.payload},
                         {"aux", r.aux},
                         {"text", decision_text(r, view.now, view.partition_names)}});
  }
  out["decisions"] = std::move(decisions);
  return out;
}

}  // namespace

ExitCode top_command(const ControlOptions& options) {
  const auto machine = choose_machine(options.machine);
  if (!machine) {
    return report(machine.error());
  }
  Watch watch(*machine);
  if (auto first = watch.refresh(); !first) {
    return report(first.error());
  }
  const std::chrono::milliseconds interval(
      std::clamp<std::uint64_t>(options.interval.value / 1'000'000, 50, 3'600'000));
  const bool once = options.once || options.json || ::isatty(STDOUT_FILENO) == 0;
  if (once) {
    // Rates are between two looks.
    std::this_thread::sleep_for(std::min(interval, std::chrono::milliseconds(200)));
    if (auto second = watch.refresh(); !second) {
      return report(second.error());
    }
    if (options.json) {
      fmt::print("{}\n", json_of(watch.view()).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    } else {
      const Screen::Size size = Screen::size();
      fmt::print("{}", top_frame(watch.view(), size.width, size.height));
    }
    return ExitCode::ok;
  }
  std::optional<Failure> problem;
  {
    Screen screen;
    for (;;) {
      const Screen::Size size = Screen::size();
      screen.show(top_frame(watch.view(), size.width, size.height - 1));
      if (screen.wait(interval)) {
        break;
      }
      if (auto again = watch.refresh(); !again) {
        problem = again.error();
        break;
      }
    }
  }
  return problem ? report(*problem) : ExitCode::ok;
}

}  // namespace rvm::host
