// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A solver that errs in its first results and then no more: in the weight that it says, or in who is on which side.
#pragma once

#include "rvm/coherence/minimum_cut.hpp"

namespace rvm::coherence::test {

class FaultyCut {
 public:
  static constexpr std::uint32_t errors = 16;

  [[nodiscard]] static constexpr std::size_t workspace_bytes(std::uint32_t nodes, std::size_t arcs) {
    return MinimumCut::workspace_bytes(nodes, arcs);
  }
  [[nodiscard]] Status start(const CutGraph& graph, const CutRequest& request, std::span<std::byte> workspace) {
    return solver_.start(graph, request, workspace);
  }
  Progress step(Budget& budget) {
    const Progress progress = solver_.step(budget);
    if (progress == Progress::done) ++results_;
    return progress;
  }
  [[nodiscard]] Cut result() {
    Cut cut = solver_.result();
    if (!cut.found || results_ > errors) return cut;
    if (results_ % 2 == 0) {
      ++cut.value;
    } else {
      cut.side = {&nobody_, 1};
    }
    return cut;
  }

 private:
  MinimumCut solver_;
  std::uint32_t results_ = 0;
  std::uint64_t nobody_ = 0;
};

}  // namespace rvm::coherence::test
