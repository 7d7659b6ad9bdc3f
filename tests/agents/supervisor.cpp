// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Makes partitions and agents, stops and ends them in every way there is, and checks what each side sees. The manifest
// gives it WRITE on the hypervisor as "hypervisor" and the index of the worker's image as its argument.
#include <optional>
#include <rvm/agent.hpp>

#include "worker.hpp"

using namespace rvm::agent;
using test::Behaviour;
using test::Request;

namespace {

constexpr std::uint64_t quota = 256;                                 // pages
constexpr std::uint64_t running = 1, suspended = 2, terminated = 6;  // agent states, as AGENT_INFO gives them

std::uint64_t worker_image;
unsigned checks;

template <typename... T>
void expect(bool condition, const T&... what) {
  require(condition, what...);
  ++checks;
}
template <typename T>
void expect_error(const Result<T>& got, std::initializer_list<Error> wanted, std::string_view what) {
  for (const Error e : wanted)
    if (error_of(got) == e) {
      ++checks;
      return;
    }
  require(false, what, ": got ", error_of(got));
}

Partition new_partition() {
  const auto p = create_partition(find<Partition>("hypervisor"), quota);
  expect(p.has_value(), "partition_create: ", error_of(p));
  return *p;
}
AgentRef new_worker(Partition p, Behaviour behaviour) {
  const auto a = spawn(p, worker_image, 5000, static_cast<std::uint64_t>(behaviour));
  expect(a.has_value(), "agent_spawn: ", error_of(a));
  return *a;
}
AgentRef myself() { return find<AgentRef>(RVM_DIRECTORY_SELF); }

/// Waits up to a second until the agent is in `state`; its information then.
rvm_agent_state await(AgentRef a, std::uint64_t state, std::string_view what) {
  const Nanoseconds deadline = now() + milliseconds(1000);
  for (;;) {
    const auto s = information(a);
    require(s.has_value(), what, ": agent_info: ", error_of(s));
    if (s->state == state) {
      ++checks;
      return *s;
    }
    require(now() < deadline, what, ": state is ", s->state, ", not ", state);
    sleep_for(microseconds(200));
  }
}
/// Whether the agent gets CPU time. One that may run does so within two seconds even on a busy computer.
bool runs(AgentRef a, Nanoseconds patience = milliseconds(2000)) {
  const std::uint64_t before = information(a).value().cpu_ns;
  for (const Nanoseconds deadline = now() + patience; now() < deadline; sleep_for(milliseconds(1)))
    if (information(a).value().cpu_ns != before) return true;
  return false;
}
/// Whether it comes to rest: another core hears of a suspension a little later.
bool stands_still(AgentRef a) {
  for (int tries = 0; tries < 50; ++tries)
    if (!runs(a, milliseconds(20))) return true;
  return false;
}
void end(Partition p) { expect(destroy(p).has_value(), "partition_destroy"); }

/// A handle to something that is gone: of no use, and giving it back frees its slot.
void give_back(AnyHandle auto h, std::string_view what) {
  const auto used = inspect(h);
  const auto given = revoke(h);
  if (used) expect(given.has_value(), what, ": revoke: ", error_of(given));
  expect_error(inspect(h), {Error::bad_capability}, what);
}

void ways_to_end() {
  const Partition p = new_partition();
  expect(await(new_worker(p, Behaviour::exit_seven), terminated, "exit").exit_code == 7, "exit code");
  await(new_worker(p, Behaviour::fault), terminated, "fault");
  const AgentRef spinner = new_worker(p, Behaviour::spin);
  await(spinner, running, "spin");
  expect(terminate(spinner).has_value(), "terminate a spinner");
  expect_error(terminate(spinner), {Error::bad_state, Error::bad_capability, Error::peer_gone}, "terminate twice");
  const AgentRef waiter = new_worker(p, Behaviour::await_signal);
  sleep_for(milliseconds(1));
  expect(signal(waiter, 0x15).has_value(), "signal");
  expect(await(waiter, terminated, "signal").exit_code == 0x15, "notification bits");
  expect_error(signal(waiter, 1), {Error::bad_state, Error::bad_capability, Error::peer_gone}, "signal the dead");
  end(p);
}

void suspend_and_resume() {
  const Partition p = new_partition();
  const AgentRef a = new_worker(p, Behaviour::spin);
  await(a, running, "spin");
  expect(runs(a), "a spinner runs");
  expect(suspend(a).has_value(), "suspend");
  await(a, suspended, "suspend");
  expect(stands_still(a), "a suspended agent does not run");
  expect_error(suspend(a), {Error::bad_state}, "suspend twice");
  expect(resume(a).has_value(), "resume");
  expect(runs(a), "a resumed agent runs");
  expect_error(resume(a), {Error::bad_state}, "resume twice");

  expect(suspend(p).has_value(), "suspend the partition");
  sleep_for(milliseconds(2));
  expect(stands_still(a), "nothing of a suspended partition runs");
  expect_error(suspend(p), {Error::bad_state}, "suspend the partition twice");
  expect(resume(p).has_value(), "resume the partition");
  expect(runs(a), "a resumed partition runs");
  expect(information(p).value().agents == 1, "agents of the partition");
  end(p);
  expect_error(information(p), {Error::bad_capability, Error::peer_gone}, "a destroyed partition's handle");
  const auto gone = information(a);
  expect(!gone || gone->state == terminated, "its agent is gone");
  give_back(p, "a destroyed partition");
  give_back(a, "its agent");
}

/// Calls a worker over a fresh edge; what the caller sees.
void calls_and_death() {
  const Partition p = new_partition();
  const AgentRef server = new_worker(p, Behaviour::serve);
  const auto edge = create_edge(myself(), server, 4, Badge{99});
  expect(edge.has_value(), "edge_create: ", error_of(edge));
  const Edge to_server{edge->sender};
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto reply = call(to_server, Message{static_cast<std::uint64_t>(Request::increment), i});
    expect(reply && (*reply)[1] == i + 1, "increment");
  }
  expect_error(call(to_server, Message{static_cast<std::uint64_t>(Request::fault)}), {Error::peer_gone},
               "server faults");
  expect_error(call(to_server, Message{}), {Error::peer_gone, Error::bad_capability}, "call the dead");

