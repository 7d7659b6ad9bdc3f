// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where a machine that runs is found: a folder of its own with the socket of its console, the key that opens it (mode 0600), and
// a lock that its `rvm run` holds for as long as it lives.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"
#include "host/key/key.hpp"

namespace rvm::host {

/// A folder that `rvm run` made; removed with it.
class RunFolder {
 public:
  /// `name`: as asked for; else after `what` runs, with a number if that is taken.
  [[nodiscard]] static Outcome<RunFolder> create(const std::optional<std::string>& name,
                                                 const std::filesystem::path& what, const Key& control_key);
  RunFolder(RunFolder&&) = default;
  RunFolder& operator=(RunFolder&&) = default;
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder();

  [[nodiscard]] std::string name() const { return folder_.filename().string(); }
  [[nodiscard]] std::filesystem::path socket() const { return folder_ / "socket"; }

 private:
  RunFolder(std::filesystem::path folder, Descriptor lock) : folder_(std::move(folder)), lock_(std::move(lock)) {}
  std::filesystem::path folder_;
  Descriptor lock_;
};

struct RunningMachine {
  std::string name;
  std::filesystem::path folder;
};

/// All that run, by name. What is left of one that was killed is removed.
[[nodiscard]] Outcome<std::vector<RunningMachine>> running_machines();
/// The one of this name, or the only one.
[[nodiscard]] Outcome<RunningMachine> choose_machine(const std::optional<std::string>& name);

}  // namespace rvm::host
