// SPDX-License-Identifier: MIT OR Apache-2.0
#include "compiled_run.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "code_shape.hpp"

namespace rvm::wasm {

namespace {

constexpr std::uint64_t other_instance = 1;  // of a header's first word, see interpret_control.cpp

[[nodiscard]] std::uint64_t address_of(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

}  // namespace

const CompiledSite& CompiledRun::site_at(std::uint64_t address) const {
  const auto native = static_cast<std::uint32_t>(address - address_of(attachment().code));
  return *std::ranges::lower_bound(attachment().compiled->sites, native, {}, &CompiledSite::native);
}

/// The definition in whose code a word of internal code lies.
std::size_t CompiledRun::definition_of(std::uint32_t word) const {
  const auto& bodies = attachment().compiled->module->bodies;
  return static_cast<std::size_t>(std::ranges::upper_bound(bodies, word, {}, &FunctionBody::end) - bodies.begin());
}

std::span<const RegisterHome> CompiledRun::homes(const CompiledSite& site) const {
  const Compiled& compiled = *attachment().compiled;
  return compiled.registers.subspan(compiled.functions[definition_of(site.word)].registers);
}

/// To the frame what only registers have, so that the interpreter can go on.
void CompiledRun::write_back(const CompiledSite& site) {
  const auto homes_of_function = homes(site);
  for (RegisterSet left = site.dirty; left != 0; left &= left - 1) {
    const RegisterHome& home = homes_of_function[static_cast<std::size_t>(std::countr_zero(left))];
    std::uint64_t* const slot = state_.frame + home.slot;
    if (static_cast<Kind>(home.kind) == Kind::general) {
      *slot = state_.general[home.number];
    } else {
      std::memcpy(slot, state_.vector[home.number], static_cast<Kind>(home.kind) == Kind::vector ? 16 : 8);
    }
  }
}

bool CompiledRun::enter_at(const std::uint64_t* pc) {
  if (!reserve()) return false;
  const Compiled& compiled = *attachment().compiled;
  const auto& code = compiled.module->code;
  if (pc < code.data() || pc >= code.data() + code.size()) return false;
  const auto word = static_cast<std::uint32_t>(pc - code.data());
  const std::size_t definition = definition_of(word);
  const std::size_t first = compiled.functions[definition].sites;
  const std::size_t end =
      definition + 1 < compiled.functions.size() ? compiled.functions[definition + 1].sites : compiled.sites.size();
  for (const CompiledSite& site : compiled.sites.subspan(first, end - first)) {
    if (site.word != word || site.kind == CompiledSite::Kind::call_return) continue;
    if (!convert_header(definition)) return false;
    if (site.kind == CompiledSite::Kind::step) {
      again_ = &site;
      return true;
    }
    const auto homes_of_function = homes(site);
    for (RegisterSet left = site.valid; left != 0; left &= left - 1) {
      const RegisterHome& home = homes_of_function[static_cast<std::size_t>(std::countr_zero(left))];
      const std::uint64_t* const slot = run_.fp_ + home.slot;
      if (static_cast<Kind>(home.kind) == Kind::general) {
        state_.general[home.number] = *slot;
      } else {
        state_.vector[home.number][0] = *slot;
        state_.vector[home.number][1] = static_cast<Kind>(home.kind) == Kind::vector ? slot[1] : 0;
      }
    }
    state_.target = address_of(attachment().code) + site.native;
    state_.full = 1;
    ready_ = true;
    return true;
  }
  return false;
}

/// Makes the header of the current frame, of a definition's function, one of compiled code. False: it has to name the calling
/// instance, for which that has no room.
bool CompiledRun::convert_header(std::size_t definition) {
  const Attachment& at = attachment();
  const Module& module = *at.compiled->module;
  const FunctionType& type = module.function_type(static_cast<std::uint32_t>(module.imported_functions + definition));
  std::uint64_t* const header = run_.fp_ + type.parameter_slots;
  if (header[1] == 0) return true;  // the caller is compiled
  if (static_cast<std::uint16_t>(header[1]) != 0) {
    if ((header[0] & other_instance) != 0) return false;
    header[1] = header[0] << 16;
  }
  std::uint32_t stub = 0;
  if (type.results.size() == 1 && type.results[0] != ValueType::v128) stub = is_float(type.results[0]) ? 2 : 1;
  header[0] = address_of(at.code) + at.compiled->return_stubs[stub];
  return true;
}

/// The interpreter has arrived at a function's entry.
void CompiledRun::enter_function() {
  const Attachment& at = attachment();
  const std::uint32_t definition = upper(*run_.pc_);
  const Module& module = *at.compiled->module;
  if (!reserve() || !convert_header(definition)) {
    run_.pc_ = &module.code[module.bodies[definition].entry];
    return;
  }
  state_.target = address_of(at.code) + at.compiled->functions[definition].inner;
  state_.full = 0;
  ready_ = true;
}

/// A frame of compiled code is returned to by the interpreter, because it is detached.
void CompiledRun::return_interpreted() {
  const CompiledSite& site = site_at(address_of(run_.pc_));
  const std::uint64_t* const call = &attachment().compiled->module->code[site.word];
  run_.fp_ -= field_a(*call);
  run_.pc_ = call + words_of(call);
}

/// Compiled code has called a function that is not compiled.
void CompiledRun::enter_callee(const CompiledSite& site) {
  const Module& module = *attachment().compiled->module;
  const auto function = static_cast<std::uint32_t>(module.code[site.word + 1]);
  std::uint64_t* const header = run_.fp_ + module.function_type(function).parameter_slots;
  header[0] = state_.target;
  header[1] = 0;
  run_.pc_ = &module.code[module.bodies[function - module.imported_functions].entry];
}

/// Lets the interpreter do one instruction. Afterwards compiled code goes on, if that is where the instruction led (ready_), or
/// the interpreter. False: the run has ended.
bool CompiledRun::step(const CompiledSite& site) {
  const std::uint64_t* const instruction = &attachment().compiled->module->code[site.word];
  const std::uint64_t* const fp = run_.fp_;
  const Instance* const instance = run_.instance_;
  const std::uint64_t next = address_of(attachment().code) + site.native;
  run_.pc_ = instruction;
  run_.interpret_one();
  if (run_.transfer_ == Execution::Transfer::none) return false;
  if (run_.pc_ == instruction + words_of(instruction) && run_.fp_ == fp && run_.instance_ == instance && reserve()) {
    state_.target = next;
    state_.full = 0;
    ready_ = true;
  }
  return true;
}

void CompiledRun::finish(Trap reason) {
  run_.keep_fuel(reason, std::exchange(run_.left_, 0));
  run_.reason_ = reason;
}

/// There was not enough fuel up to the next look. True: there is now, or the interpreter goes on with what there is.
bool CompiledRun::pay() {
  const CompiledSite& site = site_at(state_.target);
  const std::uint64_t* const instruction = &attachment().compiled->module->code[site.word];
  const auto due = static_cast<std::int64_t>(price_of(*instruction));
  run_.left_ += due;
  if (run_.refill(run_.left_, due + fuel_reserve())) {
    state_.full = 1;
    ready_ = true;
    return true;
  }
  write_back(site);
  run_.pc_ = instruction;
  if (run_.reason_ == Trap::out_of_fuel) return true;
  finish(run_.reason_);
  return false;
}

void CompiledRun::run() {
  const Instance& instance = *run_.instance_;
  const Memory* const memory = instance.memory;
  state_.frame = run_.fp_;
  state_.memory = memory == nullptr ? nullptr : memory->base;
  state_.limit = static_cast<std::int64_t>(memory == nullptr ? 0 : memory->bytes) - std::int64_t{limit_slack};
  state_.fuel = run_.left_ - fuel_reserve();
  state_.stack_end = run_.stack_end();
  state_.globals = instance.globals.data();
  state_.first_global = instance.globals.empty() ? nullptr : instance.globals[0];
  state_.instance = run_.instance_;
  state_.arena = run_.store_.arena().base();
  state_.tables = instance.tables.data();
  state_.types = instance.types.data();
  // The code's first instruction is its entry from C++ (compile.cpp).
  const auto enter = reinterpret_cast<void (*)(NativeState*)>(address_of(attachment().code));
  enter(&state_);
  run_.fp_ = state_.frame;
  run_.left_ = state_.fuel + fuel_reserve();
  ready_ = false;
}

/// After `run`. False: the run has ended.
bool CompiledRun::leave() {
  switch (static_cast<NativeExit>(state_.exit)) {
    case NativeExit::trap:
      finish(static_cast<Trap>(state_.value));
      return false;
    case NativeExit::fuel:
      return pay();
    case NativeExit::step:
      return step(site_at(state_.target));
    case NativeExit::call:
      enter_callee(site_at(state_.target));
      return true;
    case NativeExit::returned:
      run_.pc_ = reinterpret_cast<const std::uint64_t*>(state_.value >> 16);
      run_.fp_ -= field_a(run_.pc_[-2]);
      return true;
  }
  return false;
}

/// Takes over what the interpreter has left.
void CompiledRun::begin() {
  if (run_.transfer_ == Execution::Transfer::enter_compiled) {
    enter_function();
  } else if (run_.transfer_ == Execution::Transfer::return_compiled) {
    if (run_.instance_->attached && reserve()) {
      state_.target = address_of(run_.pc_);
      state_.full = 0;
      ready_ = true;
    } else {
      return_interpreted();
    }
  }
}

bool CompiledRun::go_on() {
  if (again_ != nullptr) {
    if (!step(*std::exchange(again_, nullptr))) return false;
  } else if (!ready_) {
    begin();
  }
  while (ready_) {
    run();
    if (!leave()) return false;
  }
  return true;
}

bool attach(Store& store, Instance& instance, const Compiled& compiled, const std::byte* code) {
#if !defined(__aarch64__)
  static_cast<void>(store), static_cast<void>(instance), static_cast<void>(compiled), static_cast<void>(code);
  return false;
#else
  if (compiled.module != instance.module) return false;
  if (compiled.guarded && instance.memory != nullptr && !instance.memory->guarded) return false;
  const std::size_t count = compiled.functions.size();
  const Attachment* attachment = instance.attachment;
  if (attachment == nullptr || attachment->compiled != &compiled || attachment->code != code) {
    const auto place = store.arena().allocate<Attachment>(1);
    const auto entries = store.arena().allocate<std::uint64_t>(count);
    if (place.empty() || entries.size() != count) return false;
    for (std::uint32_t i = 0; i < count; ++i) entries[i] = encode_wide(Op::enter_native, 0, i);
    place[0] = {.compiled = &compiled, .code = code, .entries = entries};
    attachment = instance.attachment = &place[0];
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (compiled.functions[i].entry == 0) continue;
    Function& function = *instance.functions[instance.module->imported_functions + i];
    function.code = &attachment->entries[i];
    function.native = code + compiled.functions[i].entry;
  }
  instance.attached = true;
  return true;
#endif
}

void detach(Instance& instance) {
  const Module& module = *instance.module;
  for (std::uint32_t i = 0; i < module.bodies.size(); ++i) {
    Function& function = *instance.functions[module.imported_functions + i];
    function.code = &module.code[module.bodies[i].entry];
    function.native = nullptr;
  }
  instance.attached = false;
}

}  // namespace rvm::wasm
