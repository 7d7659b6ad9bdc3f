// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Forks, memory on demand and sealed memory, used to see, change or execute what is not one's own, or to take what others need.
// Templates are honest (template.cpp) and in the partition of the attackers that fork them, who may read and write their memory
// anyway; what they may not is change what a fork has.
#include "attack.hpp"
#include "template.hpp"

namespace attacks {

namespace {

constexpr std::uint64_t page = RVM_PAGE_SIZE;
constexpr std::uint64_t priority = 5000;  // like everybody's
constexpr std::uint32_t return_instruction = 0xd65f03c0;

constexpr std::uint64_t role(Role r) { return static_cast<std::uint64_t>(r) << 56; }

rvm_handle home() { return rvm_find("home", RVM_OBJECT_PARTITION); }
rvm_handle original() { return rvm_find("template", RVM_OBJECT_AGENT); }

/// Where the template's memory is, as it says itself.
Shared* template_memory() {
  std::uint64_t where = 0;
  rvm_received r{};
  if (rvm_receive(0, &where, sizeof where, RVM_FOREVER, &r) != RVM_ERROR_OK) return nullptr;
  return reinterpret_cast<Shared*>(where);
}

rvm_error fork_template(std::uint64_t argument, rvm_handle* made) {
  rvm_error e = RVM_ERROR_BAD_STATE;
  for (int i = 0; i < 200 && e == RVM_ERROR_BAD_STATE; ++i) {
    if (i != 0) (void)rvm_sleep_until(rvm_time() + millisecond / 4);  // it does not wait yet
    e = rvm_agent_fork(home(), original(), priority, argument, made, nullptr);
  }
  return e;
}

constexpr std::uint64_t no_exit = ~std::uint64_t{0};

/// With which code it exits; no_exit: it was stopped.
std::uint64_t end_of(rvm_handle agent) {
  constexpr std::uint64_t terminated = 6;
  for (;;) {
    rvm_agent_state state{};
    if (rvm_agent_information(agent, &state) != RVM_ERROR_OK) return no_exit;
    if (state.state == terminated) return state.exit_code;
    (void)rvm_sleep_until(rvm_time() + millisecond / 4);
  }
}

bool all_magic(const Shared& s) {
  for (const std::uint64_t& w : s.words)
    if (static_cast<const volatile std::uint64_t&>(w) != Shared::magic) return false;
  return true;
}

Verdict fork_without_right() {
  Tries tries;
  rvm_handle made = 0;
  const rvm_handle weak = rvm_find("weak", RVM_OBJECT_AGENT);  // to the template, every right but EXECUTE
  tries.refused("without EXECUTE on it", rvm_agent_fork(home(), weak, 0, 0, &made, nullptr), {RVM_ERROR_RIGHTS});
  tries.refused("into a partition without EXECUTE",
                rvm_agent_fork(partition_handle(), original(), 0, 0, &made, nullptr), {RVM_ERROR_RIGHTS});
  tries.refused("no agent", rvm_agent_fork(home(), console_handle(), 0, 0, &made, nullptr), {RVM_ERROR_WRONG_TYPE});
  tries.refused("nothing", rvm_agent_fork(home(), 0, 0, 0, &made, nullptr), {RVM_ERROR_BAD_CAPABILITY});
  tries.refused("above itself", rvm_agent_fork(home(), original(), 10'000, 0, &made, nullptr),
                {RVM_ERROR_BAD_ARGUMENT});
  rvm_handle child = 0;
  tries.refused("EXECUTE from nowhere", rvm_cap_derive(weak, RVM_RIGHT_EXECUTE, 0, &child), {RVM_ERROR_RIGHTS});
  return tries.verdict();
}
/// One that runs, itself, and one that sleeps: who does not wait has something on its mind that a fork would have as well.
Verdict fork_of_running() {
  Tries tries;
  rvm_handle made = 0;
  for (int i = 0; i < 20; ++i) {
    tries.refused("itself", rvm_agent_fork(home(), rvm_find("myself", RVM_OBJECT_AGENT), 0, 0, &made, nullptr),
                  {RVM_ERROR_BAD_STATE});
    tries.refused("a sleeper", rvm_agent_fork(home(), rvm_find("bystander", RVM_OBJECT_AGENT), 0, 0, &made, nullptr),
                  {RVM_ERROR_BAD_STATE});
  }
  return tries.verdict();
}
/// While the template holds a device that could write its memory. Without one it may be forked.
Verdict fork_of_leaseholder() {
  Tries tries;
  rvm_handle made = 0;
  tries.check("the template speaks", template_memory() != nullptr);
  (void)rvm_sleep_until(rvm_time() + 2 * millisecond);
  for (int i = 0; i < 5; ++i) {
    tries.refused("fork", rvm_agent_fork(home(), original(), 0, role(Role::watcher), &made, nullptr),
                  {RVM_ERROR_BAD_STATE});
    (void)rvm_sleep_until(rvm_time() + millisecond);
  }
  tries.check("it may give the device back", rvm_signal(original(), 2) == RVM_ERROR_OK);
  (void)rvm_sleep_until(rvm_time() + 2 * millisecond);
  tries.check("then it is forked", fork_template(role(Role::watcher), &made) == RVM_ERROR_OK);
  if (made != 0) tries.check("and its fork goes", rvm_agent_terminate(made) == RVM_ERROR_OK);
  return tries.verdict();
}
/// A fork writes all that it shares; then the attacker writes the template's memory, under the eyes of a second fork. Neither the
/// template nor that fork may see any of it.
Verdict write_shared() {
  Tries tries;
  Shared* const memory = template_memory();
  rvm_handle writer = 0, early = 0, late = 0;
  tries.check("fork", fork_template(role(Role::writer), &writer) == RVM_ERROR_OK);
  tries.check("fork", fork_template(role(Role::watcher), &early) == RVM_ERROR_OK);
  tries.check("resume", rvm_agent_resume(writer) == RVM_ERROR_OK);
  tries.check("the writer has its own", end_of(writer) == 0);
  tries.check("the template has not seen it", all_magic(*memory));
  tries.check("fork", fork_template(role(Role::watcher), &late) == RVM_ERROR_OK);
  volatile std::uint64_t& word = memory->words[5];
  word = 0x4141;
  tries.check("resume", rvm_agent_resume(early) == RVM_ERROR_OK && rvm_agent_resume(late) == RVM_ERROR_OK);
  tries.check("a fork made before", end_of(early) == 0);
  tries.check("a fork made between", end_of(late) == 0);
  tries.check("the template's own", word == 0x4141);
  word = Shared::magic;
  return tries.verdict();
}
/// A fork is in a slot of its own, and has no more rights than any other agent of its partition.
Verdict read_victim_by_fork() {
  Tries tries;
  tries.check("the template speaks", template_memory() != nullptr);
  rvm_handle thief = 0;
  tries.check("fork", fork_template(role(Role::thief), &thief) == RVM_ERROR_OK);
  tries.check("resume", rvm_agent_resume(thief) == RVM_ERROR_OK);
  tries.check("it was stopped", end_of(thief) != 3);
  return tries.verdict();
}
/// Every fork forks. What stops them is the quota of their partition.
Verdict fork_bomb() {
  Tries tries;
  Shared* const memory = template_memory();
  const std::uint64_t end = rvm_time() + 20 * millisecond;
  static_cast<volatile std::uint64_t&>(memory->end_of_bombs[0]) = end;
  std::uint64_t most = 0;
  rvm_error last = RVM_ERROR_OK;
  while (rvm_time() < end) {
    const rvm_error e = fork_on(home(), original(), priority, role(Role::bomb));
    if (e != RVM_ERROR_OK) {
      if (e != RVM_ERROR_BAD_STATE) last = e;  // the template may not wait yet
      (void)rvm_yield();
    }
    const Result<rvm_partition_state> state = information(Partition{partition_handle()});
    tries.check("information", state.has_value());
    if (!state) break;
    tries.check("within the quota", state->pages_used <= state->page_quota);
    most = state->agents > most ? state->agents : most;
  }
  tries.refused("the fork too many", last, {RVM_ERROR_NO_MEMORY, RVM_ERROR_RESOURCE_LIMIT});
  tries.check("there were some", most > 4);
  return tries.verdict();
}

/// Everything but pages of its own heap that are there.
Verdict seal_elsewhere() {
  Tries tries;
  const std::uint64_t heap = info().heap_base;
  rvm_handle region = 0;
  tries.check("region", rvm_region_create(partition_handle(), 1, &region) == RVM_ERROR_OK &&
                            rvm_region_map(region, info().map_base, RVM_MAP_READ | RVM_MAP_WRITE) == RVM_ERROR_OK);
  const auto code = reinterpret_cast<std::uint64_t>(&seal_elsewhere) & ~(page - 1);
  for (const std::uint64_t at : {info().stack_top - page, code, info().image_base, info().slot_base, info().map_base,
                                 victim_image(), heap - page, heap + info().heap_size, ~(page - 1), std::uint64_t{0}})
    tries.refused("seal", rvm_memory_seal(self_handle(), at, 1), {RVM_ERROR_BAD_ADDRESS});
  tries.refused("beyond the end", rvm_memory_seal(self_handle(), heap, info().heap_size / page + 1),
                {RVM_ERROR_BAD_ADDRESS});
  tries.refused("unaligned", rvm_memory_seal(self_handle(), heap + 8, 1), {RVM_ERROR_UNALIGNED});
  for (const std::uint64_t pages : {std::uint64_t{0}, std::uint64_t{513}, std::uint64_t{1} << 52, ~std::uint64_t{0}})
    tries.refused("pages", rvm_memory_seal(self_handle(), heap, pages), {RVM_ERROR_BAD_ARGUMENT});
  tries.refused("another agent's", rvm_memory_seal(rvm_find("bystander", RVM_OBJECT_AGENT), heap, 1),
                {RVM_ERROR_WRONG_TYPE});
  tries.refused("a partition's", rvm_memory_seal(partition_handle(), heap, 1), {RVM_ERROR_WRONG_TYPE});
  tries.refused("without a proof", rvm_call4(RVM_HVC_MEMORY_SEAL, self_handle(), heap, 1, 0), {RVM_ERROR_PROOF});
  poke(heap, 1);
  tries.check("the heap is as it was", peek(heap) == 1);
  return tries.verdict();
}
void prepare_code(std::uint64_t at) {
  poke(at, return_instruction);
  asm volatile("dsb ish" ::: "memory");
}
/// Sealed memory executes; neither the kernel nor the agent itself writes it any more. Ends with a fault.
Verdict write_sealed() {
  Tries tries;
  const std::uint64_t at = info().heap_base;
  prepare_code(at);
  tries.check("seal", rvm_memory_seal(self_handle(), at, 1) == RVM_ERROR_OK);
  jump(at);
  tries.refused("seal again", rvm_memory_seal(self_handle(), at, 1), {RVM_ERROR_BAD_STATE});
  rvm_received r{};
  tries.refused("receive",
                rvm_receive(rvm_find("bystander", RVM_OBJECT_EDGE), reinterpret_cast<void*>(at), 64, RVM_FOREVER, &r),
                {RVM_ERROR_BAD_ADDRESS});
  tries.check("it is as it was", peek(at) == return_instruction);
  if (!tries.verdict().contained) return tries.verdict();
  poke(at, 0);
  return escaped("sealed memory is writable");
}
/// The page beside sealed ones. Ends with a fault.
Verdict execute_unsealed() {
  const std::uint64_t at = info().heap_base;
  prepare_code(at);
  prepare_code(at + page);
  if (rvm_memory_seal(self_handle(), at, 1) != RVM_ERROR_OK) return escaped("cannot seal");
  jump(at);
  jump(at + page);
  return escaped("memory that was not sealed is executable");
}

/// Ends with a fault when the quota is used up.
Verdict touch_beyond_quota() {
  for (std::uint64_t at = info().heap_base; at < info().heap_base + info().heap_size; at += page) poke(at, 1);
  return escaped("a quota was exceeded");
}
Verdict touch_beyond_heap() {
  poke(info().heap_base + info().heap_size, 1);
  return escaped("memory that the agent has not got was made for it");
}
Verdict execute_untouched() {
  jump(info().heap_base + 16 * page);
  return escaped("memory on demand is executable");
}
/// Has the kernel touch its memory for it: that works like touching it, and stops where that does, with an error.
Verdict untouched_buffers() {
  Tries tries;
  std::uint64_t at = info().heap_base;
  const std::uint64_t end = at + info().heap_size;
  const rvm_handle edge = rvm_find("bystander", RVM_OBJECT_EDGE);
  const auto pointer = [&](std::uint64_t address) { return reinterpret_cast<void*>(address); };
  rvm_received r{};
  tries.check("console", rvm_call4(RVM_HVC_CONSOLE_WRITE, console_handle(), at + page - 4, 8, 0) == RVM_ERROR_OK);
  tries.check("send", rvm_send(edge, pointer(at + 3 * page - 100), 4096, 0) == RVM_ERROR_OK);
  tries.refused("receive",
                rvm_receive(rvm_find("letter", RVM_OBJECT_EDGE), pointer(at + 6 * page - 4), 4096, RVM_FOREVER, &r),
                {RVM_ERROR_OK});
  tries.check("log", rvm_witness_read(rvm_find("log", RVM_OBJECT_WITNESS), 0,
                                      static_cast<std::uint8_t*>(pointer(at + 7 * page - 32))) == RVM_ERROR_OK);
  // Neither the list of buffers is there nor the buffer in which the device writes.
  const rvm_handle device = rvm_find("entropy", RVM_OBJECT_DEVICE);
  tries.check("lease", rvm_lease_grant(device, 10'000, 0, 64, nullptr) == RVM_ERROR_OK);
  tries.refused("a list",
                rvm_device_submit(device, 0, static_cast<const rvm_device_buffer*>(pointer(at + 8 * page)), 1, nullptr),
                {RVM_ERROR_BAD_ARGUMENT, RVM_ERROR_BAD_ADDRESS});
  const rvm_device_buffer buffer{at + 9 * page, 64, RVM_BUFFER_DEVICE_WRITES};
  tries.check("submit", rvm_device_submit(device, 0, &buffer, 1, nullptr) == RVM_ERROR_OK);
  rvm_error completed = RVM_ERROR_WOULD_BLOCK;
  for (int i = 0; i < 1000 && completed == RVM_ERROR_WOULD_BLOCK; ++i) {
    (void)rvm_sleep_until(rvm_time() + millisecond / 4);
    completed = rvm_device_complete(device, 0, nullptr, nullptr);
  }
  tries.check("complete", completed == RVM_ERROR_OK);
  std::uint32_t random = 0;
  for (std::uint64_t offset = 0; offset < 64; offset += 4) random |= peek(at + 9 * page + offset);
  tries.check("the device wrote there", random != 0);
  tries.check("release", rvm_lease_release(device) == RVM_ERROR_OK);
  for (const std::uint64_t bytes : {2u, 256u})
    tries.refused("across the end", rvm_call4(RVM_HVC_CONSOLE_WRITE, console_handle(), end - 1, bytes, 0),
                  {RVM_ERROR_BAD_ADDRESS});
  // A list of one message over edge 0, page after page: that is no capability, until there is no page.
  rvm_error last = RVM_ERROR_OK;
  for (at += 10 * page; at < end; at += page) {
    last = rvm_turn_commit(static_cast<const rvm_turn_message*>(pointer(at)), 1, 0, 0, 0, nullptr);
    if (last == RVM_ERROR_BAD_ADDRESS) break;
    tries.refused("turn", last, {RVM_ERROR_BAD_CAPABILITY});
  }
  tries.refused("beyond the quota", last, {RVM_ERROR_BAD_ADDRESS});
  tries.refused("send beyond the quota", rvm_send(edge, pointer(at + page), 4096, 0),
                {RVM_ERROR_BAD_ADDRESS, RVM_ERROR_NO_MEMORY});  // there may be none for the message either
  const Result<rvm_partition_state> state = information(Partition{partition_handle()});
  tries.check("within the quota", state && state->pages_used <= state->page_quota);
  return tries.verdict();
}
/// Evidence where there is no memory yet is none.
Verdict untouched_evidence() {
  Tries tries;
  for (std::uint64_t at = info().heap_base + page - 8; at < info().heap_base + info().heap_size - page; at += page) {
    const auto* const nothing = reinterpret_cast<const rvm_evidence*>(at);
    tries.refused("lease",
                  rvm_lease_grant_shown(rvm_find("gpio", RVM_OBJECT_DEVICE), 10, info().map_base, 64, nothing, nullptr),
                  {RVM_ERROR_PROOF, RVM_ERROR_BAD_STATE});  // another attacker may have it
  }
  return tries.verdict();
}

/// Writes the template's memory from one core, all the time.
Verdict write_from_second_core() {
  Shared* const memory = template_memory();
  volatile std::uint64_t& first = memory->words[0];
  volatile std::uint64_t& last = memory->words[memory->words.size() - 1];
  for (std::uint64_t i = 0; memory->end_of_bombs[0] == 0 || rvm_time() < memory->end_of_bombs[0]; ++i) {
    first = i;
    last = i;
  }
  return contained("its own memory only");
}
/// Forks from the other one meanwhile. What a fork has does not change, and the writes go on arriving where they should.
Verdict fork_under_writer() {
  Tries tries;
  Shared* const memory = template_memory();
  const volatile std::uint64_t& first = memory->words[0];
  for (int i = 0; i < 100; ++i) {
    rvm_handle made = 0;
    tries.check("fork", fork_template(role(Role::watcher), &made) == RVM_ERROR_OK);
    const std::uint64_t before = first;
    tries.check("resume", rvm_agent_resume(made) == RVM_ERROR_OK);
    tries.check("a fork does not see the writer", end_of(made) == 0);
    for (int waited = 0; first == before && waited < 100; ++waited) (void)rvm_sleep_until(rvm_time() + millisecond);
    tries.check("the writer goes on", first != before);
    (void)rvm_cap_drop(made);
  }
  static_cast<volatile std::uint64_t&>(memory->end_of_bombs[0]) = 1;
  return tries.verdict();
}

constexpr Attack fork_table[] = {
    {"fork-without-right", fork_without_right},
    {"fork-of-running", fork_of_running},
    {"fork-of-leaseholder", fork_of_leaseholder},
    {"write-shared", write_shared},
    {"read-victim-by-fork", read_victim_by_fork},
    {"fork-bomb", fork_bomb},
    {"seal-elsewhere", seal_elsewhere},
    {"write-sealed", write_sealed},
    {"execute-unsealed", execute_unsealed},
    {"touch-beyond-quota", touch_beyond_quota},
    {"touch-beyond-heap", touch_beyond_heap},
    {"execute-untouched", execute_untouched},
    {"untouched-buffers", untouched_buffers},
    {"untouched-evidence", untouched_evidence},
    {"write-from-second-core", write_from_second_core},
    {"fork-under-writer", fork_under_writer},
};

}  // namespace

constexpr std::span<const Attack> fork_attacks{fork_table};

}  // namespace attacks
