// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an agent written in C++23 needs, header only: typed handles, std::expected results, messages, a server loop,
// printing, arguments, time and a bump allocator. Everything is a thin layer over rvm/agent.h, which has one function
// per hypercall and may be used beside it.
//
//   #include <rvm/agent.hpp>
//   using namespace rvm::agent;
//   extern "C" int agent_main(const rvm_agent_info*) {
//     say("hello from agent ", self().agent);
//     return 0;
//   }
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "rvm/agent.h"

namespace rvm::agent {

// ---- errors ----------------------------------------------------------------------------------------------------------

/// Why a hypercall failed; the values are rvm_error's.
enum class Error : std::uint32_t {
  ok = RVM_ERROR_OK,
  bad_operation = RVM_ERROR_BAD_OPERATION,
  bad_capability = RVM_ERROR_BAD_CAPABILITY,
  wrong_type = RVM_ERROR_WRONG_TYPE,
  rights = RVM_ERROR_RIGHTS,
  bad_argument = RVM_ERROR_BAD_ARGUMENT,
  bad_address = RVM_ERROR_BAD_ADDRESS,
  unaligned = RVM_ERROR_UNALIGNED,
  bad_state = RVM_ERROR_BAD_STATE,
  no_memory = RVM_ERROR_NO_MEMORY,
  resource_limit = RVM_ERROR_RESOURCE_LIMIT,
  timed_out = RVM_ERROR_TIMED_OUT,
  would_block = RVM_ERROR_WOULD_BLOCK,
  peer_gone = RVM_ERROR_PEER_GONE,
  overlap = RVM_ERROR_OVERLAP,
  write_execute = RVM_ERROR_WRITE_EXECUTE,
  truncated = RVM_ERROR_TRUNCATED,
  witness_log_full = RVM_ERROR_WITNESS_LOG_FULL,
  delegation_depth = RVM_ERROR_DELEGATION_DEPTH,
  internal = RVM_ERROR_INTERNAL,
  proof = RVM_ERROR_PROOF,
  no_lease = RVM_ERROR_NO_LEASE,
  dma_refused = RVM_ERROR_DMA_REFUSED,
  device_failed = RVM_ERROR_DEVICE_FAILED,
  no_shared_edge = RVM_ERROR_NO_SHARED_EDGE,
  not_coherent = RVM_ERROR_NOT_COHERENT,
  lease_conflict = RVM_ERROR_LEASE_CONFLICT,
  region_overlap = RVM_ERROR_REGION_OVERLAP,
  capability_conflict = RVM_ERROR_CAPABILITY_CONFLICT,
};

[[nodiscard]] inline std::string_view name(Error e) { return rvm_error_name(static_cast<rvm_error>(e)); }

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline Status status(rvm_error e) {
  if (e == RVM_ERROR_OK) return {};
  return std::unexpected(static_cast<Error>(e));
}
template <typename T>
[[nodiscard]] Result<T> result(rvm_error e, T&& value) {
  if (e == RVM_ERROR_OK) return std::forward<T>(value);
  return std::unexpected(static_cast<Error>(e));
}
/// The error of a result, Error::ok if it has none.
template <typename T>
[[nodiscard]] Error error_of(const Result<T>& r) {
  return r ? Error::ok : r.error();
}

// ---- handles, rights, time -------------------------------------------------------------------------------------------

/// A capability of this agent for one type of object. Passing one type for another does not compile.
template <std::uint32_t Type>
struct Handle {
  static constexpr std::uint32_t type = Type;
  rvm_handle raw = RVM_INVALID_HANDLE;

