// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/control/connection.hpp"
#include "host/control/decision.hpp"

namespace rvm::host {

/// What `rvm top` shows at one moment.
struct TopView {
  std::string machine;
  Snapshot now;
  std::optional<Snapshot> before;          ///< for rates
  std::vector<witness::Record> decisions;  ///< newest last
  PartitionNames partition_names;          ///< of all that were seen
};

/// The screen: `height` lines of at most `width` columns (both at least 20), each ended by a newline.
[[nodiscard]] std::string top_frame(const TopView& view, unsigned width, unsigned height);

}  // namespace rvm::host
