// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libFuzzer target: what comes over the console, which agents write to as well, in whatever pieces.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "host/machine/console.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rvm::host;
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  MachineReport report;
  LineSplitter splitter;
  const auto sink = [&](std::string_view line) {
    if (line.find('\n') != std::string_view::npos || line.size() > LineSplitter::limit) std::abort();
    report.take(classify(line));
  };
  while (!bytes.empty()) {
    const std::size_t piece = std::min<std::size_t>(bytes.size(), static_cast<unsigned char>(bytes.front()) + 1u);
    splitter.feed(bytes.substr(0, piece), sink);
    bytes.remove_prefix(piece);
  }
  splitter.finish(sink);
  return 0;
}
