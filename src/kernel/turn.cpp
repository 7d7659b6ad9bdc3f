// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Turns of actors. A turn is what an agent does with one message; what it sends becomes visible to others only if the turn
// commits, all of it at once, together with a record that says which message it was and what state it led to. The digests are
// the agent's own word; that it sent just these messages under this record is the kernel's.
#include <array>

#include "evidence.hpp"
#include "hypercalls.hpp"

namespace rvm::kernel {
namespace {

/// The messages of a turn while they are staged. Whatever was not published is taken back.
class Staged {
 public:
  explicit Staged(State& s) : s_(s) {}
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;
  ~Staged() {
    while (count_ != 0) unstage(s_, *edges_[--count_]);
  }
  void add(Edge& edge) { edges_[count_++] = &edge; }
  void publish_all() {
    for (std::uint32_t i = 0; i < count_; ++i) publish(s_, *edges_[i]);
    count_ = 0;
  }
  [[nodiscard]] std::uint32_t count() const { return count_; }

 private:
  State& s_;
  std::array<Edge*, RVM_TURN_MESSAGES_MAX> edges_;  // count_ of them are set
  std::uint32_t count_ = 0;
};

/// Message `index` behind those before it.
Outcome stage_next(const Request& r, Staged& staged) {
  rvm_turn_message message;
  const GuestAddress at{r.argument(1) + staged.count() * sizeof message};
  if (auto copied = copy_in(r.s, r.partition, at, std::as_writable_bytes(std::span{&message, 1})); !copied)
    return copied;
  const auto capability = r.caller.capabilities->check(Handle::from_abi(message.edge), ObjectType::edge, rights::write);
  if (!capability) return capability.error();
  Edge* const edge = r.s.edges.find(EdgeId{(*capability)->object_id()});
  if (edge == nullptr || edge->receiver == nullptr) return Error::peer_gone;
  if (edge->sender != &r.caller) return Error::rights;
  if (message.length > RVM_MESSAGE_BYTES_MAX) return Error::bad_argument;
  if (!has_room(*edge)) {
    // More than the queue can ever hold is no matter of waiting.
    if (edge->staged == edge->capacity) return Error::resource_limit;
    return wait_for_space(r.s, r.core, *edge, Nanoseconds{r.argument(3)});
  }
  if (auto ready = stage(r.s, *edge, GuestAddress{message.address}, message.length); !ready) return ready;
  staged.add(*edge);
  return Error::ok;
}

}  // namespace

Outcome turn_commit(const Request& r) {
  const std::uint64_t count = r.argument(2);
  if (count > RVM_TURN_MESSAGES_MAX) return Error::bad_argument;
  Staged staged{r.s};
  while (staged.count() < count) {
    const Outcome outcome = stage_next(r, staged);
    if (!outcome.done()) return outcome;
    if (outcome.error() != Error::ok) {
      r.result(1, staged.count());
      return outcome;
    }
  }
  return perform(
      r.s, r.authority, witness::Kind::turn_commit, [&](const security::Permit&) -> Result<security::Effect> {
        staged.publish_all();
        return security::Effect{r.caller.id.value, r.argument(4), r.argument(5), static_cast<std::uint16_t>(count)};
      });
}

Outcome turn_abort(const Request& r) {
  if (r.argument(1) > RVM_TURN_REASON_MAX) return Error::bad_argument;
  return perform(r.s, r.authority, witness::Kind::turn_abort, [&](const security::Permit&) -> Result<security::Effect> {
    return security::Effect{r.caller.id.value, r.argument(2), r.argument(3), static_cast<std::uint16_t>(r.argument(1))};
  });
}

}  // namespace rvm::kernel
