// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/seed.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "host/common/file.hpp"
#include "host/common/paths.hpp"
#include "host/common/units.hpp"
#include "host/machine/child.hpp"
#include "host/machine/qemu.hpp"
#include "host/witness/log.hpp"
#include "rvm/crypto/sha256.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

constexpr const char* default_board = "lm3s6965evb";
constexpr std::uint64_t default_flash = 128 * 1024;

/// The image that the build made of the manifest as it is now: it says where that lies, and the image holds its digest.
Outcome<fs::path> find_image(const SeedManifest& manifest) {
  std::error_code error;
  const fs::path place = fs::canonical(manifest.path, error);
  const auto text = read_file(manifest.path, "manifest");
  if (!text) {
    return std::unexpected(text.error());
  }
  const crypto::Digest digest = crypto::sha256(*text);
  const fs::path images = root_folder() / "build/seed";
  for (const fs::directory_entry& made : fs::directory_iterator{images / "images", error}) {
    const std::string name = made.path().filename().string();
    const auto origin = read_file(made.path() / "manifest.path", "origin");
    if (!name.ends_with("-" + manifest.board) || !origin || !std::ranges::equal(*origin, as_bytes(place.native()))) {
      continue;
    }
    fs::path path = images / (name + ".elf");
    const auto image = read_file(path, "image");
    if (image && !std::ranges::search(*image, digest).empty()) {
      return path;
    }
  }
  return failure(ExitCode::environment,
                 fmt::format("no image for {} was built from {} as it is now", manifest.board, manifest.path.string()),
                 fmt::format("build it, at the root of the repository: make seed MANIFEST='{}' BOARD={}",
                             place.string(), manifest.board));
}

/// The file that stands for the flash part: what was kept, or erased cells.
struct FlashFile {
  std::optional<AnonymousFile> temporary;
  std::string path;
};
Outcome<FlashFile> open_flash(const SeedManifest& manifest, const RunOptions& options) {
  const Bytes erased(static_cast<std::size_t>(manifest.flash_bytes), std::byte{0xff});
  FlashFile flash;
  if (!options.disk) {
    auto made = AnonymousFile::containing("flash", erased);
    if (!made) {
      return std::unexpected(made.error());
    }
    flash.path = made->path();
    flash.temporary = std::move(*made);
    return flash;
  }
  flash.path = fs::absolute(*options.disk).string();
  std::error_code error;
  const auto size = fs::file_size(*options.disk, error);
  if (error) {
    if (auto written = write_file(*options.disk, erased); !written) {
      return std::unexpected(written.error());
    }
  } else if (size != manifest.flash_bytes) {
    return failure(
        ExitCode::environment,
        fmt::format("{} has {} bytes, but the manifest's flash has {}", flash.path, size, manifest.flash_bytes),
        "name another file with --disk; one that does not exist is made");
  }
  return flash;
}

/// What the board said.
class Console {
 public:
  explicit Console(const ReportStyle& style) : style_(style) {}

  void take(std::string_view line) {
    constexpr std::string_view mark = "rvm# ";
    if (!line.starts_with(mark)) {
      if (!style_.quiet) {
        fmt::print(style_.json ? stderr : stdout, "{}\n", line);
      }
      return;
    }
    if (style_.verbose) {
      fmt::print(stderr, "{}\n", line);
    }
    const auto report = nlohmann::json::parse(line.substr(mark.size()), nullptr, false);
    const std::string type = report.is_object() ? report.value("t", "") : "";
    if (type == "agent") {
      agents_.push_back(report);
    } else if (type == "stopped") {
      stopped_ = true;
    } else if (type == "refused" || type == "panic") {
      problem_ = std::string{line};
    }
  }

  [[nodiscard]] bool orderly() const { return stopped_ && problem_.empty(); }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::vector<nlohmann::json>& agents() const { return agents_; }

 private:
  const ReportStyle& style_;
  std::vector<nlohmann::json> agents_;
  std::string problem_;
  bool stopped_ = false;
};

std::vector<std::string> arguments_of(const std::string& board, const fs::path& image, const std::string& flash,
                                      const std::string& key, bool gdb) {
  std::vector<std::string> out{
      "-M",
      board,
      "-kernel",
      image.string(),
      "-display",
      "none",
      "-serial",
      "stdio",
      "-monitor",
      "none",
      "-no-reboot",
      "-nic",
      "none",
      "-icount",
      "shift=0,sleep=off",
      "-semihosting-config",
      fmt::format("enable=on,target=native,arg={},arg={}", escape_option(flash), escape_option(key))};
  if (gdb) {
    out.insert(out.end(), {"-S", "-s"});
  }
  return out;
}