  const AgentRef second = new_worker(p, Behaviour::serve);
  const auto again = create_edge(myself(), second, 4);
  expect(again.has_value(), "edge_create: ", error_of(again));
  expect_error(call(Edge{again->sender}, Message{static_cast<std::uint64_t>(Request::exit)}), {Error::peer_gone},
               "server exits");
  end(p);
}

void messages_and_edges() {
  const Partition p = new_partition();
  const AgentRef reader = new_worker(p, Behaviour::receive_one);
  auto edge = create_edge(myself(), reader, 2);
  expect(edge.has_value(), "edge_create: ", error_of(edge));
  const std::array<std::byte, 3> bytes{std::byte{1}, std::byte{2}, std::byte{4}};
  expect(send(Edge{edge->sender}, bytes).has_value(), "send");
  expect(await(reader, terminated, "receive").exit_code == 7, "bytes arrive as they are");
  expect_error(send(Edge{edge->sender}, bytes, no_wait), {Error::peer_gone, Error::bad_capability}, "send to the dead");

  // A reader that does not read: the queue fills, the sender is told, and destroying the edge ends both ends' handles.
  const AgentRef sleeper = new_worker(p, Behaviour::sleep);
  edge = create_edge(myself(), sleeper, 2);
  expect(edge.has_value(), "edge_create: ", error_of(edge));
  expect(send(Edge{edge->sender}, bytes, no_wait).has_value(), "first");
  expect(send(Edge{edge->sender}, bytes, no_wait).has_value(), "second");
  expect_error(send(Edge{edge->sender}, bytes, no_wait), {Error::resource_limit, Error::would_block}, "queue full");
  const Nanoseconds before = now();
  expect_error(send(Edge{edge->sender}, bytes, before + milliseconds(5)), {Error::timed_out}, "deadline for space");
  expect(now() - before >= milliseconds(5), "the deadline was waited for");
  expect(destroy(edge->owner).has_value(), "edge_destroy");
  expect_error(send(Edge{edge->sender}, bytes, no_wait), {Error::peer_gone, Error::bad_capability}, "a destroyed edge");
  end(p);
}

