// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/common/failure.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace rvm::host {

ExitCode report(const Failure& failure) {
  fmt::print(stderr, "error: {}\n", failure.cause);
  if (!failure.cure.empty()) {
    fmt::print(stderr, "  cure: {}\n", failure.cure);
  }
  return failure.code;
}

}  // namespace rvm::host