  [[nodiscard]] constexpr explicit operator bool() const { return raw != RVM_INVALID_HANDLE; }
  friend constexpr bool operator==(Handle, Handle) = default;
};

using Partition = Handle<RVM_OBJECT_PARTITION>;
using AgentRef = Handle<RVM_OBJECT_AGENT>;
using Region = Handle<RVM_OBJECT_REGION>;
using Edge = Handle<RVM_OBJECT_EDGE>;
using Witness = Handle<RVM_OBJECT_WITNESS>;
using Console = Handle<RVM_OBJECT_CONSOLE>;
using Device = Handle<RVM_OBJECT_DEVICE>;

template <typename H>
concept AnyHandle = requires(H h) {
  { h.raw } -> std::convertible_to<rvm_handle>;
  H::type;
};

/// A set of RVM_RIGHT_*.
enum class Rights : std::uint32_t {
  none = 0,
  read = RVM_RIGHT_READ,
  write = RVM_RIGHT_WRITE,
  grant = RVM_RIGHT_GRANT,
  revoke = RVM_RIGHT_REVOKE,
  execute = RVM_RIGHT_EXECUTE,
  prove = RVM_RIGHT_PROVE,
  grant_once = RVM_RIGHT_GRANT_ONCE,
  all = RVM_RIGHT_ALL,
};
[[nodiscard]] constexpr Rights operator|(Rights a, Rights b) {
  return static_cast<Rights>(std::to_underlying(a) | std::to_underlying(b));
}

/// Permissions of a mapping, RVM_MAP_*. Write and execute together are always refused.
enum class Access : std::uint32_t {
  read = RVM_MAP_READ,
  read_write = RVM_MAP_READ | RVM_MAP_WRITE,
  read_execute = RVM_MAP_READ | RVM_MAP_EXECUTE
};

/// What a receiver sees of the sender; chosen when the edge was made, never by the sender.
struct Badge {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(Badge, Badge) = default;
};

/// Nanoseconds, since boot as a point in time, else a duration.
struct Nanoseconds {
  std::uint64_t count = 0;
  friend constexpr auto operator<=>(Nanoseconds, Nanoseconds) = default;
  friend constexpr Nanoseconds operator+(Nanoseconds a, Nanoseconds b) { return {a.count + b.count}; }
  friend constexpr Nanoseconds operator-(Nanoseconds a, Nanoseconds b) { return {a.count - b.count}; }
};
[[nodiscard]] constexpr Nanoseconds microseconds(std::uint64_t n) { return {n * 1000}; }
[[nodiscard]] constexpr Nanoseconds milliseconds(std::uint64_t n) { return {n * 1'000'000}; }
inline constexpr Nanoseconds forever{RVM_FOREVER};  ///< as a deadline: block without limit
inline constexpr Nanoseconds no_wait{0};            ///< as a deadline: do not block

[[nodiscard]] inline Nanoseconds now() { return {rvm_time()}; }
inline void sleep_until(Nanoseconds t) { (void)rvm_sleep_until(t.count); }
inline void sleep_for(Nanoseconds t) { sleep_until(now() + t); }
inline void yield() { (void)rvm_yield(); }
[[noreturn]] inline void exit(int code) { rvm_exit(code); }

// ---- who am I --------------------------------------------------------------------------------------------------------

[[nodiscard]] inline const rvm_agent_info& info() { return *rvm_this_agent; }
[[nodiscard]] inline std::string_view own_name() { return info().name; }
[[nodiscard]] inline rvm_identity self() { return ::rvm_self(); }
/// CPU time this agent has used.
[[nodiscard]] inline Nanoseconds cpu_time() { return {self().cpu_ns}; }

/// Argument `index` of the manifest, empty if there are fewer.
[[nodiscard]] inline std::string_view argument(unsigned index) {
  const char* text = rvm_argument(index);
  return text == nullptr ? std::string_view{} : std::string_view{text};
}
/// The same as a decimal number; `otherwise` if it is missing or not a number.
[[nodiscard]] inline std::uint64_t argument_number(unsigned index, std::uint64_t otherwise) {
  const std::string_view text = argument(index);
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return otherwise;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return text.empty() ? otherwise : value;
}

[[nodiscard]] inline std::span<const rvm_directory_entry> directory() {
  return {info().directory,
          info().directory_count < RVM_DIRECTORY_ENTRIES ? info().directory_count : RVM_DIRECTORY_ENTRIES};
}
/// The capability that the manifest gave this agent under `name`.
template <AnyHandle H>
[[nodiscard]] H find(std::string_view name) {
  for (const rvm_directory_entry& e : directory())
    if (e.type == H::type && name == e.name) return H{e.handle};
  return H{};
}
[[nodiscard]] inline Edge find_edge(std::string_view name) { return find<Edge>(name); }
[[nodiscard]] inline Partition own_partition() { return find<Partition>(RVM_DIRECTORY_PARTITION); }

// ---- text ------------------------------------------------------------------------------------------------------------

struct Hex {
  std::uint64_t value;
};
[[nodiscard]] constexpr Hex hex(std::uint64_t value) { return {value}; }

/// One line for the console, put together piece by piece without allocation.
class Line {
 public:
  Line() { line_.length = 0; }  // the text needs no clearing
  Line& operator<<(std::string_view text) {
    for (const char c : text) rvm_line_character(&line_, c);
    return *this;
  }
  Line& operator<<(const char* text) { return *this << std::string_view{text}; }
  Line& operator<<(char c) {
    rvm_line_character(&line_, c);
    return *this;
  }
  Line& operator<<(std::integral auto value) {
    if constexpr (std::is_signed_v<decltype(value)>) {
      if (value < 0) {
        rvm_line_character(&line_, '-');
        rvm_line_number(&line_, std::uint64_t{0} - static_cast<std::uint64_t>(value));
        return *this;
      }
    }
    rvm_line_number(&line_, static_cast<std::uint64_t>(value));
    return *this;
  }
  Line& operator<<(Hex h) {
    rvm_line_hex(&line_, h.value);
    return *this;
  }
  Line& operator<<(Error e) { return *this << name(e); }
  Line& operator<<(Nanoseconds t) { return *this << t.count << " ns"; }
  Status write() { return status(rvm_line_write(&line_)); }

