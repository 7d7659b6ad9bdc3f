// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Communication between agents. Each function is one hypercall's work, run for `core.current` under the kernel lock; the
// capability was checked already.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// How a hypercall leaves its caller.
class Outcome {
 public:
  /// x0 becomes `error`. Implicit, so that handlers return errors as they are.
  constexpr Outcome(Error error) : error_(error), done_(true) {}  // NOLINT(google-explicit-constructor)
  // NOLINTNEXTLINE(google-explicit-constructor)
  Outcome(const Status& status) : Outcome(status ? Error::ok : status.error()) {}
  /// The caller waits, or its registers are set already.
  [[nodiscard]] static constexpr Outcome waiting() {
    Outcome o{Error::ok};
    o.done_ = false;
    return o;
  }
  /// A long operation has done a part: the caller makes the same call again, and interrupts come in between.
  [[nodiscard]] static Outcome repeat(hal::Context& caller) {
    caller.rewind_call();
    return waiting();
  }
  [[nodiscard]] constexpr bool done() const { return done_; }
  [[nodiscard]] constexpr Error error() const { return error_; }
  /// A refusal that is ordinary flow control, visible in the edge's summary record rather than in one of its own.
  [[nodiscard]] static constexpr Outcome queue_full() {
    Outcome o{Error::resource_limit};
    o.flow_control_ = true;
    return o;
  }
  [[nodiscard]] constexpr bool flow_control() const { return flow_control_; }

 private:
  Error error_;
  bool done_;
  bool flow_control_ = false;
};

Outcome call(State& s, Core& core, Edge& edge);
Outcome reply(State& s, Core& core);
Outcome reply_wait(State& s, Core& core);
Outcome send(State& s, Core& core, Edge& edge, GuestAddress from, std::uint64_t length, Nanoseconds deadline);
/// `edge` nullptr: any inbound edge.
Outcome receive(State& s, Core& core, Edge* edge, GuestAddress to, std::uint64_t size, Nanoseconds deadline);
Outcome signal(State& s, Agent& target, std::uint64_t bits);
Outcome wait_for_signal(State& s, Core& core, std::uint64_t mask, Nanoseconds deadline);

/// Whom the agent owes an answer gets none.
void abandon_caller(State& s, Agent& agent);
/// Who waits until the agent takes its call waits no more.
void turn_away_callers(State& s, Agent& agent);

/// Gives the edge the memory of its queue, charged to the sender's partition, if it has none yet.
[[nodiscard]] Status prepare_queue(State& s, Edge& edge);
/// Queues a message the kernel makes itself (a capability or region that moves along the edge). The caller has prepared the
/// queue and checked that there is room (has_room), so it cannot fail after what it tells of was done.
void enqueue_capability(State& s, Edge& edge, std::uint8_t kind, const rvm_capability_message& message);
[[nodiscard]] inline bool has_room(const Edge& edge) { return edge.count + edge.staged < edge.capacity; }

// A message is staged in a free slot, where nobody sees it, and then published or taken back, all within one hypercall.

/// Copies a message of the sender behind those staged before. Precondition: has_room, and both ends are there.
[[nodiscard]] Status stage(State& s, Edge& edge, GuestAddress from, std::uint64_t length);
/// Takes the edge's last staged message back.
void unstage(State& s, Edge& edge);
/// Queues the edge's first staged message.
void publish(State& s, Edge& edge);
/// The sender waits for room, or is refused; the call will be repeated when there is some.
Outcome wait_for_space(State& s, Core& core, Edge& edge, Nanoseconds deadline);

}  // namespace rvm::kernel
