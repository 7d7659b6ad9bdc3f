// SPDX-License-Identifier: MIT OR Apache-2.0
#include "boundaries.hpp"

#include <array>
#include <cstring>

#include "obtained.hpp"
#include "rvm/control/members.hpp"

using namespace rvm::agent;

namespace rvm::control {
namespace {

constexpr std::uint64_t power = RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE | RVM_RIGHT_PROVE;

}  // namespace

/// `visit(const Entry&)` sees what SYSTEM_READ tells of these objects, in ascending order of their slots.
template <typename Entry, typename Visit>
rvm_error Boundaries::each(std::uint64_t what, std::span<std::byte> scratch, Visit visit) const {
  std::uint64_t cursor = 0;
  do {
    std::uint64_t written = 0;
    const rvm_error e = rvm_system_read(hypervisor_.raw, what, &cursor, scratch.data(),
                                        scratch.size() / sizeof(Entry) * sizeof(Entry), &written);
    if (e != RVM_ERROR_OK) return e;
    for (std::uint64_t i = 0; i < written; ++i) {
      Entry entry;
      std::memcpy(&entry, scratch.data() + i * sizeof entry, sizeof entry);
      visit(entry);
    }
  } while (cursor != 0);
  return RVM_ERROR_OK;
}

/// Whether both may change. Of one that does not exist, CAP_OBTAIN says so.
std::uint32_t Boundaries::check_movable(std::uint64_t one, std::uint64_t other, std::span<std::byte> scratch) const {
  if (one == info().partition_id || other == info().partition_id) return status_itself;
  bool fixed = false;
  const rvm_error e = each<rvm_partition_status>(RVM_READ_PARTITIONS, scratch, [&](const rvm_partition_status& p) {
    if (p.id == one || p.id == other) fixed = fixed || (p.condition & RVM_PARTITION_STATIC) != 0;
  });
  return e != RVM_ERROR_OK ? std::uint32_t{e} : fixed ? std::uint32_t{status_static} : std::uint32_t{RVM_ERROR_OK};
}

std::uint32_t Boundaries::split(std::uint64_t partition, std::uint64_t leaving, std::uint64_t digest,
                                std::span<std::byte> scratch, std::uint64_t& made) const {
  if (const std::uint32_t e = check_movable(partition, partition, scratch); e != RVM_ERROR_OK) return e;
  const Obtained<Partition> handle{hypervisor_, partition, power};
  if (!handle) return handle.error();
  std::array<std::uint32_t, members_limit> ids{};
  std::size_t count = 0;
  const rvm_error e = each<rvm_agent_status>(RVM_READ_AGENTS, scratch, [&](const rvm_agent_status& a) {
    const bool member = a.partition == partition && a.state != RVM_AGENT_STATE_TERMINATED;
    if (member && count < ids.size()) ids[count++] = a.id;
  });
  if (e != RVM_ERROR_OK) return e;
  if (members_digest(std::span{ids}.first(count)) != digest) return status_members;
  Partition fresh;
  const rvm_error done = rvm_partition_split((*handle).raw, leaving, &fresh.raw, &made);
  if (fresh) (void)drop(fresh);
  return done;
}

std::uint32_t Boundaries::merge(std::uint64_t survivor, std::uint64_t absorbed, std::span<std::byte> scratch) const {
  if (const std::uint32_t e = check_movable(survivor, absorbed, scratch); e != RVM_ERROR_OK) return e;
  if (survivor == absorbed) return RVM_ERROR_BAD_STATE;
  const Obtained<Partition> stays{hypervisor_, survivor, power};
  if (!stays) return stays.error();
  Obtained<Partition> goes{hypervisor_, absorbed, power};
  if (!goes) return goes.error();
  const agent::Error done = error_of(agent::merge(*stays, *goes));
  if (done == agent::Error::ok) goes.forget();
  return static_cast<std::uint32_t>(done);
}

std::uint32_t Boundaries::migrate(std::uint64_t agent, std::uint64_t destination, std::span<std::byte> scratch) const {
  if (agent == info().agent_id) return status_itself;
  std::uint64_t home = destination;
  const rvm_error e = each<rvm_agent_status>(RVM_READ_AGENTS, scratch, [&](const rvm_agent_status& a) {
    if (a.id == agent) home = a.partition;
  });
  if (e != RVM_ERROR_OK) return e;
  if (const std::uint32_t fixed = check_movable(home, destination, scratch); fixed != RVM_ERROR_OK) return fixed;
  const Obtained<AgentRef> who{hypervisor_, agent, RVM_RIGHT_EXECUTE | RVM_RIGHT_PROVE};
  if (!who) return who.error();
  const Obtained<Partition> to{hypervisor_, destination, RVM_RIGHT_EXECUTE};
  if (!to) return to.error();
  return static_cast<std::uint32_t>(error_of(agent::migrate(*who, *to)));
}

}  // namespace rvm::control