 private:
  rvm_line line_;
};

/// Prints one line made of all arguments: text, numbers, hex(n), errors, times.
template <typename... T>
void say(const T&... parts) {
  Line line;
  (line << ... << parts);
  (void)line.write();
}

/// For examples and tests: ends the agent with code 1 unless `condition` holds.
template <typename... T>
void require(bool condition, const T&... what) {
  if (condition) return;
  say("FAILED: ", what...);
  exit(1);
}

// ---- messages --------------------------------------------------------------------------------------------------------

using Message = std::array<std::uint64_t, RVM_MESSAGE_REGISTERS>;

[[nodiscard]] inline Result<Message> call(Edge edge, Message message) {
  const rvm_error e = rvm_call(edge.raw, message.data());
  return result(e, std::move(message));
}

/// Answers calls for ever: `handle(Badge, const Message&)` returns the reply. Comes back only when waiting fails.
template <typename Handler>
  requires std::is_invocable_r_v<Message, Handler, Badge, const Message&>
Error serve(Handler&& handle) {
  Message message{};
  for (;;) {
    std::uint64_t badge = 0;
    const rvm_error e = rvm_reply_wait(&badge, message.data());
    // The caller may have ended before its reply: nobody is harmed, wait for the next one.
    if (e == RVM_ERROR_PEER_GONE) continue;
    if (e != RVM_ERROR_OK) return static_cast<Error>(e);
    message = handle(Badge{badge}, std::as_const(message));
  }
}

[[nodiscard]] inline Status send(Edge edge, std::span<const std::byte> bytes, Nanoseconds deadline = forever) {
  return status(rvm_send(edge.raw, bytes.data(), bytes.size(), deadline.count));
}
/// Sends the bytes of a plain structure.
template <typename T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] Status send_value(Edge edge, const T& value, Nanoseconds deadline = forever) {
  return send(edge, std::as_bytes(std::span{&value, 1}), deadline);
}

enum class MessageKind : std::uint64_t {
  bytes = RVM_MESSAGE_BYTES,
  capability = RVM_MESSAGE_CAPABILITY,
  region = RVM_MESSAGE_REGION
};

struct Received {
  Badge badge;
  std::uint64_t length;
  MessageKind kind;
  std::uint64_t edge_id;
};
/// Receives into `buffer` from `edge`, or from any edge when it is Edge{}.
[[nodiscard]] inline Result<Received> receive(Edge edge, std::span<std::byte> buffer, Nanoseconds deadline = forever) {
  rvm_received r{};
  const rvm_error e = rvm_receive(edge.raw, buffer.data(), buffer.size(), deadline.count, &r);
  return result(e, Received{Badge{r.badge}, r.length, static_cast<MessageKind>(r.kind), r.edge});
}

[[nodiscard]] inline Status signal(AgentRef agent, std::uint64_t bits) { return status(rvm_signal(agent.raw, bits)); }
[[nodiscard]] inline Result<std::uint64_t> wait(std::uint64_t mask, Nanoseconds deadline = forever) {
  std::uint64_t taken = 0;
  const rvm_error e = rvm_wait(mask, deadline.count, &taken);
  return result(e, std::move(taken));
}

