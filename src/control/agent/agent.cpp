// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The control agent. It does for its operator what any agent could do that held its capabilities: each request is one or two
// hypercalls, refused and witnessed as anybody's. It has nothing to do, and takes no time, while nobody asks.
#include <algorithm>
#include <bit>

#include "boundaries.hpp"
#include "line.hpp"
#include "obtained.hpp"
#include "rvm/control/session.hpp"

using namespace rvm::agent;

namespace rvm::control {
namespace {

/// The machine as a responder sees it.
class ThisMachine {
 public:
  ThisMachine()
      : hypervisor_(find<Partition>("hypervisor")),
        boundaries_(hypervisor_),
        log_(find<Witness>("log")),
        key_(own_key()) {
    first_record_ = position().sealed;
  }

  /// Of the control key, which differs for each package, the time, and a count: nobody has seen it before.
  Nonce fresh_nonce() {
    struct {
      std::uint64_t now, count;
      char domain[16];
    } const seed{now().count, ++nonces_, "RVM-NONCE-1"};
    const crypto::Digest digest = key_.mac(crypto::bytes_of(seed));
    Nonce nonce;
    std::copy_n(digest.begin(), nonce.size(), nonce.begin());
    return nonce;
  }

  HealthReport health() {
    rvm_machine_status machine{};
    std::uint64_t cursor = 0;
    std::uint64_t entries = 0;
    (void)rvm_system_read(hypervisor_.raw, RVM_READ_MACHINE, &cursor, &machine, sizeof machine, &entries);
    return {.now_ns = machine.now_ns, .epoch = machine.epoch, .records = machine.records, .durable = machine.durable};
  }

  std::size_t perform(const Request& request, ResponseHead& head, std::span<std::byte> data) {
    const auto& a = request.arguments;
    switch (request.operation) {
      case Operation::read:
        return read(a[0], a[1], head, data);
      case Operation::records:
        return records(a, head, data);
      case Operation::suspend:
        head.status = upon(
            a[0], a[1], RVM_RIGHT_WRITE, [](Partition p) { return error_of(suspend(p)); },
            [](AgentRef x) { return error_of(suspend(x)); });
        return 0;
      case Operation::resume:
        head.status = upon(
            a[0], a[1], RVM_RIGHT_WRITE, [](Partition p) { return error_of(resume(p)); },
            [](AgentRef x) { return error_of(resume(x)); });
        return 0;
      case Operation::terminate:
        head.status = upon(
            a[0], a[1], RVM_RIGHT_REVOKE | RVM_RIGHT_PROVE, [](Partition p) { return error_of(destroy(p)); },
            [](AgentRef x) { return error_of(terminate(x)); });
        return 0;
      case Operation::split:
        head.status = boundaries_.split(a[0], a[1], a[2], data, head.values[0]);
        if (head.status == RVM_ERROR_OK) head.values[1] = static_cast<std::uint64_t>(std::popcount(a[1]));
        return 0;
      case Operation::merge:
        head.status = boundaries_.merge(a[0], a[1], data);
        return 0;
      case Operation::migrate:
        head.status = boundaries_.migrate(a[0], a[1], data);
        return 0;
    }
    head.status = status_unknown;
    return 0;
  }

 private:
  rvm_witness_position position() const {
    rvm_witness_position p{};
    (void)rvm_witness_head(log_.raw, &p);
    return p;
  }
  static crypto::HmacKey own_key() { return crypto::HmacKey{std::as_bytes(std::span{info().control_key})}; }

  std::size_t read(std::uint64_t what, std::uint64_t cursor, ResponseHead& head, std::span<std::byte> data) const {
    std::size_t entry = 0;
    switch (what) {
      case RVM_READ_MACHINE:
        entry = sizeof(rvm_machine_status);
        break;
      case RVM_READ_PARTITIONS:
        entry = sizeof(rvm_partition_status);
        break;
      case RVM_READ_AGENTS:
        entry = sizeof(rvm_agent_status);
        break;
      case RVM_READ_EDGES:
        entry = sizeof(rvm_edge_status);
        break;
      default:
        head.status = RVM_ERROR_BAD_ARGUMENT;
        return 0;
    }
    // As much as fits, over stretches of a table where nothing is.
    const std::size_t room = std::min(data.size(), data_limit) / entry;
    std::size_t used = 0;
    do {
      std::uint64_t written = 0;
      const rvm_error e =
          rvm_system_read(hypervisor_.raw, what, &cursor, data.data() + used * entry, (room - used) * entry, &written);
      if (e != RVM_ERROR_OK) {
        head.status = e;
        return 0;
      }
      used += static_cast<std::size_t>(written);
    } while (cursor != 0 && used < room);
    head.entries = static_cast<std::uint32_t>(used);
    head.next = cursor;
    return used * entry;
  }

