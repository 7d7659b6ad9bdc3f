// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The leased virtio console (virtio 1.2 section 5.3) as a stream of bytes in and frames out. Queue 0 is what the driver
// receives, queue 1 what it sends.
#pragma once

#include <cstdint>
#include <span>

#include "rvm/agent.hpp"
#include "rvm/control/frame.hpp"

namespace rvm::control {

class OperatorLine {
 public:
  /// Takes its buffers from the heap: four pages.
  OperatorLine(agent::Device device, agent::Heap& heap);

  /// Waits for bytes, as long as it takes, and has `sink` take each. Keeps the lease.
  template <typename Sink>
  void receive(Sink&& sink) {
    while (!drain(sink)) wait_for_device();
  }
  /// Where the next frame is to be written.
  [[nodiscard]] std::span<std::byte> outgoing() const { return sending_; }
  /// Sends so many bytes of it. Comes back when they are sent, or the lease was lost and with it the frame.
  void send(std::size_t bytes);

 private:
  static constexpr std::size_t buffers = 3;
  static constexpr std::uint64_t bit = 1;

  template <typename Sink>
  bool drain(Sink&& sink) {
    bool any = false;
    for (;;) {
      const auto done = agent::complete(device_, 0);
      if (!done) {
        if (done.error() != agent::Error::would_block) lease();
        return any;
      }
      const std::size_t place = place_of(done->request);
      if (place == buffers) {
        lease();
        return any;
      }
      const std::uint64_t lease_before = leases_;
      for (const std::byte b : receiving_[place].first(static_cast<std::size_t>(done->written))) sink(b);
      any = true;
      if (leases_ != lease_before) return any;  // every buffer was offered anew
      offer(place);
    }
  }
  void lease();
  void offer(std::size_t place);
  [[nodiscard]] std::size_t place_of(std::uint64_t request) const;
  void wait_for_device();

  agent::Device device_;
  std::array<std::span<std::byte>, buffers> receiving_;
  std::array<std::uint64_t, buffers> requests_{};
  std::span<std::byte> sending_;
  std::uint64_t renew_at_ = 0;  ///< ns since boot
  std::uint64_t leases_ = 0;    ///< how often it was leased
};

}  // namespace rvm::control