// ---- regions ---------------------------------------------------------------------------------------------------------

[[nodiscard]] inline Result<Region> create_region(std::uint64_t pages) {
  Region r;
  const rvm_error e = rvm_region_create(own_partition().raw, pages, &r.raw);
  return result(e, std::move(r));
}
[[nodiscard]] inline Status map(Region r, std::uint64_t address, Access access) {
  return status(rvm_region_map(r.raw, address, std::to_underlying(access)));
}
[[nodiscard]] inline Status unmap(Region r) { return status(rvm_region_unmap(r.raw)); }
[[nodiscard]] inline Status destroy(Region r) { return status(rvm_region_destroy(r.raw)); }
[[nodiscard]] inline Status share(Region r, Edge edge, Rights rights) {
  return status(rvm_region_share(r.raw, edge.raw, std::to_underlying(rights)));
}
[[nodiscard]] inline Status unshare(Region r) { return status(rvm_region_unshare(r.raw)); }
[[nodiscard]] inline Status transfer(Region r, Edge edge) { return status(rvm_region_transfer(r.raw, edge.raw)); }

/// First address of this agent's slot where regions may be mapped.
[[nodiscard]] inline std::uint64_t map_base() { return info().map_base; }

/// The memory at a guest-physical address, as objects. Sound only where a region of that extent is mapped.
template <typename T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] std::span<T> memory_at(std::uint64_t address, std::size_t count) {
  return {static_cast<T*>(rvm_pointer(address)), count};
}

/// What the package put behind the program (rvm/wasm_bundle.h is the form that `rvm` gives it); empty if nothing. Read-only, and
/// shared by all agents of the image.
extern "C" const std::byte rvm_image_end[] __attribute__((visibility("hidden")));
[[nodiscard]] inline std::span<const std::byte> package_data() {
  const auto start = reinterpret_cast<std::uintptr_t>(rvm_image_end);
  const auto end = reinterpret_cast<std::uintptr_t>(rvm_pointer(info().image_base + info().image_size));
  if (end <= start) return {};
  return {rvm_image_end, static_cast<std::size_t>(end - start)};
}

// ---- capabilities, agents, partitions --------------------------------------------------------------------------------

template <AnyHandle H>
[[nodiscard]] Result<H> derive(H parent, Rights rights, Badge badge = {}) {
  H child;
  const rvm_error e = rvm_cap_derive(parent.raw, std::to_underlying(rights), badge.value, &child.raw);
  return result(e, std::move(child));
}
[[nodiscard]] Status revoke(AnyHandle auto h) { return status(rvm_cap_revoke(h.raw)); }
/// Gives up one handle, whatever its rights. Error::bad_state while something derived from it is left.
[[nodiscard]] Status drop(AnyHandle auto h) { return status(rvm_cap_drop(h.raw)); }
[[nodiscard]] Result<rvm_capability> inspect(AnyHandle auto h) {
  rvm_capability c{};
  const rvm_error e = rvm_cap_inspect(h.raw, &c);
  return result(e, std::move(c));
}
[[nodiscard]] inline Result<rvm_agent_state> information(AgentRef a) {
  rvm_agent_state s{};
  const rvm_error e = rvm_agent_information(a.raw, &s);
  return result(e, std::move(s));
}
[[nodiscard]] inline Result<rvm_partition_state> information(Partition p) {
  rvm_partition_state s{};
  const rvm_error e = ::rvm_partition_info(p.raw, &s);
  return result(e, std::move(s));
}
[[nodiscard]] inline Result<Partition> create_partition(Partition hypervisor, std::uint64_t page_quota) {
  Partition p;
  const rvm_error e = rvm_partition_create(hypervisor.raw, page_quota, &p.raw, nullptr);
  return result(e, std::move(p));
}
[[nodiscard]] inline Result<AgentRef> spawn(Partition p, std::uint64_t image, std::uint64_t priority,
                                            std::uint64_t argument) {
  AgentRef a;
  const rvm_error e = rvm_agent_spawn(p.raw, image, priority, argument, &a.raw, nullptr);
  return result(e, std::move(a));
}
/// A suspended agent with a copy of the memory of `original`, which waits in receive or wait.
[[nodiscard]] inline Result<AgentRef> fork(Partition p, AgentRef original, std::uint64_t priority,
                                           std::uint64_t argument) {
  AgentRef a;
  const rvm_error e = rvm_agent_fork(p.raw, original.raw, priority, argument, &a.raw, nullptr);
  return result(e, std::move(a));
}
[[nodiscard]] inline Status destroy(Partition p) { return status(rvm_partition_destroy(p.raw)); }
/// Those that `members` chooses, as bits in ascending order of their index, get a partition of their own.
[[nodiscard]] inline Result<Partition> split(Partition p, std::uint64_t members) {
  Partition made;
  const rvm_error e = rvm_partition_split(p.raw, members, &made.raw, nullptr);
  return result(e, std::move(made));
}
[[nodiscard]] inline Status merge(Partition into, Partition absorbed) {
  return status(rvm_partition_merge(into.raw, absorbed.raw));
}
[[nodiscard]] inline Status migrate(AgentRef a, Partition to) { return status(rvm_agent_migrate(a.raw, to.raw)); }
[[nodiscard]] inline Status suspend(Partition p) { return status(rvm_partition_suspend(p.raw)); }
[[nodiscard]] inline Status resume(Partition p) { return status(rvm_partition_resume(p.raw)); }
[[nodiscard]] inline Status terminate(AgentRef a) { return status(rvm_agent_terminate(a.raw)); }
[[nodiscard]] inline Status suspend(AgentRef a) { return status(rvm_agent_suspend(a.raw)); }
[[nodiscard]] inline Status resume(AgentRef a) { return status(rvm_agent_resume(a.raw)); }

