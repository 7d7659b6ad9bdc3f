// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What measures beside the agents: a kernel of its own, and programs for this computer.
#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <system_error>

#include "host/bench/bench.hpp"
#include "host/common/file.hpp"
#include "host/common/paths.hpp"
#include "host/common/units.hpp"
#include "host/machine/child.hpp"
#include "host/machine/session.hpp"
#include "host/run/seed.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

constexpr std::array programs{"core_bench", "log_bench"};

/// Standard output of a program that ends with status 0; the child's end of it is non-blocking.
Outcome<std::string> output_of(const fs::path& program, std::span<const std::string> arguments) {
  auto child = Child::start(program, arguments);
  if (!child) {
    return std::unexpected(child.error());
  }
  std::array<std::string, 2> texts;
  std::array<pollfd, 2> polled{pollfd{child->output(), POLLIN, 0}, pollfd{child->errors(), POLLIN, 0}};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    ::poll(polled.data(), polled.size(), -1);
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].fd >= 0 && !drain(polled[i].fd, [&](std::string_view bytes) { texts[i] += bytes; }))
        polled[i].fd = -1;
    }
  }
  if (const int status = child->wait(); status != 0) {
    return failure(ExitCode::failed, fmt::format("{} {}: {}", program.string(), Child::describe(status), texts[1]),
                   "run it by hand");
  }
  return std::move(texts[0]);
}

}  // namespace

Outcome<Figures> sealing_figures() {
  const fs::path image = default_kernel_image().parent_path() / "witness_cost.img";
  std::error_code error;
  if (!fs::is_regular_file(image, error)) {
    return failure(ExitCode::environment, fmt::format("there is no measuring kernel {}", image.string()),
                   "build it: make build");
  }
  // It looks at none of these, but is started as any kernel is.
  constexpr std::uint64_t small = 1 << 20;
  const auto package = AnonymousFile::create("boot package", RVM_PAGE_SIZE);
  const auto key = AnonymousFile::create("device key", 32);
  const auto disk = AnonymousFile::create("disk", small);
  for (const auto* file : {&package, &key, &disk}) {
    if (!*file) {
      return std::unexpected(file->error());
    }
  }
  const MachineParts parts{.settings = {.cpus = 1, .icount = true},
                           .kernel = image,
                           .package = package->path(),
                           .device_key = key->path(),
                           .disk = disk->path(),
                           .temporary_disk = true,
                           .nonce = {},
                           .devices = {}};
  const auto session = run_session(parts, {.timeout = std::chrono::seconds(60)},
                                   [](const std::optional<ConsoleLine>&, const MachineReport&) {});
  if (!session) {
    return std::unexpected(session.error());
  }
  if (session->status != 0 || session->killed) {
    return failure(ExitCode::failed,
                   fmt::format("the measuring kernel did not end: {}", Child::describe(session->status)),
                   session->qemu_errors);
  }
  return instruction_figures(session->report);
}

Outcome<Figures> seed_figures() {
  constexpr const char* board = "lm3s6965evb";
  const fs::path image = root_folder() / "build/seed" / fmt::format("bench-{}.elf", board);
  std::error_code error;
  if (!fs::is_regular_file(image, error)) {
    return failure(ExitCode::environment, fmt::format("there is no image {}", image.string()), "build it: make seed");
  }
  const auto lines = boot_board(image, board);
  if (!lines) {
    return std::unexpected(lines.error());
  }
  Figures out;
  for (const std::string_view line : *lines) {
    constexpr std::string_view agent = "meter| ";
    const auto colon = line.find(": ");
    if (!line.starts_with(agent) || colon == std::string_view::npos) {
      continue;
    }
    std::string_view number = line.substr(colon + 2);
    if (const auto value = take_number(number)) {
      out[std::string(line.substr(agent.size(), colon - agent.size()))] = *value;
    }
  }
  if (out.empty()) {
    return failure(ExitCode::failed, fmt::format("{} measured nothing", image.string()), "build it anew: make seed");
  }
  return out;
}

Outcome<HostFigures> host_program_figures() {
  const std::array<std::string, 3> arguments{"--benchmark_format=json", "--benchmark_repetitions=5",
                                             "--benchmark_report_aggregates_only=true"};
  HostFigures out;
  for (const char* const name : programs) {
    const fs::path program = root_folder() / "build/host" / name;
    std::error_code error;
    if (!fs::is_regular_file(program, error)) {
      return failure(ExitCode::environment, fmt::format("{} is not built", program.string()),
                     "tools/build host core_bench log_bench");
    }
    const auto text = output_of(program, arguments);
    if (!text) {
      return std::unexpected(text.error());
    }
    auto figures = parse_benchmark_json(*text);
    if (!figures) {
      return failure(ExitCode::failed, fmt::format("cannot read what {} prints", program.string()), "run it by hand");
    }
    out.merge(*figures);
  }
  return out;
}

}  // namespace rvm::host
