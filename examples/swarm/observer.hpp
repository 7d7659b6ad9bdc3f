// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who lives where and who says how much to whom, as the hypervisor tells whoever has a capability to read it.
#pragma once

#include "swarm.hpp"

namespace swarm {

inline constexpr std::size_t members_count = 32;
inline constexpr std::size_t teams_count = 4;
inline constexpr std::string_view rogue_name = "gold-b-3";

/// Bytes between members.
struct Traffic {
  std::uint64_t all = 0;
  std::uint64_t crossing = 0;  ///< from partition to partition, as those stand now
  friend Traffic operator+(Traffic a, Traffic b) { return {a.all + b.all, a.crossing + b.crossing}; }
  [[nodiscard]] std::uint64_t percent() const { return all == 0 ? 0 : (crossing * 100 + all / 2) / all; }
};

class Observer {
 public:
  Observer();

  /// Looks at all members; returns what they said since it looked last.
  Traffic look();

  /// Teams of the phase of which all members are in one partition. From the third phase on the rogue does not count.
  [[nodiscard]] std::size_t teams_together(Phase phase) const;
  /// Partitions that members live in.
  [[nodiscard]] std::size_t partitions() const;
  /// Whether nobody shares a partition with the rogue.
  [[nodiscard]] bool rogue_alone() const;

 private:
  struct Place {
    std::uint32_t agent = 0;
    std::uint32_t partition = 0;
    char color = 0;  ///< first letter of its name, 'y' for gold
    char half = 0;   ///< 'a' or 'b'
    bool rogue = false;
  };
  static constexpr std::size_t edges_maximum = 320;

  void look_at_agents();
  [[nodiscard]] const Place* place_of(std::uint32_t agent) const;

  rvm::agent::Partition hypervisor_;
  std::array<Place, members_count> places_{};
  std::size_t count_ = 0;
  std::array<std::uint64_t, edges_maximum> bytes_{};  ///< by the number of the edge
};

/// The team of a member in a phase, 0 to 3, by color and half of its name.
[[nodiscard]] std::size_t team_of(char color, char half, Phase phase);

}  // namespace swarm
