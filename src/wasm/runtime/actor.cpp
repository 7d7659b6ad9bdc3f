// SPDX-License-Identifier: MIT OR Apache-2.0
#include "actor.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace rvm::wasm {

namespace {

constexpr std::uint32_t message_limit = RVM_MESSAGE_BYTES_MAX;

/// As records have it: the first 8 bytes.
std::uint64_t first_word(const crypto::Digest& digest) {
  std::uint64_t word = 0;
  std::memcpy(&word, digest.data(), sizeof word);
  return word;
}

bool takes(const Function& function, const FunctionType& type, std::size_t parameters) {
  return type.results.empty() && type.parameters.size() == parameters && function.parameter_slots == parameters &&
         std::ranges::all_of(type.parameters, [](ValueType t) { return t == ValueType::i32; });
}

}  // namespace

/// The parts of the host's own state that calls change, by their values and not their bytes, which have gaps.
crypto::Digest Actor::beside() const {
  crypto::Sha256 hash;
  const Wasi::State wasi = around_.wasi.state();
  for (const Wasi::Descriptor& d : wasi.descriptors) {
    const std::array<std::uint64_t, 6> fields{
        static_cast<std::uint64_t>(d.kind), d.flags, d.file, d.offset, d.rights, d.inheriting};
    hash.update(crypto::bytes_of(fields));
  }
  hash.update(crypto::bytes_of(wasi.random));
  for (const AgentInterface::Free& f : around_.interface.state()) {
    hash.update(crypto::bytes_of(f.address));
    hash.update(crypto::bytes_of(f.bytes));
  }
  return hash.finish();
}

std::string_view Actor::prepare(std::span<std::byte> copy, Arena& tree) {
  const Export* const entry = instance_.module->find_export("rvm_on_message");
  if (entry == nullptr || entry->kind != ExternKind::function) return "rvm_on_message is not a function";
  on_message_ = instance_.functions[entry->index];
  if (!takes(*on_message_, instance_.module->function_type(entry->index), 3)) {
    return "rvm_on_message is not a function of edge, pointer and length, i32 each, without a result";
  }
  if (instance_.memory == nullptr) return "an actor without memory cannot be given a message";
  buffer_ = around_.interface.allocate(*instance_.memory, message_limit);
  if (buffer_ == 0) return "its memory has no room for messages: it may not grow by a page";
  around_.console.hold();
  state_ = TurnState::create(execution_.store(), instance_, copy, tree, around_.system.address_space());
  if (!state_) return "the heap is too small to undo turns: give the agent more (heap)";
  wasi_state_ = around_.wasi.state();
  interface_state_ = around_.interface.state();
  return {};
}

void Actor::undo(std::uint32_t reason, std::uint64_t message_digest) {
  if (state_) state_->reject();
  around_.wasi.restore(wasi_state_);
  around_.interface.restore(interface_state_);
  around_.console.discard();
  around_.interface.abandon_turn();
  around_.system.abort(reason, message_digest, root_);
}

Actor::After Actor::commit(std::uint64_t message_digest) {
  const crypto::Digest own = beside();
  const std::uint64_t root = state_ ? first_word(state_->examine(own)) : 0;
  const rvm_error refused = around_.system.commit(around_.interface.outgoing(), message_digest, root);
  if (refused != RVM_ERROR_OK) {
    undo(static_cast<std::uint32_t>(AbortReason::refused), message_digest);
    around_.system.print("wasm: turn aborted: the kernel refused a message that it sent");
    return After::aborted;
  }
  root_ = root;
  if (state_) state_->accept();
  wasi_state_ = around_.wasi.state();
  interface_state_ = around_.interface.state();
  around_.console.release();
  around_.interface.finish_turn();
  return around_.wasi.exit_code() ? After::exited : After::committed;
}

Actor::After Actor::turn(const Function& function, std::span<const std::uint64_t> arguments,
                         std::span<const std::byte> message) {
  const std::uint64_t now = around_.system.now();
  around_.wasi.freeze_time(now);
  around_.interface.begin_turn(now);
  execution_.set_fuel(fuel_);
  const std::uint64_t digest = first_word(crypto::sha256(message));
  const Trap trap = execution_.call(function, arguments);
  if (trap == Trap::none || (trap == Trap::host && around_.wasi.exit_code())) return commit(digest);
  if (state_) (void)state_->examine({});  // finds what to put back
  undo(static_cast<std::uint32_t>(trap), digest);
  std::array<char, 96> line{};
  const std::string_view text = describe(trap);
  constexpr std::string_view begin = "wasm: turn aborted: ";
  const std::size_t length = begin.copy(line.data(), line.size());
  around_.system.print({line.data(), length + text.copy(line.data() + length, line.size() - length)});
  return After::aborted;
}

int Actor::end() {
  around_.console.flush();
  return static_cast<int>(around_.wasi.exit_code().value_or(0));
}

std::optional<int> Actor::begin() {
  const auto init = execution_.store().find(instance_, "rvm_init");
  if (!init) return std::nullopt;
  if (init->kind != ExternKind::function || init->function->parameter_slots != 0) return 126;
  const After after = turn(*init->function, {}, {});
  if (after == After::exited) return end();
  if (after == After::aborted) return 134;  // there is no state to go on from
  return std::nullopt;
}

int Actor::serve() {
  // Edges may end one by one; when a receive says so more often than there were any, none is left.
  for (std::uint32_t gone = 0; gone <= around_.system.inbound_edges();) {
    // Not straight to linear memory: what the kernel writes there nobody would note.
    const auto received = around_.system.receive(0, message_, true);
    if (!received) {
      ++gone;
      continue;
    }
    gone = 0;
    const std::span<const std::byte> message = std::span{message_}.first(received->length);
    if (received->kind != RVM_MESSAGE_BYTES) {
      if (state_) (void)state_->examine({});
      undo(static_cast<std::uint32_t>(AbortReason::not_bytes), first_word(crypto::sha256(message)));
      continue;
    }
    std::ranges::copy(message, instance_.memory->base + buffer_);
    const std::array<std::uint64_t, 3> arguments{received->edge, buffer_, received->length};
    if (turn(*on_message_, arguments, message) == After::exited) return end();
  }
  return end();
}

}  // namespace rvm::wasm