void regions() {
  const auto region = create_region(4);
  expect(region.has_value(), "region_create: ", error_of(region));
  expect(map(*region, map_base(), Access::read_write).has_value(), "map");
  const auto words = memory_at<volatile std::uint64_t>(map_base(), 2048);
  for (std::size_t i = 0; i < words.size(); ++i) {
    require(words[i] == 0, "fresh memory is zero");
    words[i] = i;
  }
  expect_error(map(*region, map_base() + (1 << 20), Access::read), {Error::bad_state, Error::overlap}, "map twice");
  expect(unmap(*region).has_value(), "unmap");
  expect(map(*region, map_base() + 0x10000, Access::read).has_value(), "map elsewhere");
  expect(memory_at<volatile std::uint64_t>(map_base() + 0x10000, 2048)[2047] == 2047, "contents stay");
  expect(destroy(*region).has_value(), "region_destroy");
  expect_error(unmap(*region), {Error::bad_capability, Error::peer_gone}, "a destroyed region's handle");
  const auto next = create_region(4);
  expect(next && map(*next, map_base(), Access::read_write).has_value(), "the address is free again");
  expect(memory_at<volatile std::uint64_t>(map_base(), 2048)[2047] == 0, "returned pages were scrubbed");
  expect(destroy(*next).has_value(), "region_destroy");
}

void derivation() {
  Partition chain = new_partition();
  const Partition root = chain;
  unsigned depth = 0;
  for (; depth < 32; ++depth) {
    const auto child = derive(chain, Rights::read | Rights::grant | Rights::revoke);
    if (!child) {
      expect_error(child, {Error::delegation_depth}, "derive too deep");
      break;
    }
    chain = *child;
  }
  expect(depth == 8, "delegation depth is ", depth);
  expect(information(chain).has_value(), "the last child works");
  expect_error(suspend(chain), {Error::rights}, "without WRITE");
  const auto half = derive(root, Rights::read);
  expect(half.has_value(), "derive");
  expect_error(derive(*half, Rights::read), {Error::rights}, "derive without GRANT");
  end(root);
  expect_error(information(chain), {Error::bad_capability, Error::peer_gone}, "children of a destroyed object");
  give_back(root, "the root");
  expect_error(inspect(chain), {Error::bad_capability}, "revocation reaches every descendant");
}

/// Everything a partition owned comes back: far more cycles than memory, ids or table slots would last otherwise.
void churn(std::uint64_t rounds) {
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const Partition p = new_partition();
    const AgentRef a = new_worker(p, (i & 1) != 0 ? Behaviour::spin : Behaviour::serve);
    std::optional<EdgeEnds> edge;
    // The sender's handle of an edge cannot be given back: it carries no REVOKE. A few rounds have one.
    if (i % 16 == 0) {
      const auto made = create_edge(myself(), a, 4);
      expect(made.has_value(), "round ", i, ": edge_create: ", error_of(made));
      edge = *made;
    }
    end(p);
    give_back(p, "partition");
    give_back(a, "agent");
    if (edge) give_back(edge->owner, "edge");
  }
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  worker_image = argument_number(0, 1);
  ways_to_end();
  suspend_and_resume();
  calls_and_death();
  messages_and_edges();
  regions();
  derivation();
  churn(argument_number(1, 100));
  say("lifecycle: ", checks, " checks");
  return 0;
}
