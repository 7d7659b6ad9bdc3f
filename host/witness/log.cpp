// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/log.hpp"

namespace rvm::host {

Outcome<LoadedLog> load_volume(const std::filesystem::path& path, const Key&) {
  return failure(ExitCode::environment, path.string() + ": this build has no log verifier");
}

Outcome<LoadedLog> load_raw(const std::filesystem::path& path, const Key&, bool) {
  return failure(ExitCode::environment, path.string() + ": this build has no log verifier");
}

}  // namespace rvm::host
