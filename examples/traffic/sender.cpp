// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sends messages of 16 to 4096 bytes to the sink of the next partition, and now and then a region of memory: first
// shared for reading, then given away. args: number of messages.
#include "traffic.hpp"

using namespace rvm::agent;

namespace {

constexpr std::uint64_t messages_per_region = 64;

/// Regions travel in messages, but never wait for room in the queue: try again until the sink has read some.
template <typename Operation>
Status when_there_is_room(Operation operation) {
  for (;;) {
    const Status s = operation();
    if (error_of(s) != Error::resource_limit) return s;
    sleep_for(microseconds(500));
  }
}

void give_region(Edge sink, std::uint64_t seed) {
  const Result<Region> region = create_region(traffic::region_pages);
  require(region.has_value(), "region_create: ", error_of(region));
  Status s = map(*region, map_base(), Access::read_write);
  require(s.has_value(), "region_map: ", error_of(s));
  const std::span words = memory_at<std::uint64_t>(map_base(), traffic::region_bytes / 8);
  words[0] = seed;
  traffic::fill(words.subspan(1), seed);

  s = when_there_is_room([&] { return share(*region, sink, Rights::read | Rights::prove); });
  require(s.has_value(), "region_share: ", error_of(s));
  require(wait(traffic::region_read).has_value(), "the sink never read the shared region");
  s = unshare(*region);
  require(s.has_value(), "region_unshare: ", error_of(s));

  s = unmap(*region);
  require(s.has_value(), "region_unmap: ", error_of(s));
  s = when_there_is_room([&] { return transfer(*region, sink); });
  require(s.has_value(), "region_transfer: ", error_of(s));
  require(wait(traffic::region_read).has_value(), "the sink never took the region");
  // It is the sink's now: using the old handle must fail.
  require(!map(*region, map_base(), Access::read).has_value(), "a region that was given away can still be mapped");
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info* me) {
  const Edge sink = find_edge("sink");
  require(static_cast<bool>(sink), "no edge named sink");
  const std::uint64_t messages = argument_number(0, 256);

  const Result<std::uint64_t> started = wait(traffic::go);
  require(started.has_value(), "wait: ", error_of(started));

  alignas(16) static std::array<std::byte, RVM_MESSAGE_BYTES_MAX> buffer;
  traffic::Random random{me->agent_id};
  for (std::uint64_t i = 0; i < messages; ++i) {
    const std::size_t length = sizeof(traffic::Header) + random.next() % (buffer.size() - sizeof(traffic::Header) + 1);
    const std::span body = std::span{buffer}.subspan(sizeof(traffic::Header), length - sizeof(traffic::Header));
    std::uint64_t word = random.next();
    for (std::byte& b : body) b = static_cast<std::byte>(word = word * 5 + 1);
    const traffic::Header header{i, traffic::checksum(body)};
    std::memcpy(buffer.data(), &header, sizeof header);
    const Status s = send(sink, std::span{buffer}.first(length));
    require(s.has_value(), "send: ", error_of(s));
    if (i % messages_per_region == messages_per_region - 1) give_region(sink, random.next() | 1);
  }
  const traffic::Header end{traffic::last_message, 0};
  const Status s = send_value(sink, end);
  require(s.has_value(), "send: ", error_of(s));
  return 0;
}