struct EdgeEnds {
  Edge owner;               ///< in the caller's table, all rights
  rvm_handle sender = 0;    ///< in the sender's table
  rvm_handle receiver = 0;  ///< in the receiver's
};
[[nodiscard]] inline Result<EdgeEnds> create_edge(AgentRef sender, AgentRef receiver, std::uint64_t queue,
                                                  Badge badge = {}) {
  rvm_new_edge n{};
  const rvm_error e = rvm_edge_create(sender.raw, receiver.raw, queue, badge.value, &n);
  return result(e, EdgeEnds{Edge{n.owner}, n.sender, n.receiver});
}
[[nodiscard]] inline Status destroy(Edge e) { return status(rvm_edge_destroy(e.raw)); }

// ---- evidence --------------------------------------------------------------------------------------------------------

/// What `rvm approve` and `rvm witness prove` print, as it is shown to the kernel. Nothing if it is not base64 or too long.
[[nodiscard]] inline std::optional<rvm_evidence> evidence_from(std::string_view base64) {
  rvm_evidence evidence{};
  const auto to = std::as_writable_bytes(std::span{&evidence, 1});
  std::size_t at = 0;
  std::uint32_t bits = 0;
  unsigned count = 0;
  while (base64.ends_with('=')) base64.remove_suffix(1);
  for (const char c : base64) {
    const std::size_t digit =
        std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"}.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    if (at == to.size()) return std::nullopt;
    count -= 8;
    to[at++] = static_cast<std::byte>(bits >> count);
  }
  return evidence;
}
/// Bytes whose SHA-256 the manifest has.
[[nodiscard]] inline rvm_evidence evidence_of(std::string_view preimage) {
  rvm_evidence evidence{};
  evidence.kind = RVM_EVIDENCE_PREIMAGE;
  evidence.count = static_cast<std::uint32_t>(preimage.size());
  std::copy_n(preimage.begin(), std::min(preimage.size(), std::size_t{RVM_EVIDENCE_PREIMAGE_MAX}),
              evidence.as.preimage);
  return evidence;
}

// ---- devices ---------------------------------------------------------------------------------------------------------

/// Registers of a device without DMA, mapped into the caller's slot while the lease lasts.
class DeviceRegisters {
 public:
  explicit DeviceRegisters(std::uint64_t address) : address_(reinterpret_cast<std::uintptr_t>(rvm_pointer(address))) {}
  [[nodiscard]] std::uint32_t read(std::uint64_t offset) const {
    return *reinterpret_cast<const volatile std::uint32_t*>(address_ + offset);
  }
  void write(std::uint64_t offset, std::uint32_t value) const {
    *reinterpret_cast<volatile std::uint32_t*>(address_ + offset) = value;
  }

 private:
  std::uint64_t address_;
};

