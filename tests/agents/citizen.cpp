// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sends numbered messages to "after" and checks those from "before", short and long ones, until "orders" says stop. Then it says how many
// it sent and waits for the other to do so: every message must have come once and in order, and its memory must be as it left it.
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr Badge from_governor{7};  // in the manifest

struct Parcel {
  std::uint64_t number;
  std::uint64_t last;  ///< 1: no message any more; number = how many there were
  std::uint64_t check;
};
constexpr std::uint64_t check_of(const Parcel& p) { return (p.number * 2 + p.last) * 0x9e3779b97f4a7c15 ^ 0x5bd1e995; }

constexpr std::size_t long_bytes = 1000;
constexpr bool is_long(std::uint64_t number) { return number % 8 == 5; }

class Talk {
 public:
  Talk() : after_(find_edge("after")) { require(static_cast<bool>(after_), "there is no edge"); }

  /// Sends until the queue is full, at most four.
  void send_some() {
    for (int i = 0; i < 4 && !said_last_; ++i) {
      Parcel p{.number = sent_, .last = stopping_ ? 1u : 0u, .check = 0};
      p.check = check_of(p);
      if (!post(p)) return;
      said_last_ = stopping_;
      if (!stopping_) ++sent_;
    }
  }
  void listen(Nanoseconds deadline) {
    const auto r = receive(Edge{}, buffer_, deadline);
    if (!r) {
      // The governor ends, and then those that have said and heard all.
      require(r.error() == Error::timed_out || r.error() == Error::peer_gone, "RECEIVE: ", r.error());
      if (r.error() == Error::peer_gone) yield();
      return;
    }
    if (r->badge == from_governor) {
      stopping_ = true;
      return;
    }
    Parcel p;
    std::memcpy(&p, buffer_.data(), sizeof p);
    require(p.check == check_of(p) && p.number == received_, "message ", p.number, " came in place of ", received_);
    require(p.last != 0 || r->length == (is_long(p.number) ? long_bytes : sizeof p), "its length is ", r->length);
    require(r->length == sizeof p || buffer_[long_bytes - 1] == static_cast<std::byte>(p.number), "its end is wrong");
    heard_last_ = p.last != 0;
    if (p.last == 0) ++received_;
  }
  [[nodiscard]] bool over() const { return said_last_ && heard_last_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }

 private:
  bool post(const Parcel& p) {
    std::array<std::byte, long_bytes> text;
    std::memcpy(text.data(), &p, sizeof p);
    text.back() = static_cast<std::byte>(p.number);
    const bool wide = p.last == 0 && is_long(p.number);
    const Status s = send(after_, std::span{text}.first(wide ? long_bytes : sizeof p), no_wait);
    require(s || s.error() == Error::resource_limit, "SEND: ", error_of(s));
    return s.has_value();
  }

  Edge after_;
  std::array<std::byte, RVM_MESSAGE_BYTES_MAX> buffer_;
  std::uint64_t sent_ = 0, received_ = 0;
  bool stopping_ = false, said_last_ = false, heard_last_ = false;
};

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  Heap heap;
  const std::span keepsake = heap.allocate<std::uint64_t>(4096);
  require(!keepsake.empty(), "the heap is too small");
  for (std::size_t i = 0; i < keepsake.size(); ++i) keepsake[i] = i ^ info().agent_id;
  Talk talk;
  while (!talk.over()) {
    talk.send_some();
    talk.listen(now() + microseconds(100));
  }
  for (std::size_t i = 0; i < keepsake.size(); ++i) require(keepsake[i] == (i ^ info().agent_id), "its memory changed");
  say("citizen: messages=", talk.received());
  return 0;
}
