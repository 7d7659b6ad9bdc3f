// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Moves, jumps and calls.
#include <algorithm>

#include "interpreter.hpp"

namespace rvm::wasm {

// A frame's header. First word: where to return to; its lowest bit says that the caller is another instance. Second: how far
// below the caller's frame lies, in slots (16 bits, never 0), and above that the calling instance as an offset in the store's arena.
namespace {

constexpr std::uint64_t other_instance = 1;

std::uint64_t return_address(const std::uint64_t* pc, std::uint64_t flag) {
  return reinterpret_cast<std::uintptr_t>(pc) | flag;  // words are aligned, so the bit is free
}

}  // namespace

RVM_WASM_HANDLER(trap) { RVM_WASM_STOP(static_cast<Trap>(field_b(word))); }

RVM_WASM_HANDLER(enter) {
  if (fp + field_a(word) > execution->stack_end()) [[unlikely]]
    RVM_WASM_STOP(Trap::stack_exhausted);
  std::uint64_t* local = fp + field_b(word);
  for (std::uint64_t* const end = local + field_c(word); local != end; ++local) {
    *local = 0;
    asm volatile("" : "+r"(local));  // keeps it a loop: a call to memset would cost more than the few slots
  }
  RVM_WASM_NEXT(1);
}

RVM_WASM_HANDLER(charge) {
  RVM_WASM_PAY(upper(word));
  RVM_WASM_NEXT(1);
}

RVM_WASM_HANDLER(copy) {
  fp[field_a(word)] = fp[field_b(word)];
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(copy_v128) {
  put(fp, field_a(word), get<V128>(fp, field_b(word)));
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(copy_many) {
  std::memmove(fp + field_a(word), fp + field_b(word), field_c(word) * sizeof *fp);
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(constant_short) {
  fp[field_a(word)] = upper(word);
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(constant) {
  fp[field_a(word)] = pc[1];
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(constant_v128) {
  put(fp, field_a(word), V128{pc[1], pc[2]});
  RVM_WASM_NEXT(3);
}
RVM_WASM_HANDLER(select_slot) {
  fp[field_a(word)] = fp[fp[static_cast<std::uint32_t>(pc[1])] != 0 ? field_b(word) : field_c(word)];
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(select_slot_v128) {
  put(fp, field_a(word), get<V128>(fp, fp[pc[1]] != 0 ? field_b(word) : field_c(word)));
  RVM_WASM_NEXT(2);
}

RVM_WASM_HANDLER(jump) {
  RVM_WASM_PAY(field_a(word));
  RVM_WASM_JUMP(pc);
}
RVM_WASM_HANDLER(jump_if) {
  RVM_WASM_PAY(field_c(word));
  if (fp[field_a(word)] != 0) RVM_WASM_JUMP(pc + 1);
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(jump_unless) {
  RVM_WASM_PAY(field_c(word));
  if (fp[field_a(word)] == 0) RVM_WASM_JUMP(pc + 1);
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(jump_table) {
  RVM_WASM_PAY(field_c(word));
  RVM_WASM_JUMP(pc + 2 + std::min(fp[field_a(word)], pc[1] - 1));
}

// --- Calls -----------------------------------------------------------------------------------------------------------

/// Returns to another instance, whose memory takes over. pc has its flag still; word is the second word of the header.
RVM_WASM_FUNCTION(return_to_other) {
  pc = reinterpret_cast<const std::uint64_t*>(reinterpret_cast<std::uintptr_t>(pc) - other_instance);
  std::byte* const caller = execution->store().arena().base() + (word >> 16);
  instance = reinterpret_cast<Instance*>(caller);  // written by enter_other below
  memory = instance->memory == nullptr ? nullptr : instance->memory->base;
  memory_bytes = instance->memory == nullptr ? 0 : instance->memory->bytes;
  RVM_WASM_AGAIN;
}

/// Returns from a frame with a header of compiled code (native.hpp); word is its second word.
RVM_WASM_FUNCTION(return_from_compiled) {
  if (word == 0) RVM_WASM_TRANSFER(return_compiled);
  pc = reinterpret_cast<const std::uint64_t*>(word >> 16);
  fp -= field_a(pc[-2]);
  RVM_WASM_AGAIN;
}
RVM_WASM_HANDLER(enter_native) { RVM_WASM_TRANSFER(enter_compiled); }

#define RVM_WASM_RETURN(header) \
  do { \
    pc = reinterpret_cast<const std::uint64_t*>((header)[0]); \
    word = (header)[1]; \
    if (static_cast<std::uint16_t>(word) == 0) [[unlikely]] { \
      RVM_WASM_TAIL return_from_compiled(RVM_WASM_PASS); \
    } \
    fp -= static_cast<std::uint16_t>(word); \
    if ((reinterpret_cast<std::uintptr_t>(pc) & other_instance) != 0) [[unlikely]] { \
      RVM_WASM_TAIL return_to_other(RVM_WASM_PASS); \
    } \
    RVM_WASM_AGAIN; \
  } while (false)

RVM_WASM_HANDLER(return_none) {
  RVM_WASM_PAY(field_c(word));
  RVM_WASM_RETURN(fp + field_b(word));
}
RVM_WASM_HANDLER(return_one) {
  RVM_WASM_PAY(field_c(word));
  const std::uint64_t result = fp[field_a(word)];
  const std::uint64_t header[] = {fp[field_b(word)],
                                  fp[field_b(word) + 1]};  // without parameters the result goes over it
  fp[0] = result;
  RVM_WASM_RETURN(header);
}
RVM_WASM_HANDLER(return_many) {
  RVM_WASM_PAY(field_c(word));
  const std::uint64_t header[] = {fp[field_b(word)], fp[field_b(word) + 1]};
  std::memmove(fp, fp + field_a(word), pc[1] * sizeof *fp);
  RVM_WASM_RETURN(header);
}
RVM_WASM_HANDLER(exit) { RVM_WASM_STOP(Trap::none); }

RVM_WASM_HANDLER(call_defined) {
  RVM_WASM_PAY(field_c(word));
  const Function* const function = instance->functions.data()[pc[1]];
  std::uint64_t* const frame = fp + field_a(word);
  frame[field_b(word)] = return_address(pc + 2, 0);
  frame[field_b(word) + 1] = field_a(word);
  fp = frame;
  pc = function->code;
  RVM_WASM_AGAIN;
}

/// A call that leaves the instance, to another or to the host. word: the Function; fp: the caller's frame; pc: the call.
RVM_WASM_FUNCTION(enter_other) {
  const Function* const function = reinterpret_cast<const Function*>(word);
  const std::uint32_t distance = field_a(*pc);
  std::uint64_t* const frame = fp + distance;
  if (function->host != not_host) {
    const std::size_t slots = std::max(function->parameter_slots, function->result_slots);
    const Host& host = execution->store().host();
    if (host.price != nullptr) {
      // With the instruction's own price, which has been paid: whoever runs out of fuel here tries all of it again.
      const std::uint32_t own = field_c(*pc);
      fuel += own;
      RVM_WASM_PAY(own + host.price(host.user, function->host, instance, {frame, slots}));
    }
    const Trap trap = host.call(host.user, function->host, instance, {frame, slots});
    if (trap != Trap::none) RVM_WASM_STOP(trap);
    if (instance->memory != nullptr) memory_bytes = instance->memory->bytes;  // the host may have grown it
    RVM_WASM_NEXT(2);
  }
  frame[function->parameter_slots] = return_address(pc + 2, other_instance);
  frame[function->parameter_slots + 1] = execution->store().arena().offset_of(instance) << 16 | distance;
  fp = frame;
  pc = function->code;
  instance = function->instance;
  memory = instance->memory == nullptr ? nullptr : instance->memory->base;
  memory_bytes = instance->memory == nullptr ? 0 : instance->memory->bytes;
  RVM_WASM_AGAIN;
}

RVM_WASM_HANDLER(call_imported) {
  RVM_WASM_PAY(field_c(word));
  word = reinterpret_cast<std::uintptr_t>(instance->functions.data()[pc[1]]);
  RVM_WASM_TAIL enter_other(RVM_WASM_PASS);
}

RVM_WASM_HANDLER(call_through) {
  RVM_WASM_PAY(field_c(word));
  const Table& table = *instance->tables.data()[upper(pc[1])];
  const auto index = static_cast<std::uint32_t>(fp[field_b(word)]);
  if (index >= table.length) [[unlikely]]
    RVM_WASM_STOP(Trap::undefined_element);
  const std::uint64_t reference = table.elements.data()[index];
  if (reference == 0) [[unlikely]]
    RVM_WASM_STOP(Trap::uninitialized_element);
  const Function& function = execution->store().referred(reference);
  if (function.type != instance->types.data()[static_cast<std::uint32_t>(pc[1])]) [[unlikely]] {
    RVM_WASM_STOP(Trap::indirect_type);
  }
  if (function.instance != instance) {
    word = reinterpret_cast<std::uintptr_t>(&function);
    RVM_WASM_TAIL enter_other(RVM_WASM_PASS);
  }
  std::uint64_t* const frame = fp + field_a(word);
  frame[function.parameter_slots] = return_address(pc + 2, 0);
  frame[function.parameter_slots + 1] = field_a(word);
  fp = frame;
  pc = function.code;
  RVM_WASM_AGAIN;
}

}  // namespace rvm::wasm
