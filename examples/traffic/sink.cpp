// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Receives what a sender sends, checks order and content of everything, and reports to the leader. A shared region
// arrives with READ only; one that was given away arrives with all rights and is destroyed after use.
#include "traffic.hpp"

using namespace rvm::agent;

namespace {

/// Checks a delivered region: its first word is the seed of all the others.
bool take_region(const rvm_capability_message& message, traffic::Report& report) {
  const Region region{message.handle};
  if (message.type != RVM_OBJECT_REGION || message.pages != traffic::region_pages) return false;
  const bool ours = (message.rights & RVM_RIGHT_WRITE) != 0;
  if (!map(region, map_base(), ours ? Access::read_write : Access::read)) return false;
  const std::span words = memory_at<std::uint64_t>(map_base(), traffic::region_bytes / 8);
  const bool right = traffic::matches(words.subspan(1), words[0]);
  if (ours) {
    for (std::uint64_t& w : words) w = 0;  // it is this partition's memory now, so it may be written
    ++report.moved;
  } else {
    ++report.shared;
  }
  if (!unmap(region)) return false;
  if (ours && !destroy(region)) return false;
  return right;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const Edge source = find_edge("source");
  const Edge report_edge = find_edge("report");
  const auto sender = find<AgentRef>("sender");
  require(source && report_edge && sender, "a capability is missing");

  alignas(16) static std::array<std::byte, RVM_MESSAGE_BYTES_MAX> buffer;
  traffic::Report report{};
  for (;;) {
    const Result<Received> r = receive(source, buffer);
    require(r.has_value(), "receive: ", error_of(r));
    if (r->kind == MessageKind::region) {
      rvm_capability_message message{};
      std::memcpy(&message, buffer.data(), sizeof message);
      if (!take_region(message, report)) ++report.errors;
      if (!signal(sender, traffic::region_read)) ++report.errors;
      continue;
    }
    traffic::Header header{};
    std::memcpy(&header, buffer.data(), sizeof header);
    if (header.sequence == traffic::last_message) break;
    const std::span body = std::span{buffer}.subspan(sizeof header, r->length - sizeof header);
    const bool right = header.sequence == report.messages && header.checksum == traffic::checksum(body);
    if (!right) ++report.errors;
    ++report.messages;
    report.bytes += r->length;
  }
  const Status sent = send_value(report_edge, report);
  require(sent.has_value(), "report: ", error_of(sent));
  return report.errors == 0 ? 0 : 1;
}