/// Until the machine ends; `take` gets each line. False: it had to be stopped.
Outcome<bool> run_board(const std::vector<std::string>& arguments, std::uint64_t timeout_ms,
                        const std::function<void(std::string_view)>& take) {
  const auto qemu = find_program("qemu-system-arm");
  if (!qemu) {
    return failure(ExitCode::environment, "cannot find qemu-system-arm, which emulates the board",
                   "install it: apt-get install qemu-system-arm (or run `make bootstrap`)");
  }
  const Interrupts interrupts;
  auto child = Child::start(*qemu, arguments);
  if (!child) {
    return std::unexpected(child.error());
  }
  const auto started = std::chrono::steady_clock::now();
  std::string partial;
  bool stopped = false;
  const auto feed = [&](std::string_view bytes) {
    partial += bytes;
    for (std::size_t end = 0; (end = partial.find('\n')) != std::string::npos; partial.erase(0, end + 1)) {
      take(std::string_view{partial}.substr(0, end));
    }
  };
  for (bool open = true; open;) {
    std::array<pollfd, 2> polled{pollfd{child->output(), POLLIN, 0}, pollfd{interrupts.descriptor(), POLLIN, 0}};
    ::poll(polled.data(), polled.size(), 100);
    open = drain(child->output(), feed);
    const auto elapsed = std::chrono::steady_clock::now() - started;
    const bool late = timeout_ms != 0 && elapsed > std::chrono::milliseconds(timeout_ms);
    if (!stopped && (late || interrupts.take() != 0)) {
      stopped = true;
      child->kill();
    }
  }
  child->wait();
  return !stopped;
}

void print_summary(const Console& console, const LogCheck& log) {
  fmt::print("\n");
  for (const auto& a : console.agents()) {
    fmt::print("  {:<10} {} messages, {} jobs in time, {} late; {} faults, {} refusals\n", a.value("name", ""),
               a.value("messages", 0U), a.value("met", 0U), a.value("missed", 0U), a.value("faults", 0U),
               a.value("refused", 0U));
  }
  fmt::print("  {:<10} {}\n", "log",
             log.verified ? fmt::format("verified: {} records, none missing or changed; {} signed tree heads",
                                        log.records, log.signed_heads)
                          : "DOES NOT VERIFY: " + log.problem);
}

}  // namespace

std::optional<SeedManifest> find_seed_manifest(const RunOptions& options) {
  if (!options.path) {
    return std::nullopt;
  }
  std::error_code error;
  const fs::path path = fs::is_directory(*options.path, error) ? *options.path / "swarm.toml" : *options.path;
  if (path.extension() != ".toml") {
    return std::nullopt;
  }
  try {
    const auto document = toml::parse_file(path.string());
    if (document["target"].value_or(std::string{}) != "seed") {
      return std::nullopt;
    }
    const auto flash = document["seed"]["flash"].value<std::string>();
    const std::string board = options.board.value_or(document["board"].value_or(std::string{default_board}));
    // What the builder of images would not read is in no image, which find_image then says.
    return SeedManifest{path, board, flash ? parse_size(*flash).value_or(default_flash) : default_flash};
  } catch (const toml::parse_error&) {
    return std::nullopt;  // the reader of manifests says what is wrong
  }
}

Outcome<std::vector<std::string>> boot_board(const fs::path& image, const std::string& board) {
  constexpr std::uint64_t timeout_ms = 300'000;
  constexpr std::size_t lines_maximum = 1024;
  const Bytes erased(default_flash, std::byte{0xff});
  const auto flash = AnonymousFile::containing("flash", erased);
  const auto key = AnonymousFile::create("device key", 32);
  if (!flash || !key) {
    return std::unexpected(flash ? key.error() : flash.error());
  }
  std::vector<std::string> lines;
  const auto ended =
      run_board(arguments_of(board, image, flash->path(), key->path(), false), timeout_ms, [&](std::string_view line) {
        if (lines.size() < lines_maximum && !line.starts_with("rvm#")) {
          lines.emplace_back(line);
        }
      });
  if (!ended) {
    return std::unexpected(ended.error());
  }
  if (!*ended) {
    return failure(ExitCode::failed, fmt::format("{} did not end in {} s", image.string(), timeout_ms / 1000));
  }
  return lines;
}

ExitCode run_seed(const SeedManifest& manifest, const RunOptions& options) {
  const auto key = load_device_key(options.key);
  if (!key) {
    return report(key.error());
  }
  const auto image = find_image(manifest);
  if (!image) {
    return report(image.error());
  }
  const auto flash = open_flash(manifest, options);
  const auto key_file = AnonymousFile::containing("device key", key->bytes);
  if (!flash || !key_file) {
    return report(flash ? key_file.error() : flash.error());
  }
  Console console(options.style);
  const auto ended = run_board(arguments_of(manifest.board, *image, flash->path, key_file->path(), options.gdb),
                               options.gdb ? 0 : options.timeout.value / 1'000'000,
                               [&](std::string_view line) { console.take(line); });
  if (!ended) {
    return report(ended.error());
  }
  const auto log = check_volume(flash->path, *key);
  if (!log) {
    return report(log.error());
  }
  if (!options.style.json && !options.style.quiet) {
    print_summary(console, *log);
  }
  if (options.style.json) {
    const nlohmann::json line{{"ok", console.orderly() && *ended && log->verified},
                              {"board", manifest.board},
                              {"agents", console.agents()},
                              {"log",
                               {{"verified", log->verified},
                                {"problem", log->problem},
                                {"records", log->records},
                                {"signed_heads", log->signed_heads},
                                {"closed", log->closed}}}};
    fmt::print("{}\n", line.dump());
  }
  if (!console.orderly()) {
    return report(Failure{ExitCode::failed,
                          console.problem().empty() ? "the board did not come to an orderly end" : console.problem(),
                          {}});
  }
  return log->verified ? ExitCode::ok : ExitCode::failed;
}

}  // namespace rvm::host
