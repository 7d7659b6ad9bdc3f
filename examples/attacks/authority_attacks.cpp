// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Attempts to hold, pass on or use more authority than was given.
#include "attack.hpp"
#include "neighbour.hpp"

namespace attacks {

namespace {

/// Children must not have what their parent lacks.
Verdict amplify_rights() {
  Tries tries;
  rvm_handle child = 0;
  // "self" carries READ, WRITE, GRANT and PROVE.
  for (const std::uint64_t rights :
       {std::uint64_t{RVM_RIGHT_REVOKE}, std::uint64_t{RVM_RIGHT_EXECUTE}, std::uint64_t{RVM_RIGHT_ALL},
        std::uint64_t{RVM_RIGHT_READ | RVM_RIGHT_REVOKE}, std::uint64_t{0x80}, ~std::uint64_t{0}})
    tries.refused("derive", rvm_cap_derive(self_handle(), rights, 0, &child),
                  {RVM_ERROR_RIGHTS, RVM_ERROR_BAD_ARGUMENT});
  return tries.verdict();
}
Verdict derive_without_grant() {
  Tries tries;
  rvm_handle child = 0;
  tries.refused("console", rvm_cap_derive(console_handle(), RVM_RIGHT_WRITE, 0, &child), {RVM_ERROR_RIGHTS});
  tries.refused("partition", rvm_cap_derive(partition_handle(), RVM_RIGHT_READ, 0, &child), {RVM_ERROR_RIGHTS});
  rvm_handle reader = 0;
  tries.check("a child without GRANT", rvm_cap_derive(self_handle(), RVM_RIGHT_READ, 0, &reader) == RVM_ERROR_OK);
  tries.refused("grandchild", rvm_cap_derive(reader, RVM_RIGHT_READ, 0, &child), {RVM_ERROR_RIGHTS});
  return tries.verdict();
}
/// GRANT_ONCE gives one child, and none of its children.
Verdict grant_once_twice() {
  Tries tries;
  rvm_handle region = 0;
  rvm_handle once = 0;
  rvm_handle child = 0;
  rvm_handle other = 0;
  tries.check("region", rvm_region_create(partition_handle(), 1, &region) == RVM_ERROR_OK);
  tries.check("derive", rvm_cap_derive(region, RVM_RIGHT_READ | RVM_RIGHT_GRANT_ONCE, 0, &once) == RVM_ERROR_OK);
  tries.check("first child", rvm_cap_derive(once, RVM_RIGHT_READ, 0, &child) == RVM_ERROR_OK);
  tries.refused("second child", rvm_cap_derive(once, RVM_RIGHT_READ, 0, &other), {RVM_ERROR_RIGHTS});
  tries.refused("grandchild", rvm_cap_derive(child, RVM_RIGHT_READ, 0, &other), {RVM_ERROR_RIGHTS});
  return tries.verdict();
}
Verdict derive_too_deep() {
  Tries tries;
  rvm_handle current = self_handle();
  unsigned depth = 0;
  for (; depth < 64; ++depth) {
    rvm_handle child = 0;
    const rvm_error e = rvm_cap_derive(current, RVM_RIGHT_READ | RVM_RIGHT_GRANT, 0, &child);
    if (e != RVM_ERROR_OK) {
      tries.refused("derive", e, {RVM_ERROR_DELEGATION_DEPTH});
      break;
    }
    current = child;
  }
  tries.check("depth", depth <= 8);
  return tries.verdict();
}
Verdict stale_capability() {
  Tries tries;
  rvm_handle region = 0;
  tries.check("region", rvm_region_create(partition_handle(), 1, &region) == RVM_ERROR_OK);
  rvm_handle child = 0;
  rvm_handle grandchild = 0;
  tries.check("derive",
              rvm_cap_derive(region, RVM_RIGHT_READ | RVM_RIGHT_GRANT | RVM_RIGHT_REVOKE, 0, &child) == RVM_ERROR_OK);
  tries.check("derive", rvm_cap_derive(child, RVM_RIGHT_READ, 0, &grandchild) == RVM_ERROR_OK);
  tries.check("revoke", rvm_cap_revoke(child) == RVM_ERROR_OK);
  tries.refused("child", rvm_region_map(child, info().map_base, RVM_MAP_READ), {RVM_ERROR_BAD_CAPABILITY});
  tries.refused("grandchild", rvm_region_map(grandchild, info().map_base, RVM_MAP_READ), {RVM_ERROR_BAD_CAPABILITY});
  tries.check("the parent still works", rvm_region_map(region, info().map_base, RVM_MAP_READ) == RVM_ERROR_OK);
  return tries.verdict();
}
Verdict revoke_without_right() {
  Tries tries;
  tries.refused("console", rvm_cap_revoke(console_handle()), {RVM_ERROR_RIGHTS});
  tries.refused("partition", rvm_cap_revoke(partition_handle()), {RVM_ERROR_RIGHTS});
  tries.refused("self", rvm_cap_revoke(self_handle()), {RVM_ERROR_RIGHTS});
  return tries.verdict();
}
/// One's own partition is not the hypervisor, though the capability has the right type and WRITE.
Verdict create_partition() {
  Tries tries;
  rvm_handle made = 0;
  tries.refused("create", rvm_partition_create(partition_handle(), 16, &made, nullptr), {RVM_ERROR_PROOF});
  tries.refused("create", rvm_partition_create(0, 16, &made, nullptr), {RVM_ERROR_BAD_CAPABILITY});
  return tries.verdict();
}
Verdict spawn_without_right() {
  Tries tries;
  rvm_handle made = 0;
  for (std::uint64_t image = 0; image < 4; ++image)
    tries.refused("spawn", rvm_agent_spawn(partition_handle(), image, 10'000, 0, &made, nullptr), {RVM_ERROR_RIGHTS});
  return tries.verdict();
}
Verdict destroy_without_right() {
  Tries tries;
  tries.refused("partition", rvm_partition_destroy(partition_handle()), {RVM_ERROR_RIGHTS});
  tries.refused("agent", rvm_agent_terminate(self_handle()), {RVM_ERROR_RIGHTS});
  return tries.verdict();
}
/// A region handle without GRANT can be neither shared nor given away.
Verdict share_without_grant() {
  Tries tries;
  rvm_handle region = 0;
  rvm_handle weak = 0;
  const rvm_handle edge = rvm_find("bystander", RVM_OBJECT_EDGE);
  tries.check("region", rvm_region_create(partition_handle(), 1, &region) == RVM_ERROR_OK);
  tries.check("derive", rvm_cap_derive(region, RVM_RIGHT_READ | RVM_RIGHT_WRITE, 0, &weak) == RVM_ERROR_OK);
  tries.refused("share", rvm_region_share(weak, edge, RVM_RIGHT_READ), {RVM_ERROR_RIGHTS});
  tries.refused("transfer", rvm_region_transfer(weak, edge), {RVM_ERROR_RIGHTS});
  tries.refused("cap_transfer", rvm_cap_transfer(weak, edge), {RVM_ERROR_RIGHTS});
  return tries.verdict();
}
/// The log belongs to those who were given it; numbers do not open it.
Verdict read_log_without_capability() {
  Tries tries;
  std::uint8_t record[64];
  for (rvm_handle h = 0; h < 64; ++h)
    tries.refused("witness_read", rvm_witness_read(h | 1u << 16, 0, record),
                  {RVM_ERROR_BAD_CAPABILITY, RVM_ERROR_WRONG_TYPE});
  return tries.verdict();
}
/// What everybody does is for those who hold the hypervisor, not for whoever knows the number of the operation.
Verdict observe_system() {
  Tries tries;
  alignas(8) std::array<std::byte, 4096> all{};
  for (std::uint64_t what = RVM_READ_MACHINE; what <= RVM_READ_EDGES; ++what) {
    std::uint64_t cursor = 0;
    std::uint64_t entries = 0;
    tries.refused("own partition", rvm_system_read(partition_handle(), what, &cursor, all.data(), all.size(), &entries),
                  {RVM_ERROR_WRONG_TYPE});
    for (rvm_handle h = 0; h < 16; ++h)
      tries.refused("guessed", rvm_system_read(h | 1u << 16, what, &cursor, all.data(), all.size(), &entries),
                    {RVM_ERROR_BAD_CAPABILITY, RVM_ERROR_WRONG_TYPE});
  }
  for (const std::byte b : all) tries.check("nothing was written", b == std::byte{0});
  return tries.verdict();
}
Verdict obtain_others() {
  Tries tries;
  rvm_handle made = 0;
  for (const std::uint64_t rights : {std::uint64_t{RVM_RIGHT_READ}, std::uint64_t{RVM_RIGHT_ALL}}) {
    tries.refused("by own partition", rvm_cap_obtain(partition_handle(), RVM_OBJECT_AGENT, victim_id, rights, &made),
                  {RVM_ERROR_RIGHTS});
    tries.refused("by itself", rvm_cap_obtain(self_handle(), RVM_OBJECT_AGENT, victim_id, rights, &made),
                  {RVM_ERROR_WRONG_TYPE});
    tries.refused("by nothing", rvm_cap_obtain(0, RVM_OBJECT_PARTITION, 2, rights, &made), {RVM_ERROR_BAD_CAPABILITY});
  }
  return tries.verdict();
}
/// A capability moved into a message is no longer the sender's.
Verdict use_after_transfer() {
  Tries tries;
  rvm_handle region = 0;
  const rvm_handle edge = rvm_find("bystander", RVM_OBJECT_EDGE);
  tries.check("region", rvm_region_create(partition_handle(), 1, &region) == RVM_ERROR_OK);
  tries.check("transfer", rvm_cap_transfer(region, edge) == RVM_ERROR_OK);
  tries.refused("map", rvm_region_map(region, info().map_base, RVM_MAP_READ), {RVM_ERROR_BAD_CAPABILITY});
  tries.refused("transfer again", rvm_cap_transfer(region, edge), {RVM_ERROR_BAD_CAPABILITY});
  return tries.verdict();
}
/// Handles are an agent's own: its neighbour in the same partition cannot use them, nor when their owner has ended.
Verdict neighbours_handles() {
  Tries tries;
  Told told{};
  rvm_received r{};
  const rvm_handle edge = rvm_find("tells", RVM_OBJECT_EDGE);
  const rvm_handle neighbour = rvm_find("neighbour", RVM_OBJECT_AGENT);
  tries.check("what it tells", rvm_receive(edge, &told, sizeof told, RVM_FOREVER, &r) == RVM_ERROR_OK);
  rvm_capability_message lent{};
  tries.check("what it lends", rvm_receive(edge, &lent, sizeof lent, RVM_FOREVER, &r) == RVM_ERROR_OK);
  const auto try_all = [&] {
    for (const rvm_handle theirs : told.regions) {
      if (theirs == lent.handle) continue;  // the same number, of something of ours
      tries.refused("map", rvm_region_map(theirs, info().map_base, RVM_MAP_READ),
                    {RVM_ERROR_BAD_CAPABILITY, RVM_ERROR_WRONG_TYPE});
      tries.refused("destroy", rvm_region_destroy(theirs), {RVM_ERROR_BAD_CAPABILITY, RVM_ERROR_WRONG_TYPE});
      tries.refused("unshare", rvm_region_unshare(theirs), {RVM_ERROR_BAD_CAPABILITY, RVM_ERROR_WRONG_TYPE});
    }
  };
  try_all();
  tries.check("tell it to end", rvm_signal(neighbour, 1) == RVM_ERROR_OK);
  rvm_agent_state state{};
  constexpr std::uint64_t terminated = 6;
  do {
    (void)rvm_sleep_until(rvm_time() + millisecond);
  } while (rvm_agent_information(neighbour, &state) == RVM_ERROR_OK && state.state != terminated);
  try_all();
  // What was given stays given.
  tries.check("map what was lent", rvm_region_map(lent.handle, info().map_base, RVM_MAP_READ) == RVM_ERROR_OK);
  tries.check("what was lent", *reinterpret_cast<const volatile std::uint64_t*>(info().map_base) == lent_word);
  return tries.verdict();
}

constexpr Attack authority_table[] = {
    {"neighbours-handles", neighbours_handles},
    {"amplify-rights", amplify_rights},
    {"derive-without-grant", derive_without_grant},
    {"grant-once-twice", grant_once_twice},
    {"derive-too-deep", derive_too_deep},
    {"stale-capability", stale_capability},
    {"revoke-without-right", revoke_without_right},
    {"create-partition", create_partition},
    {"spawn-without-right", spawn_without_right},
    {"destroy-without-right", destroy_without_right},
    {"share-without-grant", share_without_grant},
    {"read-log", read_log_without_capability},
    {"use-after-transfer", use_after_transfer},
    {"observe-system", observe_system},
    {"obtain-others", obtain_others},
};

}  // namespace

constexpr std::span<const Attack> authority_attacks{authority_table};

}  // namespace attacks