/// Leases a device without DMA: its registers appear at `page`. An interrupt sets `bit` of the notification word (64: none) and
/// no other comes before `acknowledge`. An agent of a partition that is not trusted shows evidence.
[[nodiscard]] inline Result<DeviceRegisters> lease_registers(Device d, std::uint64_t epochs, std::uint64_t page,
                                                             std::uint64_t bit = 64,
                                                             const rvm_evidence* evidence = nullptr) {
  rvm_lease lease{};
  if (const rvm_error e = rvm_lease_info(d.raw, &lease); e != RVM_ERROR_OK)
    return std::unexpected(static_cast<Error>(e));
  const rvm_error e = rvm_lease_grant_shown(d.raw, epochs, page, bit, evidence, nullptr);
  return result(e, DeviceRegisters{page + lease.register_offset});
}
/// Leases a device with queues.
[[nodiscard]] inline Status lease_queues(Device d, std::uint64_t epochs, std::uint64_t bit = 64) {
  return status(rvm_lease_grant(d.raw, epochs, 0, bit, nullptr));
}
[[nodiscard]] inline Status renew(Device d, std::uint64_t epochs) {
  return status(rvm_lease_renew(d.raw, epochs, nullptr));
}
[[nodiscard]] inline Status release(Device d) { return status(rvm_lease_release(d.raw)); }
[[nodiscard]] inline Status acknowledge(Device d) { return status(rvm_device_acknowledge(d.raw)); }
[[nodiscard]] inline Result<rvm_lease> information(Device d) {
  rvm_lease lease{};
  const rvm_error e = rvm_lease_info(d.raw, &lease);
  return result(e, std::move(lease));
}
[[nodiscard]] inline Result<std::uint32_t> configuration(Device d, std::uint64_t offset) {
  std::uint32_t value = 0;
  const rvm_error e = rvm_device_configuration(d.raw, offset, &value);
  return result(e, std::move(value));
}

/// A buffer that the device reads, or writes. It must lie within a page of the image, the stack or the heap.
[[nodiscard]] inline rvm_device_buffer device_reads(std::span<const std::byte> bytes) {
  return {rvm_guest_address(bytes.data()), static_cast<std::uint32_t>(bytes.size()), 0};
}
[[nodiscard]] inline rvm_device_buffer device_writes(std::span<std::byte> bytes) {
  return {rvm_guest_address(bytes.data()), static_cast<std::uint32_t>(bytes.size()), RVM_BUFFER_DEVICE_WRITES};
}
/// The number by which the request is known when it is done.
[[nodiscard]] inline Result<std::uint64_t> submit(Device d, std::uint64_t queue,
                                                  std::span<const rvm_device_buffer> buffers) {
  std::uint64_t request = 0;
  const rvm_error e = rvm_device_submit(d.raw, queue, buffers.data(), buffers.size(), &request);
  return result(e, std::move(request));
}
struct Completed {
  std::uint64_t request;
  std::uint64_t written;
};
/// Error::would_block while nothing is done.
[[nodiscard]] inline Result<Completed> complete(Device d, std::uint64_t queue) {
  Completed done{};
  const rvm_error e = rvm_device_complete(d.raw, queue, &done.request, &done.written);
  return result(e, std::move(done));
}

// ---- heap ------------------------------------------------------------------------------------------------------------

/// The heap as it is, zeroed by the kernel; for whoever divides it up without a Heap.
[[nodiscard]] inline std::span<std::byte> heap_bytes() {
  return memory_at<std::byte>(info().heap_base, static_cast<std::size_t>(info().heap_size));
}

/// Hands out the agent's heap (manifest key `heap`) from the bottom up; nothing is given back. Zeroed by the kernel.
class Heap {
 public:
  Heap() : next_(info().heap_base), end_(info().heap_base + info().heap_size) {}

  /// `count` objects, or an empty span when the heap is used up.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::span<T> allocate(std::size_t count) {
    const std::uint64_t start = (next_ + alignof(T) - 1) & ~std::uint64_t{alignof(T) - 1};
    if (start > end_ || count > (end_ - start) / sizeof(T)) return {};
    next_ = start + count * sizeof(T);
    return memory_at<T>(start, count);
  }
  [[nodiscard]] std::uint64_t free_bytes() const { return end_ - next_; }

 private:
  std::uint64_t next_;
  std::uint64_t end_;
};

}  // namespace rvm::agent
