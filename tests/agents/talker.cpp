// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sends messages at a steady pace over the edges that the manifest gave it, and measures how long those take that it
// receives, from the sender's call to its own next instruction. Names of edges begin with "p" and the phases that they
// belong to, one digit each: "p02-...". args: messages per phase, nanoseconds between two, instructions of work for each
// received, bytes of a message, the phases one after another ("0101").
#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr std::size_t edges_maximum = 64;
constexpr std::uint64_t last_message = ~std::uint64_t{0};

struct Header {
  std::uint64_t sequence;  ///< of this edge
  std::uint64_t sent;      ///< nanoseconds since boot
};

/// Counts by size: eight ranges for each power of two.
class Histogram {
 public:
  void add(std::uint64_t value) {
    const unsigned top = value < 8 ? 0 : static_cast<unsigned>(std::bit_width(value)) - 4;
    ++counts_[top * 8 + (value >> top)];
  }
  /// Lines "bench: latency LEAST=COUNT ..." of those that are not empty.
  void print() const {
    Line line;
    unsigned on_line = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] == 0) continue;
      const std::size_t top = i < 16 ? 0 : i / 8 - 1;
      if (on_line++ == 0) line << "bench: latency";
      line << ' ' << ((i - top * 8) << top) << '=' << counts_[i];
      if (on_line == 8) {
        (void)line.write();
        on_line = 0;
      }
    }
    if (on_line != 0) (void)line.write();
  }

 private:
  std::array<std::uint64_t, 40 * 8> counts_{};
};

struct Outbound {
  Edge edge;
  std::uint32_t phases = 0;  ///< set of bits
  std::uint64_t next = 0;
};
struct Inbound {
  std::uint64_t edge_id = 0;
  std::uint64_t next = 0;
};

class Talker {
 public:
  void run() {
    find_edges();
    next_ = now();
    for (const char phase : argument(4)) talk(1u << (phase - '0'));
    for (Outbound& to : std::span{out_}.first(out_count_)) send_to(to, last_message);
    while (open_ != 0) receive_until(forever);
    say("bench: talker sent=", sent_, " received=", received_, " wrong=", wrong_);
    latency_.print();
  }

 private:
  void find_edges() {
    for (const rvm_directory_entry& e : directory()) {
      if (e.type != RVM_OBJECT_EDGE) continue;
      if (std::string_view{e.name}.starts_with("from")) {
        ++open_;
        continue;
      }
      require(out_count_ < out_.size(), "too many edges");
      Outbound& to = out_[out_count_++];
      to.edge = Edge{e.handle};
      for (const char* c = e.name + 1; *c >= '0' && *c <= '9'; ++c) to.phases |= 1u << (*c - '0');
    }
  }

  /// Edges of a phase by turns; nullptr if it has none.
  Outbound* pick(std::uint32_t phase) {
    for (std::size_t i = 0; i < out_count_; ++i) {
      turn_ = (turn_ + 1) % out_count_;
      if ((out_[turn_].phases & phase) != 0) return &out_[turn_];
    }
    return nullptr;
  }

  void talk(std::uint32_t phase) {
    for (std::uint64_t i = 0; i < messages_; ++i) {
      // Not in step with the others.
      random_ = random_ * 6364136223846793005 + 1442695040888963407;
      next_ = next_ + Nanoseconds{pause_ / 2 + (random_ >> 33) % pause_};
      while (now() < next_) receive_until(next_);
      if (Outbound* const to = pick(phase)) send_to(*to, to->next++);
    }
  }

  void send_to(Outbound& to, std::uint64_t sequence) {
    const Header header{sequence, now().count};
    std::memcpy(outgoing_.data(), &header, sizeof header);
    const std::span message = std::span{outgoing_}.first(bytes_);
    Status sent = send(to.edge, message, no_wait);
    while (!sent && error_of(sent) == Error::resource_limit) {
      receive_until(now() + microseconds(100));
      sent = send(to.edge, message, no_wait);
    }
    require(sent.has_value(), "send: ", error_of(sent));
    if (sequence != last_message) ++sent_;
  }

  void receive_until(Nanoseconds deadline) {
    // Who has heard the last of everybody would only be told so.
    if (open_ == 0 && deadline != no_wait) return sleep_until(deadline);
    for (;;) {
      const Result<Received> received = receive(Edge{}, incoming_, deadline);
      if (!received) {
        const Error e = error_of(received);
        if (e == Error::peer_gone) continue;  // one that is done: its last message came before
        require(e == Error::would_block || e == Error::timed_out, "receive: ", e);
        return;
      }
      take(*received);
      if (open_ == 0) return;
    }
  }

  void take(const Received& received) {
    Header header{};
    std::memcpy(&header, incoming_.data(), sizeof header);
    if (header.sequence == last_message) {
      --open_;
      return;
    }
    latency_.add(now().count - header.sent);
    Inbound* from = nullptr;
    for (Inbound& known : std::span{in_}.first(in_count_))
      if (known.edge_id == received.edge_id) from = &known;
    if (from == nullptr) {
      require(in_count_ < in_.size(), "too many edges");
      from = &in_[in_count_++];
      *from = {received.edge_id, 0};
    }
    if (header.sequence != from->next) ++wrong_;
    from->next = header.sequence + 1;
    ++received_;
    for (std::uint64_t i = work_ / 2; i != 0; --i) asm volatile("");
  }

  const std::uint64_t messages_ = argument_number(0, 1000);
  const std::uint64_t pause_ = argument_number(1, 1'000'000);
  const std::uint64_t work_ = argument_number(2, 0);
  const std::uint64_t bytes_ = argument_number(3, 128);
  std::array<Outbound, edges_maximum> out_{};
  std::size_t out_count_ = 0;
  std::size_t turn_ = 0;
  std::array<Inbound, edges_maximum> in_{};
  std::size_t in_count_ = 0;
  std::size_t open_ = 0;  ///< senders that go on
  std::uint64_t sent_ = 0, received_ = 0, wrong_ = 0;
  std::uint64_t random_ = info().agent_id;
  Nanoseconds next_{};
  Histogram latency_;
  alignas(16) std::array<std::byte, RVM_MESSAGE_BYTES_MAX> outgoing_{};
  alignas(16) std::array<std::byte, RVM_MESSAGE_BYTES_MAX> incoming_{};
};

Talker talker;

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  talker.run();
  return 0;
}
