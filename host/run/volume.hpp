// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"

namespace rvm::host {

/// The disk of a machine: the file that --disk names, continued or made, or one without a name that vanishes with us.
class Volume {
 public:
  /// An existing file must be a log volume or blank; anything else is refused, never overwritten.
  [[nodiscard]] static Outcome<Volume> open(const std::optional<std::filesystem::path>& file, std::uint64_t size);

  /// The machine has started to write: the file now holds something worth keeping. One that was made here is else removed.
  void keep() { fresh_.keep(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool temporary() const { return anonymous_.has_value(); }

 private:
  Volume() = default;
  std::string path_;
  FreshFile fresh_;
  std::optional<AnonymousFile> anonymous_;
};

}  // namespace rvm::host
