// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Loads, stores and jumps to where this agent may not go. Each ends in a stage-2 fault; a statement after the access is
// reached only if the attack succeeds.
#include "attack.hpp"

namespace attacks {

namespace {

Verdict read_at(std::uint64_t address) {
  if (own_slot(address)) return escaped("misconfigured: the address is in the attacker's own slot");
  (void)peek(address);
  return escaped("the read was permitted");
}
Verdict write_at(std::uint64_t address) {
  if (own_slot(address)) return escaped("misconfigured: the address is in the attacker's own slot");
  poke(address, 0x41414141);
  return escaped("the write was permitted");
}

Verdict read_unmapped() {
  (void)peek(info().map_base + 0x100000);
  return escaped("the read was permitted");
}
Verdict write_unmapped() {
  poke(info().map_base + 0x100000, 1);
  return escaped("the write was permitted");
}
Verdict read_address_zero() { return read_at(0); }
Verdict read_victim() { return read_at(victim_image()); }
Verdict write_victim() { return write_at(victim_image()); }
Verdict execute_victim() {
  jump(victim_image());
  return escaped("the victim's code ran");
}
Verdict read_victim_information() { return read_at(slot_of(victim_id)); }
Verdict read_kernel() { return read_at(kernel_image); }
Verdict write_kernel() { return write_at(kernel_image); }
Verdict execute_kernel() {
  jump(kernel_image);
  return escaped("kernel code ran");
}
Verdict read_uart() { return read_at(uart); }
Verdict write_uart() { return write_at(uart); }
Verdict write_gic_distributor() { return write_at(gic_distributor); }
Verdict read_gic_redistributor() { return read_at(gic_redistributor); }
/// The device key comes to the kernel through this device.
Verdict read_firmware_configuration() { return read_at(fw_cfg); }
Verdict write_block_device() { return write_at(virtio_mmio + 0x50); }

Verdict write_own_code() {
  poke(reinterpret_cast<std::uint64_t>(&write_own_code), 0xd503201f);
  return escaped("code is writable");
}
Verdict write_information_page() {
  poke(info().slot_base + offsetof(rvm_agent_info, agent_id), 1);
  return escaped("the information page is writable");
}
Verdict execute_heap() {
  poke(info().heap_base, 0xd65f03c0);  // RET
  asm volatile("dsb ish\n\tic iallu\n\tdsb ish\n\tisb" ::: "memory");
  jump(info().heap_base);
  return escaped("the heap is executable");
}
Verdict execute_stack() {
  volatile std::uint32_t instruction = 0xd65f03c0;  // RET
  asm volatile("dsb ish\n\tic iallu\n\tdsb ish\n\tisb" ::: "memory");
  jump(reinterpret_cast<std::uint64_t>(&instruction));
  return escaped("the stack is executable");
}
/// Walks down the stack page by page until the guard page below it.
Verdict overflow_stack() {
  for (std::uint64_t address = info().stack_top - 8; own_slot(address); address -= RVM_PAGE_SIZE) {
    if (address < info().image_base) break;
    poke(address & ~std::uint64_t{7}, 0);
  }
  return escaped("there is no guard page below the stack");
}
/// DC ZVA zeroes a whole block: a store by another name.
Verdict zero_victim_block() {
  asm volatile("dc zva, %0" ::"r"(victim_image()) : "memory");
  return escaped("the victim's memory was zeroed");
}
/// Load-exclusive and store-exclusive on the victim's memory.
Verdict exclusive_on_victim() {
  std::uint64_t value;
  std::uint32_t failed;
  asm volatile("ldxr %0, [%2]\n\tstxr %w1, %0, [%2]" : "=&r"(value), "=&r"(failed) : "r"(victim_image()) : "memory");
  return escaped("exclusive access was permitted");
}
/// A pair that begins in the last mapped bytes and ends outside: no part of it may take effect.
Verdict straddle_end_of_heap() {
  const std::uint64_t end = info().heap_base + info().heap_size;
  asm volatile("stp xzr, xzr, [%0]" ::"r"(end - 8) : "memory");
  return escaped("the store crossed into unmapped memory");
}

constexpr Attack memory_table[] = {
    {"read-unmapped", read_unmapped},
    {"write-unmapped", write_unmapped},
    {"read-address-zero", read_address_zero},
    {"read-victim", read_victim},
    {"write-victim", write_victim},
    {"execute-victim", execute_victim},
    {"read-victim-info", read_victim_information},
    {"read-kernel", read_kernel},
    {"write-kernel", write_kernel},
    {"execute-kernel", execute_kernel},
    {"read-uart", read_uart},
    {"write-uart", write_uart},
    {"write-gic-distributor", write_gic_distributor},
    {"read-gic-redistributor", read_gic_redistributor},
    {"read-fw-cfg", read_firmware_configuration},
    {"write-block-device", write_block_device},
    {"write-own-code", write_own_code},
    {"write-info-page", write_information_page},
    {"execute-heap", execute_heap},
    {"execute-stack", execute_stack},
    {"overflow-stack", overflow_stack},
    {"zero-victim-block", zero_victim_block},
    {"exclusive-on-victim", exclusive_on_victim},
    {"straddle-end-of-heap", straddle_end_of_heap},
};

}  // namespace

constexpr std::span<const Attack> memory_attacks{memory_table};

}  // namespace attacks
