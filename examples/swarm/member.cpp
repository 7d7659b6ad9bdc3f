// SPDX-License-Identifier: MIT OR Apache-2.0
#include "member.hpp"

namespace swarm {

using namespace rvm::agent;

namespace {

constexpr Nanoseconds pause = milliseconds(20);  // between two words of the idle phase

alignas(16) std::array<std::byte, longest_message> outgoing;
alignas(16) std::array<std::byte, longest_message> incoming;

/// Messages on an edge of this name in one phase.
std::uint64_t messages_on(std::string_view name, Phase phase) {
  const Pattern pattern = pattern_of(phase);
  for (const Channel& channel : {pattern.first, pattern.second}) {
    if (channel.name.empty() || !name.starts_with(channel.name)) continue;
    return channel.all_rounds ? rounds_of(phase) : (rounds_of(phase) + 1) / 2;
  }
  return 0;
}

/// Whether it is an edge that members talk over, and which of the two directions it has.
bool is_inbound(const rvm_directory_entry& e) { return std::string_view{e.name}.starts_with(inbound); }
bool is_report(const rvm_directory_entry& e) { return std::string_view{e.name} == "report"; }

}  // namespace

Member::Member() : report_edge_(find_edge("report")), random_(info().agent_id * 0x9e3779b97f4a7c15 | 1) {
  require(static_cast<bool>(report_edge_), "no edge named report");
  for (const rvm_directory_entry& e : directory()) {
    if (e.type != RVM_OBJECT_EDGE || is_inbound(e) || is_report(e)) continue;
    require(out_count_ < out_.size(), "too many edges");
    out_[out_count_++] = {Edge{e.handle}, e.name};
  }
}

void Member::begin(Phase phase) {
  phase_ = phase;
  rounds_ = rounds_of(phase);
  expected_ = first_peer_ = 0;
  for (const rvm_directory_entry& e : directory()) {
    if (e.type == RVM_OBJECT_EDGE && is_inbound(e))
      expected_ += messages_on(std::string_view{e.name}.substr(inbound.size()), phase);
  }
  report_ = {};
  report_.phase = std::to_underlying(phase);
}

void Member::send_round(std::uint64_t round) {
  const Pattern pattern = pattern_of(phase_);
  for (const Channel& channel : {pattern.first, pattern.second}) {
    if (channel.name.empty() || (!channel.all_rounds && round % 2 != 0)) continue;
    for (Outbound& to : std::span{out_}.first(out_count_))
      if (to.name.starts_with(channel.name)) send_to(to);
  }
  if (phase_ == Phase::dissolve) sleep_for(pause);
  receive_until(no_wait);
}

void Member::send_to(Outbound& to) {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const std::size_t length = phase_ == Phase::dissolve ? idle_message : idle_message + random_ % 27 * 8;
  const std::span body = std::span{outgoing}.subspan(sizeof(Header), length - sizeof(Header));
  for (std::size_t i = 0; i < body.size(); i += 8) {
    const std::uint64_t word = random_ + i;
    std::memcpy(&body[i], &word, 8);
  }
  const Header header{to.next, checksum(to.next, body)};
  std::memcpy(outgoing.data(), &header, sizeof header);
  // While its queue is full the receiver may be waiting for room in ours: it waits for as long as there is nothing to take.
  const std::span message = std::span{outgoing}.first(length);
  Status sent = send(to.edge, message, no_wait);
  while (!sent && error_of(sent) == Error::resource_limit) {
    receive_until(no_wait);
    sent = send(to.edge, message, now() + milliseconds(1));
    if (error_of(sent) == Error::timed_out) sent = std::unexpected(Error::resource_limit);
  }
  require(sent.has_value(), "send: ", error_of(sent));
  ++to.next;
  ++report_.sent;
  report_.sent_sum += header.checksum;
}

void Member::receive_until(Nanoseconds deadline) {
  while (report_.received < expected_) {
    const Result<Received> received = receive(Edge{}, incoming, deadline);
    if (!received) {
      const Error e = error_of(received);
      require(e == Error::would_block || e == Error::timed_out, "receive: ", e);
      return;
    }
    take(*received);
    deadline = no_wait;
  }
}

void Member::take(const Received& received) {
  Inbound* from = nullptr;
  for (Inbound& known : std::span{in_}.first(in_count_))
    if (known.edge_id == received.edge_id) from = &known;
  if (from == nullptr) {
    require(in_count_ < in_.size(), "too many edges");
    from = &in_[in_count_++];
    *from = {received.edge_id, 0};
  }
  Header header{};
  std::memcpy(&header, incoming.data(), sizeof header);
  const std::span body = std::span{incoming}.subspan(sizeof header, received.length - sizeof header);
  if (header.sequence != from->next || header.checksum != checksum(header.sequence, body)) ++report_.wrong;
  from->next = header.sequence + 1;
  ++report_.received;
  report_.received_sum += header.checksum;
  if (first_peer_ == 0 || received.badge.value < first_peer_) first_peer_ = received.badge.value;
}

void Member::finish() {
  while (report_.received < expected_) receive_until(forever);
  const Status sent = send_value(report_edge_, report_);
  require(sent.has_value(), "report: ", error_of(sent));
}

}  // namespace swarm