  /// Records that are still in the kernel's memory. Never asks for others: that would be refused, and recorded.
  std::size_t records(const std::array<std::uint64_t, argument_count>& a, ResponseHead& head,
                      std::span<std::byte> data) const {
    constexpr std::uint64_t reach = 4096;     // back from the newest
    constexpr std::uint64_t looked_at = 512;  // in one request
    constexpr std::size_t record = 64, kind_at = 16;
    const rvm_witness_position log = position();
    const std::uint64_t oldest = std::max(first_record_, log.sealed > reach ? log.sealed - reach : 0);
    std::uint64_t at = std::clamp(a[0], oldest, std::max(oldest, log.sealed));
    const std::uint64_t end = std::min(log.sealed, at + looked_at);
    const std::size_t room = std::min(data.size(), data_limit) / record;
    for (; at < end && head.entries < room; ++at) {
      std::byte* const to = data.data() + head.entries * record;
      alignas(8) std::array<std::byte, record> read;
      if (rvm_witness_read(log_.raw, at, reinterpret_cast<std::uint8_t*>(read.data())) != RVM_ERROR_OK) break;
      const auto kind = std::to_integer<unsigned>(read[kind_at]);
      if ((a[1 + kind / 64] >> (kind % 64) & 1) == 0) continue;
      std::copy(read.begin(), read.end(), to);
      ++head.entries;
    }
    head.next = at;
    head.values = {log.sealed, log.records};
    return head.entries * record;
  }

  /// Acts upon a partition or an agent, through a capability obtained for that. Partition 0 is the hypervisor.
  template <typename OnPartition, typename OnAgent>
  std::uint32_t upon(std::uint64_t type, std::uint64_t id, std::uint64_t rights, OnPartition on_partition,
                     OnAgent on_agent) {
    if (type == RVM_OBJECT_PARTITION) {
      if (id == info().partition_id) return status_itself;
      if (id == 0 && (rights & RVM_RIGHT_REVOKE) == 0) return static_cast<std::uint32_t>(on_partition(hypervisor_));
      Obtained<Partition> handle{hypervisor_, id, rights};
      if (!handle) return handle.error();
      const agent::Error done = on_partition(*handle);
      // With a partition every capability to it goes.
      if (done == agent::Error::ok && (rights & RVM_RIGHT_REVOKE) != 0) handle.forget();
      return static_cast<std::uint32_t>(done);
    }
    if (type != RVM_OBJECT_AGENT) return RVM_ERROR_BAD_ARGUMENT;
    if (id == info().agent_id) return status_itself;
    const Obtained<AgentRef> handle{hypervisor_, id, rights};
    return handle ? static_cast<std::uint32_t>(on_agent(*handle)) : handle.error();
  }

  Partition hypervisor_;
  Boundaries boundaries_;
  Witness log_;
  crypto::HmacKey key_;
  std::uint64_t nonces_ = 0;
  std::uint64_t first_record_ = 0;  ///< of those that this boot has in memory for sure
};

}  // namespace
}  // namespace rvm::control

extern "C" int agent_main(const rvm_agent_info*) {
  using namespace rvm::control;
  const auto console = find<Device>("operator");
  require(static_cast<bool>(console), "there is no console");
  Heap heap;
  ThisMachine machine;
  FrameReader reader;
  Responder responder{std::as_bytes(std::span{info().control_key})};
  OperatorLine line{console, heap};
  for (;;) {
    line.receive([&](std::byte b) {
      if (reader.take(b)) line.send(responder.answer(reader.frame(), machine, line.outgoing()));
    });
  }
}
