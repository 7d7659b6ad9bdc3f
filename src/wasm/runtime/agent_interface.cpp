// SPDX-License-Identifier: MIT OR Apache-2.0
#include "agent_interface.hpp"

#include <algorithm>

namespace rvm::wasm {

namespace {

struct Entry {
  std::string_view name;
  Signature signature;
  AgentInterface::Function function;
  Price price{};
};

constexpr Price by_bytes(std::uint8_t argument, std::uint32_t base) {
  return {.base = base, .by = Price::By::bytes, .argument = argument};
}

constexpr std::int64_t refusal(rvm_error e) { return -static_cast<std::int64_t>(e); }

}  // namespace

struct AgentInterfaceTable {
  static constexpr std::array entries{
      Entry{"alloc", {"i"}, &AgentInterface::alloc, by_bytes(0, 50)},
      Entry{"find", {"ii"}, &AgentInterface::find, by_bytes(1, 200)},
      Entry{"fork", {"iiii"}, &AgentInterface::fork, {.base = 20'000}},
      Entry{"free", {"ii"}, &AgentInterface::free, by_bytes(1, 50)},
      Entry{"get_id", {""}, &AgentInterface::get_id},
      Entry{"get_time", {"", true, ValueType::i64}, &AgentInterface::get_time},
      Entry{"gpu_alloc", {"i"}, &AgentInterface::no_gpu},
      Entry{"gpu_free", {"i"}, &AgentInterface::no_gpu},
      Entry{"gpu_launch", {"iiiii"}, &AgentInterface::no_gpu},
      Entry{"gpu_sync", {"i"}, &AgentInterface::no_gpu},
      Entry{"gpu_transfer", {"iiii"}, &AgentInterface::no_gpu},
      Entry{"receive", {"iii"}, &AgentInterface::receive, by_bytes(2, 200)},
      Entry{"send", {"iii"}, &AgentInterface::send, by_bytes(2, 200)},
      Entry{"spawn", {"iiiI"}, &AgentInterface::spawn, {.base = 2000}},
      Entry{"yield", {"", false}, &AgentInterface::yield},
  };
  static_assert(std::ranges::is_sorted(entries, {}, &Entry::name));
};

std::optional<AgentInterface::Import> AgentInterface::find_import(std::string_view name) {
  const auto found = std::ranges::lower_bound(AgentInterfaceTable::entries, name, {}, &Entry::name);
  if (found == AgentInterfaceTable::entries.end() || found->name != name) return std::nullopt;
  return Import{static_cast<std::uint32_t>(found - AgentInterfaceTable::entries.begin()), found->signature};
}

std::uint64_t AgentInterface::price(std::uint32_t number, const HostCall& c) {
  return AgentInterfaceTable::entries[number].price.of(c);
}

Trap AgentInterface::call(std::uint32_t number, const HostCall& c) {
  const Entry& entry = AgentInterfaceTable::entries[number];
  const std::int64_t result = (this->*entry.function)(c);
  if (!entry.signature.returns) return Trap::none;
  // The upper half of a 32-bit value's slot is zero.
  c.result(entry.signature.result == ValueType::i64 ? static_cast<std::uint64_t>(result)
                                                    : static_cast<std::uint32_t>(result));
  return Trap::none;
}

void AgentInterface::begin_turn(std::uint64_t now) {
  turn_time_ = now;
  message_count_ = spawn_count_ = fork_count_ = text_bytes_ = 0;
}

void AgentInterface::finish_turn() {
  for (const Spawn& s : std::span{spawns_}.first(spawn_count_)) {
    (void)system_.spawn(s.partition, s.image, s.priority, s.argument);  // a refusal is in the log
  }
  for (const ActorSystem::Fork& f : std::span{forks_}.first(fork_count_)) system_.start(f);
  fork_count_ = 0;
}

void AgentInterface::abandon_turn() {
  for (const ActorSystem::Fork& f : std::span{forks_}.first(fork_count_)) system_.drop(f);
  fork_count_ = 0;
}

std::int64_t AgentInterface::find(const HostCall& c) {
  if (!c.reaches(c.u32(0), c.u32(1))) return refusal(RVM_ERROR_BAD_ADDRESS);
  const std::uint32_t handle = system_.find(c.text(c.u32(0), c.u32(1)));
  return handle == 0 ? refusal(RVM_ERROR_BAD_CAPABILITY) : std::int64_t{handle};
}

std::int64_t AgentInterface::send(const HostCall& c) {
  const std::uint32_t bytes = c.u32(2);
  if (bytes > RVM_MESSAGE_BYTES_MAX) return refusal(RVM_ERROR_BAD_ARGUMENT);
  if (!c.reaches(c.u32(1), bytes)) return refusal(RVM_ERROR_BAD_ADDRESS);
  const std::span<const std::byte> message = c.memory(c.u32(1), bytes);
  if (!turn_time_) return refusal(system_.send(c.u32(0), message));
  if (message_count_ == messages_.size() || bytes > text_.size() - text_bytes_)
    return refusal(RVM_ERROR_RESOURCE_LIMIT);
  std::byte* const to = text_.data() + text_bytes_;
  std::ranges::copy(message, to);
  messages_[message_count_++] = {.edge = c.u32(0), .length = bytes, .address = system_.kernel_address(to)};
  text_bytes_ += bytes;
  return 0;
}

std::int64_t AgentInterface::receive(const HostCall& c) {
  if (turn_time_) return refusal(RVM_ERROR_BAD_STATE);
  if (!c.reaches(c.u32(1), c.u32(2))) return refusal(RVM_ERROR_BAD_ADDRESS);
  const auto received = system_.receive(c.u32(0), c.memory(c.u32(1), c.u32(2)), true);
  return received ? std::int64_t{received->length} : refusal(received.error());
}

/// From what was freed, else by growing.
std::uint32_t AgentInterface::allocate(Memory& memory, std::uint32_t bytes) {
  const std::uint64_t wanted = (std::uint64_t{bytes} + memory_page_bytes - 1) / memory_page_bytes * memory_page_bytes;
  if (wanted == 0 || wanted > UINT32_MAX) return 0;
  for (Free& f : free_) {
    if (f.bytes < wanted) continue;
    const std::uint32_t address = f.address;
    f = {.address = f.address + static_cast<std::uint32_t>(wanted),
         .bytes = f.bytes - static_cast<std::uint32_t>(wanted)};
    return address;
  }
  const std::uint32_t before = store_->grow(memory, static_cast<std::uint32_t>(wanted / memory_page_bytes));
  return before == UINT32_MAX ? 0 : before * memory_page_bytes;
}

std::int64_t AgentInterface::alloc(const HostCall& c) {
  Memory* const memory = c.all_memory();
  const std::uint32_t address = memory == nullptr ? 0 : allocate(*memory, c.u32(0));
  return address == 0 ? refusal(RVM_ERROR_NO_MEMORY) : std::int64_t{address};
}

/// What is freed is zero when it is handed out again. Linear memory never shrinks.
std::int64_t AgentInterface::free(const HostCall& c) {
  const std::uint64_t bytes = (std::uint64_t{c.u32(1)} + memory_page_bytes - 1) / memory_page_bytes * memory_page_bytes;
  if (bytes == 0 || c.u32(0) % memory_page_bytes != 0 || !c.reaches(c.u32(0), bytes)) {
    return refusal(RVM_ERROR_BAD_ARGUMENT);
  }
  const auto slot = std::ranges::find(free_, 0U, &Free::bytes);
  if (slot == free_.end()) return refusal(RVM_ERROR_RESOURCE_LIMIT);
  std::ranges::fill(c.memory(c.u32(0), static_cast<std::size_t>(bytes)), std::byte{0});
  *slot = {.address = c.u32(0), .bytes = static_cast<std::uint32_t>(bytes)};
  return 0;
}

std::int64_t AgentInterface::spawn(const HostCall& c) {
  if (!turn_time_) {
    const auto agent = system_.spawn(c.u32(0), c.u32(1), c.u32(2), c.u64(3));
    return agent ? std::int64_t{*agent} : refusal(agent.error());
  }
  if (spawn_count_ == spawns_.size()) return refusal(RVM_ERROR_RESOURCE_LIMIT);
  spawns_[spawn_count_++] = {c.u32(0), c.u32(1), c.u32(2), c.u64(3)};
  return 0;
}

/// The copy is made at once, so that it can be sent messages, and held until the turn commits.
std::int64_t AgentInterface::fork(const HostCall& c) {
  if (!c.reaches(c.u32(3), sizeof(std::uint32_t))) return refusal(RVM_ERROR_BAD_ADDRESS);
  if (turn_time_ && fork_count_ == forks_.size()) return refusal(RVM_ERROR_RESOURCE_LIMIT);
  const auto made = system_.fork(c.u32(0), c.u32(1), c.u32(2));
  if (!made) return refusal(made.error());
  (void)c.store(c.u32(3), made->answers);  // reached above
  if (turn_time_) {
    forks_[fork_count_++] = *made;
  } else {
    system_.start(*made);
  }
  return made->edge;
}

std::int64_t AgentInterface::yield(const HostCall& /*c*/) {
  if (!turn_time_) system_.yield();
  return 0;
}
std::int64_t AgentInterface::get_time(const HostCall& /*c*/) {
  return static_cast<std::int64_t>(turn_time_ ? *turn_time_ : system_.now());
}
std::int64_t AgentInterface::get_id(const HostCall& /*c*/) { return system_.id(); }
std::int64_t AgentInterface::no_gpu(const HostCall& /*c*/) { return refusal(RVM_ERROR_BAD_OPERATION); }

}  // namespace rvm::wasm
