// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two agents of one partition, one of which is moved to another: what either tries to keep across the boundary that came between
// them. args: role. Pairs of roles, the one that is moved first:
//   leaver, host        the leaver goes on reading the host's memory
//   guest, watcher      the watcher goes on reading the guest's memory, and the guest says when it has moved
//   writer, reader      both map a region to write; the one that left goes on writing
//   sharer, scribbler   the same; the one that stayed goes on writing
//   collector, partner  holds capabilities that lead to both sides, and asks for what it had
//   talker, listener    fills the queue between them, and goes on when it has moved
// Whoever still can after the move ends with code 42.
#include <atomic>

#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr int escaped = 42;

std::uint64_t word(std::uint64_t address) { return std::atomic_ref{memory_at<std::uint64_t>(address, 1)[0]}.load(); }
void set(std::uint64_t address, std::uint64_t value) {
  std::atomic_ref{memory_at<std::uint64_t>(address, 1)[0]}.store(value);
}

/// The partition that it lives in now, which the kernel keeps in its information page.
std::uint32_t home() {
  return *const_cast<const volatile std::uint32_t*>(&info().partition_id);  // NOLINT: the kernel writes it
}

void tell(std::uint64_t value) { require(send_value(find_edge("other"), value).has_value(), "cannot send"); }
/// Who stayed may have met its end at the first thing it did after the move.
void tell_who_may_have_ended(std::uint64_t value) {
  const Status told = send_value(find_edge("other"), value);
  require(told.has_value() || told.error() == Error::peer_gone, "cannot send: ", error_of(told));
}
std::uint64_t hear() {
  std::uint64_t value = 0;
  const auto r = receive(find_edge("one"), std::as_writable_bytes(std::span{&value, 1}));
  require(r.has_value(), "cannot receive: ", error_of(r));
  return value;
}
bool has_heard() {
  std::uint64_t value = 0;
  return receive(find_edge("one"), std::as_writable_bytes(std::span{&value, 1}), no_wait).has_value();
}
void ask_to_be_moved() { require(signal(find<AgentRef>("mover"), 1).has_value(), "cannot signal"); }
void wait_until_moved(std::uint32_t from) {
  while (home() == from) yield();
}

/// Does it for ever. What was begun after the move must not come to its end.
template <typename Moved, typename Use>
int go_on(Moved moved, Use use) {
  for (;;) {
    const bool after = moved();
    use();
    if (after) return escaped;
  }
}

int leaver() {
  const std::uint64_t secret = hear();
  const std::uint32_t from = home();
  require(word(secret) == 42, "partitions share memory");
  ask_to_be_moved();
  return go_on([&] { return home() != from; }, [&] { (void)word(secret); });
}
int host() {
  set(info().heap_base, 42);
  tell(info().heap_base);
  (void)wait(1);
  return 0;
}

int guest() {
  const std::uint32_t from = home();
  set(info().heap_base, 42);
  tell(info().heap_base);
  (void)hear();
  ask_to_be_moved();
  wait_until_moved(from);
  tell_who_may_have_ended(1);
  (void)wait(1);
  return 0;
}
int watcher() {
  const std::uint64_t secret = hear();
  require(word(secret) == 42, "partitions share memory");
  tell(1);
  return go_on(has_heard, [&] { (void)word(secret); });
}

/// A region that both can write.
Region share_region() {
  const auto region = create_region(1);
  require(region && map(*region, map_base(), Access::read_write), "no region");
  const Status shared =
      share(*region, find_edge("other"), Rights::read | Rights::write | Rights::grant | Rights::prove);
  require(shared.has_value(), "REGION_SHARE: ", error_of(shared));
  return *region;
}
Region take_region() {
  std::array<std::byte, sizeof(rvm_capability_message)> buffer{};
  const auto r = receive(find_edge("one"), buffer);
  require(r && r->kind == MessageKind::region, "no region came");
  const Region region{std::bit_cast<rvm_capability_message>(buffer).handle};
  const Status mapped = map(region, map_base(), Access::read_write);
  require(mapped.has_value(), "REGION_MAP: ", error_of(mapped));
  set(map_base(), 1);
  return region;
}

