// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One of the swarm: sends what a phase asks for, and takes what is sent to it, each message exactly once and in order.
#pragma once

#include "swarm.hpp"

namespace swarm {

class Member {
 public:
  Member();

  /// Does its part of a phase and reports. `each_round(round)` is called before each round.
  template <typename EachRound>
  void work(Phase phase, EachRound&& each_round) {
    begin(phase);
    for (std::uint64_t round = 0; round < rounds_; ++round) {
      each_round(round);
      send_round(round);
    }
    finish();
  }

  /// Lowest id of an agent that has sent it something in this phase, 0 for nobody.
  [[nodiscard]] std::uint64_t first_peer() const { return first_peer_; }

 private:
  static constexpr std::size_t edges_maximum = 32;
  struct Outbound {
    rvm::agent::Edge edge;
    std::string_view name;
    std::uint64_t next = 0;  ///< sequence
  };
  struct Inbound {
    std::uint64_t edge_id = 0;
    std::uint64_t next = 0;
  };

  void begin(Phase phase);
  void send_round(std::uint64_t round);
  void send_to(Outbound& to);
  /// Takes what is there; waits for the first until `deadline`.
  void receive_until(rvm::agent::Nanoseconds deadline);
  void take(const rvm::agent::Received& received);
  void finish();

  rvm::agent::Edge report_edge_;
  std::array<Outbound, edges_maximum> out_{};
  std::size_t out_count_ = 0;
  std::array<Inbound, edges_maximum> in_{};
  std::size_t in_count_ = 0;

  Phase phase_{};
  std::uint64_t rounds_ = 0;
  std::uint64_t expected_ = 0;  ///< messages in this phase
  std::uint64_t first_peer_ = 0;
  std::uint64_t random_;
  Report report_{};
};

}  // namespace swarm
