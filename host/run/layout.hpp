// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who lives where, from the manifest and from what the kernel said of each move.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/machine/coherence_report.hpp"
#include "host/manifest/swarm.hpp"

namespace rvm::host {

/// Names in the order given, replicas that follow one another as a range: "red-0..3, blue-1".
[[nodiscard]] std::string listed(std::span<const std::string> names);

class Layout {
 public:
  /// One partition and its agents, in the order of their ids.
  struct Place {
    std::string partition;
    std::vector<std::string> agents;
  };

  Layout() = default;
  explicit Layout(const Swarm& swarm);

  void apply(const MoveReport& move);

  /// Names for people. Partitions that a split made have the name of the one that was split, and a number behind it: "cell-1/2".
  [[nodiscard]] std::string from_name(const MoveReport& move) const;
  [[nodiscard]] std::string to_name(const MoveReport& move) const;
  /// The agents that a move takes along.
  [[nodiscard]] std::vector<std::string> movers(const MoveReport& move) const;

  /// Partitions with agents, in the order of their ids; without the control partition.
  [[nodiscard]] std::vector<Place> places() const;
  /// A line for each of the places: "cell-0: red-0..3".
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  struct Agent {
    std::string name;
    std::uint64_t partition = 0;
  };
  std::map<std::uint64_t, std::string> partitions_;    ///< names by id
  std::map<std::uint64_t, Agent> agents_;              ///< by id
  std::map<std::string, unsigned, std::less<>> made_;  ///< how many partitions had a name from the kernel
};

}  // namespace rvm::host