int writer() {
  const std::uint32_t from = home();
  (void)share_region();
  (void)hear();
  ask_to_be_moved();
  return go_on([&] { return home() != from; }, [] { set(map_base(), 2); });
}
int reader() {
  (void)take_region();
  tell(1);
  (void)wait(1);
  return 0;
}

int sharer() {
  const std::uint32_t from = home();
  (void)share_region();
  (void)hear();
  ask_to_be_moved();
  wait_until_moved(from);
  tell_who_may_have_ended(1);
  (void)wait(1);
  return 0;
}
int scribbler() {
  (void)take_region();
  tell(1);
  return go_on(has_heard, [] { set(map_base(), 3); });
}

/// Without PROVE there is no proof to check, without another right nothing to do.
void expect_denied(std::string_view what, const Status& s) {
  require(!s && (s.error() == Error::rights || s.error() == Error::proof), what, ": ", error_of(s));
}
void expect_refused(std::string_view what, const Status& s, Error because) {
  require(!s && s.error() == because, what, ": ", error_of(s));
}
template <typename T>
Status outcome(const Result<T>& r) {
  return status(static_cast<rvm_error>(error_of(r)));
}

int collector() {
  const std::uint32_t from = home();
  const Region region = share_region();
  const auto child = derive(region, Rights::read | Rights::write | Rights::prove);
  require(child.has_value(), "CAP_DERIVE: ", error_of(child));
  (void)hear();
  require(unmap(region).has_value(), "cannot unmap");
  ask_to_be_moved();
  wait_until_moved(from);
  expect_denied("writing what both can reach", map(region, map_base(), Access::read_write));
  expect_denied("the same by a copy", map(*child, map_base(), Access::read_write));
  expect_denied("the right to give it away", outcome(derive(region, Rights::write)));
  expect_denied("giving it away", share(region, find_edge("other"), Rights::read));
  const auto where = inspect(own_partition());
  require(where && where->object == home() && home() != from, "its own partition is not where it is");
  const auto fresh = create_region(1);
  require(fresh && map(*fresh, map_base(), Access::read_write), "cannot have memory of its own");
  return 0;
}
int partner() {
  const Region region = take_region();
  const auto child = derive(region, Rights::read | Rights::write | Rights::prove);
  require(child.has_value(), "CAP_DERIVE: ", error_of(child));
  tell(1);
  (void)wait(1);
  return 0;
}

constexpr std::uint64_t queue = 16;
int talker() {
  const std::uint32_t from = home();
  const Edge other = find_edge("other");
  std::uint64_t number = 0;
  for (; number < queue; ++number) require(send_value(other, number, no_wait).has_value(), "the queue is short");
  expect_refused("one more than fit", send_value(other, number, no_wait), Error::resource_limit);
  ask_to_be_moved();
  wait_until_moved(from);
  expect_refused("one more than fit, from elsewhere", send_value(other, number, no_wait), Error::resource_limit);
  require(signal(find<AgentRef>("listener"), 1).has_value(), "cannot signal");
  for (; number < 4 * queue; ++number) require(send_value(other, number).has_value(), "cannot send");
  return 0;
}
int listener() {
  require(wait(1).has_value(), "wait failed");
  for (std::uint64_t number = 0; number < 4 * queue; ++number) require(hear() == number, "a message is missing");
  sleep_for(milliseconds(2));
  require(!has_heard(), "a message came twice");
  return 0;
}

struct Role {
  std::string_view name;
  int (*play)();
};
constexpr std::array roles{
    Role{"leaver", leaver},       Role{"host", host},       Role{"guest", guest},   Role{"watcher", watcher},
    Role{"writer", writer},       Role{"reader", reader},   Role{"sharer", sharer}, Role{"scribbler", scribbler},
    Role{"collector", collector}, Role{"partner", partner}, Role{"talker", talker}, Role{"listener", listener},
};

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  for (const Role& role : roles)
    if (role.name == argument(0)) return role.play();
  require(false, "no such role");
  return 1;
}
