// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The table of functions, and those that are not about files.
#include "wasi.hpp"

#include <algorithm>

#include "wasi_layout.hpp"

namespace rvm::wasm {

namespace {

struct Entry {
  std::string_view name;
  Signature signature;
  Wasi::Function function;
  Price price{};
};

// Copying costs as memory.copy does, a unit per 16 bytes; the console more, because what it takes goes through a device; random
// numbers more, because they are hashes; and names more, because each of their parts is looked for in a table.
constexpr Price buffers{.by = Price::By::vectors, .argument = 1};
constexpr Price console_buffers{.by = Price::By::vectors, .argument = 1, .per_16_bytes = 64};
constexpr Price hashes{.by = Price::By::bytes, .argument = 1, .per_16_bytes = 64};
constexpr Price resolves(std::uint8_t length) {
  return {.by = Price::By::bytes, .argument = length, .per_16_bytes = 256};
}
constexpr Price own{.by = Price::By::own};

}  // namespace

/// Names and types as in the interface's definition (typenames.witx, wasi_snapshot_preview1.witx).
struct WasiTable {
  static constexpr std::array entries{
      Entry{"args_get", {"ii"}, &Wasi::args_get, own},
      Entry{"args_sizes_get", {"ii"}, &Wasi::args_sizes_get, own},
      Entry{"clock_res_get", {"ii"}, &Wasi::clock_res_get},
      Entry{"clock_time_get", {"iIi"}, &Wasi::clock_time_get},
      Entry{"environ_get", {"ii"}, &Wasi::environ_get, own},
      Entry{"environ_sizes_get", {"ii"}, &Wasi::environ_sizes_get, own},
      Entry{"fd_advise", {"iIIi"}, &Wasi::fd_advise},
      Entry{"fd_allocate", {"iII"}, &Wasi::fd_change},
      Entry{"fd_close", {"i"}, &Wasi::fd_close},
      Entry{"fd_datasync", {"i"}, &Wasi::fd_sync},
      Entry{"fd_fdstat_get", {"ii"}, &Wasi::fd_fdstat_get},
      Entry{"fd_fdstat_set_flags", {"ii"}, &Wasi::fd_fdstat_set_flags},
      Entry{"fd_fdstat_set_rights", {"iII"}, &Wasi::fd_fdstat_set_rights},
      Entry{"fd_filestat_get", {"ii"}, &Wasi::fd_filestat_get},
      Entry{"fd_filestat_set_size", {"iI"}, &Wasi::fd_change},
      Entry{"fd_filestat_set_times", {"iIIi"}, &Wasi::fd_change},
      Entry{"fd_pread", {"iiiIi"}, &Wasi::fd_pread, buffers},
      Entry{"fd_prestat_dir_name", {"iii"}, &Wasi::fd_prestat_dir_name},
      Entry{"fd_prestat_get", {"ii"}, &Wasi::fd_prestat_get},
      Entry{"fd_pwrite", {"iiiIi"}, &Wasi::fd_pwrite},
      Entry{"fd_read", {"iiii"}, &Wasi::fd_read, buffers},
      Entry{"fd_readdir", {"iiiIi"}, &Wasi::fd_readdir, own},
      Entry{"fd_renumber", {"ii"}, &Wasi::fd_renumber},
      Entry{"fd_seek", {"iIii"}, &Wasi::fd_seek},
      Entry{"fd_sync", {"i"}, &Wasi::fd_sync},
      Entry{"fd_tell", {"ii"}, &Wasi::fd_tell},
      Entry{"fd_write", {"iiii"}, &Wasi::fd_write, console_buffers},
      Entry{"path_create_directory", {"iii"}, &Wasi::read_only},
      Entry{"path_filestat_get", {"iiiii"}, &Wasi::path_filestat_get, resolves(3)},
      Entry{"path_filestat_set_times", {"iiiiIIi"}, &Wasi::read_only},
      Entry{"path_link", {"iiiiiii"}, &Wasi::read_only},
      Entry{"path_open", {"iiiiiIIii"}, &Wasi::path_open, resolves(3)},
      Entry{"path_readlink", {"iiiiii"}, &Wasi::path_readlink, resolves(2)},
      Entry{"path_remove_directory", {"iii"}, &Wasi::read_only},
      Entry{"path_rename", {"iiiiii"}, &Wasi::read_only},
      Entry{"path_symlink", {"iiiii"}, &Wasi::read_only},
      Entry{"path_unlink_file", {"iii"}, &Wasi::read_only},
      Entry{"poll_oneoff", {"iiii"}, &Wasi::poll_oneoff, own},
      Entry{"proc_exit", {"i", false}, &Wasi::proc_exit},
      Entry{"proc_raise", {"i"}, &Wasi::not_here},
      Entry{"random_get", {"ii"}, &Wasi::random_get, hashes},
      Entry{"sched_yield", {""}, &Wasi::sched_yield},
      Entry{"sock_accept", {"iii"}, &Wasi::not_a_socket},
      Entry{"sock_recv", {"iiiiii"}, &Wasi::not_a_socket},
      Entry{"sock_send", {"iiiii"}, &Wasi::not_a_socket},
      Entry{"sock_shutdown", {"ii"}, &Wasi::not_a_socket},
  };
  static_assert(std::ranges::is_sorted(entries, {}, &Entry::name));
};

Wasi::Wasi(System& system, const Bundle& bundle, const Identity& identity, Console& console)
    : system_(system),
      bundle_(bundle),
      identity_(identity),
      console_(console),
      random_(bundle.header().seed, identity.name) {
  descriptors_[0] = {.kind = Kind::input, .rights = right::input};
  descriptors_[1] = {.kind = Kind::output, .rights = right::output};
  descriptors_[2] = {.kind = Kind::output, .rights = right::output};
  descriptors_[3] = {.kind = Kind::file,
                     .file = Bundle::root,
                     .rights = right::directory,
                     .inheriting = right::directory | right::file};
}

std::optional<Wasi::Import> Wasi::find(std::string_view name) {
  const auto found = std::ranges::lower_bound(WasiTable::entries, name, {}, &Entry::name);
  if (found == WasiTable::entries.end() || found->name != name) return std::nullopt;
  return Import{static_cast<std::uint32_t>(found - WasiTable::entries.begin()), found->signature};
}

std::uint32_t Wasi::count() { return static_cast<std::uint32_t>(WasiTable::entries.size()); }
std::string_view Wasi::name(std::uint32_t number) { return WasiTable::entries[number].name; }

std::uint64_t Wasi::price(std::uint32_t number, const HostCall& c) const {
  const Entry& entry = WasiTable::entries[number];
  if (entry.price.by != Price::By::own) return entry.price.of(c);
  std::uint64_t bytes = 0;
  if (entry.name.starts_with("args")) bytes = identity_.name.size() + identity_.arguments.size();
  if (entry.name.starts_with("environ")) bytes = bundle_.environment().size();
  // Every name of the tree is looked at.
  if (entry.function == &Wasi::fd_readdir) bytes = c.u32(2) + std::uint64_t{bundle_.file_count()} * 64;
  if (entry.function == &Wasi::poll_oneoff)
    bytes = std::uint64_t{c.u32(2)} * 16 * (sizeof(Subscription) + sizeof(Event));  // a clock is read for each
  return entry.price.of(c, bytes);
}

Trap Wasi::call(std::uint32_t number, const HostCall& c) {
  const Entry& entry = WasiTable::entries[number];
  const Errno e = (this->*entry.function)(c);
  if (exit_code_) return Trap::host;
  if (entry.signature.returns) c.result(static_cast<std::uint64_t>(e));
  return Trap::none;
}

// --- arguments and environment -----------------------------------------------------------------------------------------

namespace {

/// Number of texts ended by NUL.
std::uint32_t texts_in(std::string_view texts) { return static_cast<std::uint32_t>(std::ranges::count(texts, '\0')); }

/// The texts to `buffer`, and pointers to each to `pointers`, both advanced.
Errno store_texts(const HostCall& c, std::string_view texts, std::uint32_t& pointers, std::uint32_t& buffer) {
  while (!texts.empty()) {
    const std::string_view text = texts.substr(0, texts.find('\0'));
    if (!c.store(pointers, buffer) || !c.reaches(buffer, text.size() + 1)) return Errno::fault;
    const std::span<std::byte> to = c.memory(buffer, text.size() + 1);
    std::ranges::copy(std::as_bytes(std::span{text}), to.begin());
    to.back() = std::byte{0};
    pointers += 4;
    buffer += static_cast<std::uint32_t>(to.size());
    texts.remove_prefix(std::min(texts.size(), text.size() + 1));
  }
  return Errno::success;
}

Errno store_sizes(const HostCall& c, std::uint32_t count, std::size_t bytes) {
  return c.store(c.u32(0), count) && c.store(c.u32(1), static_cast<std::uint32_t>(bytes)) ? Errno::success
                                                                                          : Errno::fault;
}

}  // namespace

Errno Wasi::args_sizes_get(const HostCall& c) {
  return store_sizes(c, 1 + texts_in(identity_.arguments), identity_.name.size() + 1 + identity_.arguments.size());
}
Errno Wasi::args_get(const HostCall& c) {
  std::uint32_t pointers = c.u32(0);
  std::uint32_t buffer = c.u32(1);
  if (const Errno e = store_texts(c, identity_.name, pointers, buffer); e != Errno::success) return e;
  return store_texts(c, identity_.arguments, pointers, buffer);
}
Errno Wasi::environ_sizes_get(const HostCall& c) {
  return store_sizes(c, texts_in(bundle_.environment()), bundle_.environment().size());
}
Errno Wasi::environ_get(const HostCall& c) {
  std::uint32_t pointers = c.u32(0);
  std::uint32_t buffer = c.u32(1);
  return store_texts(c, bundle_.environment(), pointers, buffer);
}

// --- time ----------------------------------------------------------------------------------------------------------------

Errno Wasi::clock(std::uint32_t id, std::uint64_t& now) {
  switch (id) {
    case clock_id::realtime:
      now = identity_.boot_time + time();
      return Errno::success;
    case clock_id::monotonic:
      now = time();
      return Errno::success;
    case clock_id::process:
    case clock_id::thread:
      if (frozen_) return Errno::notsup;  // how fast it runs is no business of an actor
      now = system_.cpu_time();
      return Errno::success;
    default:
      return Errno::inval;
  }
}

Errno Wasi::clock_res_get(const HostCall& c) {
  std::uint64_t now = 0;
  if (const Errno e = clock(c.u32(0), now); e != Errno::success) return e;
  return c.store(c.u32(1), std::uint64_t{1}) ? Errno::success : Errno::fault;
}
Errno Wasi::clock_time_get(const HostCall& c) {
  std::uint64_t now = 0;
  if (const Errno e = clock(c.u32(0), now); e != Errno::success) return e;
  return c.store(c.u32(2), now) ? Errno::success : Errno::fault;
}

Errno Wasi::sched_yield(const HostCall& /*c*/) {
  if (!frozen_) system_.yield();
  return Errno::success;
}

/// Descriptors are always ready; clocks when their time has come, which is waited for if nothing else is ready.
Errno Wasi::poll_oneoff(const HostCall& c) {
  const std::uint32_t count = c.u32(2);
  if (count == 0 || count > 4096) return Errno::inval;
  if (!c.reaches(c.u32(0), std::uint64_t{count} * sizeof(Subscription)) ||
      !c.reaches(c.u32(1), std::uint64_t{count} * sizeof(Event))) {
    return Errno::fault;
  }
  // When each clock is due, on the monotonic clock.
  const auto due = [&](const Subscription& s, std::uint64_t& at) {
    std::uint64_t now = 0;
    if (const Errno e = clock(s.clock, now); e != Errno::success) return e;
    const std::uint64_t left = (s.flags & 1) == 0 ? s.timeout : s.timeout - std::min(s.timeout, now);
    const std::uint64_t monotonic = time();
    at = left > UINT64_MAX - monotonic ? UINT64_MAX : monotonic + left;
    return Errno::success;
  };
  const auto subscription = [&](std::uint32_t i) {
    Subscription s;
    (void)c.load(c.u32(0) + i * static_cast<std::uint32_t>(sizeof s), s);
    return s;
  };
  bool ready = false;
  std::uint64_t first = UINT64_MAX;
  const std::uint64_t start = time();
  for (std::uint32_t i = 0; i < count; ++i) {
    const Subscription s = subscription(i);
    if (s.type > 2) return Errno::inval;
    std::uint64_t at = 0;
    if (s.type != 0 || due(s, at) != Errno::success || at <= start) {
      ready = true;
    } else {
      first = std::min(first, at);
    }
  }
  if (!ready) {
    if (frozen_) return Errno::notsup;  // a turn does not sleep
    system_.sleep_until(first);
  }
  std::uint32_t events = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Subscription s = subscription(i);
    Event event{.userdata = s.userdata, .type = s.type};
    if (s.type == 0) {
      std::uint64_t at = 0;
      const Errno e = due(s, at);
      if ((s.flags & 1) == 0) at = s.timeout > UINT64_MAX - start ? UINT64_MAX : start + s.timeout;
      if (e == Errno::success && at > time()) continue;
      event.error = static_cast<std::uint16_t>(e);
    } else {
      const Descriptor* const d = descriptor(s.clock);  // the same place holds the descriptor
      event.error = static_cast<std::uint16_t>(d == nullptr ? Errno::badf : Errno::success);
      if (d != nullptr && d->kind == Kind::input) event.hung_up = 1;
    }
    (void)c.store(c.u32(1) + events * static_cast<std::uint32_t>(sizeof event), event);
    ++events;
  }
  return c.store(c.u32(3), events) ? Errno::success : Errno::fault;
}

// --- the rest --------------------------------------------------------------------------------------------------------------

Errno Wasi::random_get(const HostCall& c) {
  if (!c.reaches(c.u32(0), c.u32(1))) return Errno::fault;
  random_.fill(c.memory(c.u32(0), c.u32(1)));
  return Errno::success;
}

Errno Wasi::proc_exit(const HostCall& c) {
  exit_code_ = c.u32(0);
  return Errno::success;
}

Errno Wasi::not_here(const HostCall& /*c*/) { return Errno::nosys; }

Errno Wasi::not_a_socket(const HostCall& c) { return descriptor(c.u32(0)) == nullptr ? Errno::badf : Errno::notsock; }

Errno Wasi::read_only(const HostCall& c) { return descriptor(c.u32(0)) == nullptr ? Errno::badf : Errno::rofs; }

}  // namespace rvm::wasm
