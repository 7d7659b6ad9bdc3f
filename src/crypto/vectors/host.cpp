// SPDX-License-Identifier: MIT OR Apache-2.0
//
// crypto_vectors TABLE: checks a packed table with each SHA-256 implementation that this CPU has.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "table.hpp"

using namespace rvm::crypto;

int main(int argc, char** argv) {
  std::ifstream file{argc == 2 ? argv[1] : "", std::ios::binary};
  const std::vector<char> table{std::istreambuf_iterator<char>{file}, {}};
  for (const auto wanted : {Implementation::portable, Implementation::armv8_sha2, Implementation::x86_sha}) {
    if (!use_implementation(wanted)) continue;
    const vectors::Summary summary = vectors::run(std::as_bytes(std::span{table}));
    std::printf("vectors: %s:", wanted == Implementation::portable ? "portable" : "accelerated");
    for (std::size_t i = 0; i < vectors::kinds; ++i)
      std::printf(" %s %u", std::string{vectors::names[i]}.c_str(), static_cast<unsigned>(summary.checked[i]));
    std::printf(" failed %u first %u%s\n", static_cast<unsigned>(summary.failed),
                static_cast<unsigned>(summary.first_failed), summary.sound ? "" : " UNSOUND");
  }
  return 0;
}
