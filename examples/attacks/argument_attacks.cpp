// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Hypercalls with operation numbers, handles and pointers that make no sense: each must be refused with the error that
// says why, and change nothing.
#include "attack.hpp"

namespace attacks {

namespace {

bool exists(std::uint64_t operation) {
  switch (operation) {
#define RVM_X(name, number, object, rights, tier, doc) case number:
    RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
    return true;
    default:
      return false;
  }
}

Verdict bad_operations() {
  Tries tries;
  for (std::uint64_t operation = 0; operation < 256; ++operation)
    if (!exists(operation)) tries.refused("operation", rvm_call4(operation, 1, 2, 3, 4), {RVM_ERROR_BAD_OPERATION});
  for (unsigned bit = 8; bit < 64; ++bit) {
    // With only the low bits looked at, these would be NULL or YIELD.
    tries.refused("operation", rvm_call4(std::uint64_t{1} << bit, 0, 0, 0, 0), {RVM_ERROR_BAD_OPERATION});
    tries.refused("operation", rvm_call4(std::uint64_t{1} << bit | RVM_HVC_YIELD, 0, 0, 0, 0),
                  {RVM_ERROR_BAD_OPERATION});
  }
  return tries.verdict();
}

/// Every operation that takes a handle, with handles that name nothing.
Verdict bad_slots() {
  constexpr std::uint64_t nonsense[] = {0,          0xffff,     0xffffffff,  0x10000,          0x100ffff,
                                        0x7fff0000, 0x0001ffff, 0x100000000, ~std::uint64_t{0}};
  Tries tries;
  struct Operation {
    std::uint64_t number;
    std::uint32_t type;
  };
  constexpr Operation operations[] = {
#define RVM_X(name, number, object, rights, tier, doc) {number, RVM_OBJECT_##object},
      RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
  };
  for (const Operation& operation : operations) {
    if (operation.type == RVM_OBJECT_NONE) continue;
    for (const std::uint64_t handle : nonsense)
      tries.refused("handle", rvm_call4(operation.number, handle, 0, 0, 0),
                    {RVM_ERROR_BAD_CAPABILITY, RVM_ERROR_BAD_ARGUMENT});
  }
  return tries.verdict();
}

/// Handles of every slot and many generations, as another partition would hold them: none may do harm, and only this
/// partition's own may resolve at all.
Verdict forged_handles() {
  Tries tries;
  for (std::uint32_t slot = 0; slot < 256; ++slot) {
    for (std::uint32_t generation = 0; generation < 2; ++generation) {
      const rvm_handle guess = slot | generation << 16;
      bool own = false;
      for (const rvm_directory_entry& e : directory()) own = own || e.handle == guess;
      if (own) continue;
      tries.refused("guess", rvm_agent_terminate(guess), {RVM_ERROR_BAD_CAPABILITY});
    }
    if (slot % 32 == 31) sleep_for(milliseconds(1));
  }
  return tries.verdict();
}

/// A right handle with its generation or upper bits changed.
Verdict altered_handles() {
  Tries tries;
  const rvm_handle own = self_handle();
  for (std::uint32_t change = 1; change < 64; ++change)
    tries.refused("generation", rvm_call4(RVM_HVC_CAP_INSPECT, own ^ change << 16, 0, 0, 0),
                  {RVM_ERROR_BAD_CAPABILITY});
  return tries.verdict();
}

Verdict wrong_types() {
  Tries tries;
  const auto both = {RVM_ERROR_WRONG_TYPE, RVM_ERROR_BAD_CAPABILITY};
  tries.refused("console as region", rvm_region_map(console_handle(), info().map_base, RVM_MAP_READ), both);
  tries.refused("agent as partition", rvm_partition_suspend(self_handle()), both);
  tries.refused("partition as agent", rvm_agent_suspend(partition_handle()), both);
  tries.refused("partition as edge", rvm_send(partition_handle(), "x", 1, 0), both);
  tries.refused("console as log", rvm_call4(RVM_HVC_WITNESS_HEAD, console_handle(), 0, 0, 0), both);
  tries.refused("agent as console", rvm_console_write(self_handle(), "x", 1), both);
  return tries.verdict();
}

Verdict console_pointer(std::uint64_t address, std::uint64_t length, std::initializer_list<rvm_error> expected) {
  Tries tries;
  tries.refused("console_write", rvm_call4(RVM_HVC_CONSOLE_WRITE, console_handle(), address, length, 0), expected);
  return tries.verdict();
}

/// Pointer plus length passes 2^64 and comes back at low addresses.
Verdict pointer_that_wraps() {
  Tries tries;
  for (const std::uint64_t length : {1ull, 2ull, 16ull, 255ull, 256ull})
    tries.refused("wrap", rvm_call4(RVM_HVC_CONSOLE_WRITE, console_handle(), ~std::uint64_t{0} - length / 2, length, 0),
                  {RVM_ERROR_BAD_ADDRESS, RVM_ERROR_BAD_ARGUMENT});
  rvm_received r{};
  tries.refused("wrap", rvm_receive(0, reinterpret_cast<void*>(~std::uint64_t{15}), 64, 0, &r),
                {RVM_ERROR_BAD_ADDRESS, RVM_ERROR_PEER_GONE});
  return tries.verdict();
}
/// Begins in the last mapped byte of the heap and ends in the unmapped page after it.
Verdict pointer_across_end() {
  const std::uint64_t end = info().heap_base + info().heap_size;
  return console_pointer(end - 1, 2, {RVM_ERROR_BAD_ADDRESS});
}
/// Asks the kernel, which can read everything, to read the victim's memory aloud.
Verdict pointer_to_victim() {
  Tries tries;
  for (const std::uint64_t address : {victim_image(), slot_of(victim_id), victim_image() + 0x1000})
    tries.refused("victim's memory", rvm_call4(RVM_HVC_CONSOLE_WRITE, console_handle(), address, 64, 0),
                  {RVM_ERROR_BAD_ADDRESS});
  return tries.verdict();
}
Verdict pointer_to_kernel() {
  Tries tries;
  for (const std::uint64_t address :
       {kernel_image, uart, fw_cfg, std::uint64_t{0}, std::uint64_t{1} << 47, std::uint64_t{0xffff000000000000}})
    if (!own_slot(address))
      tries.refused("machine memory", rvm_call4(RVM_HVC_CONSOLE_WRITE, console_handle(), address, 64, 0),
                    {RVM_ERROR_BAD_ADDRESS});
  return tries.verdict();
}
/// Asks the kernel, which can write everything, to deliver a message into read-only memory. The bystander sent one.
Verdict receive_into_code() {
  const rvm_handle edge = rvm_find("bystander", RVM_OBJECT_EDGE);
  Tries tries;
  rvm_received r{};
  for (const std::uint64_t address :
       {reinterpret_cast<std::uint64_t>(&agent_main), info().slot_base, victim_image(), kernel_image, std::uint64_t{0}})
    tries.refused("receive", rvm_receive(edge, reinterpret_cast<void*>(address), 64, RVM_FOREVER, &r),
                  {RVM_ERROR_BAD_ADDRESS});
  std::uint64_t buffer[8];
  tries.check("the message is still there", rvm_receive(edge, buffer, sizeof buffer, 0, &r) == RVM_ERROR_OK);
  return tries.verdict();
}
Verdict lengths_too_long() {
  Tries tries;
  const rvm_handle edge = rvm_find("bystander", RVM_OBJECT_EDGE);
  for (const std::uint64_t length : {257ull, 4096ull, 1ull << 32, 1ull << 63, ~0ull})
    tries.refused("length", rvm_call4(RVM_HVC_CONSOLE_WRITE, console_handle(), info().heap_base, length, 0),
                  {RVM_ERROR_BAD_ARGUMENT, RVM_ERROR_BAD_ADDRESS});
  for (const std::uint64_t length : {4097ull, 1ull << 16, 1ull << 32, ~0ull})
    tries.refused("length", rvm_call4(RVM_HVC_SEND, edge, info().heap_base, length, 0),
                  {RVM_ERROR_BAD_ARGUMENT, RVM_ERROR_BAD_ADDRESS});
  return tries.verdict();
}
Verdict timer_abuse() {
  for (std::uint64_t i = 0; i < 300; ++i) {
    (void)rvm_sleep_until(0);
    (void)rvm_sleep_until(rvm_time() + 1);
    (void)rvm_wait(0, 0, nullptr);
    (void)rvm_wait(~std::uint64_t{0}, rvm_time() + 1, nullptr);
  }
  return contained("only its own time");
}

constexpr Attack argument_table[] = {
    {"bad-operations", bad_operations},
    {"bad-slots", bad_slots},
    {"forged-handles", forged_handles},
    {"altered-handles", altered_handles},
    {"wrong-types", wrong_types},
    {"pointer-wraps", pointer_that_wraps},
    {"pointer-across-end", pointer_across_end},
    {"pointer-to-victim", pointer_to_victim},
    {"pointer-to-kernel", pointer_to_kernel},
    {"receive-into-code", receive_into_code},
    {"lengths-too-long", lengths_too_long},
    {"timer-abuse", timer_abuse},
};

}  // namespace

constexpr std::span<const Attack> argument_attacks{argument_table};

}  // namespace attacks
