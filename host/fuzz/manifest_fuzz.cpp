// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libFuzzer target: a manifest is read, or refused with at least one mistake named.
#include <cstdlib>
#include <string_view>

#include "host/manifest/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto manifest = rvm::host::parse_manifest(text);
  if (!manifest && manifest.error().empty()) std::abort();
  return 0;
}
