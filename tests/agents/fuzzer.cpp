// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Hypercalls at random from a fixed seed: any operation, handles that are real, stale, forged or of the wrong type, and
// addresses and lengths at and around every border. After each one the kernel must have answered with a known error, left
// alone what the operation does not name, and written nowhere but into the buffer it was given.
//   args: number of hypercalls, seed
#include <rvm/agent.hpp>

using namespace rvm::agent;

namespace {

/// xorshift64* (Vigna, 2016): small and good enough to spread over the argument classes.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed | 1) {}
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DULL;
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }

 private:
  std::uint64_t state_;
};

constexpr std::uint64_t canary = 0xC0FFEE5EED5AFE00;
constexpr std::size_t pages = 4;

struct alignas(RVM_PAGE_SIZE) Arena {
  std::array<std::uint64_t, pages * RVM_PAGE_SIZE / 8> before, target, after;
};
Arena arena;

class Fuzzer {
 public:
  explicit Fuzzer(std::uint64_t seed) : random_(seed) {
    arena.before.fill(canary);
    arena.after.fill(canary);
  }

  void step(std::uint64_t number) {
    rvm_registers r{};
    const std::uint64_t operation = pick_operation();
    r.x[0] = operation;
    for (unsigned i = 1; i < 10; ++i) r.x[i] = argument();
    if (random_.below(4) != 0) r.x[1] = handle();
    if (!prepare(operation, r)) return;
    const rvm_registers asked = r;
    // Random registers never prove anything: half of the calls carry a proof, so that those which need one get further.
    const bool proven = operation < RVM_HVC_CALL || operation > RVM_HVC_REPLY ? random_.below(2) != 0 : false;
    if (proven) r.x[5] = r.x[6] = r.x[7] = 0;
    const std::uint64_t error = proven ? rvm_invoke_proven(&r) : rvm_invoke(&r);
    require(error < RVM_ERROR_COUNT, "call ", number, " operation ", operation, ": error ", error);
    require(error != RVM_ERROR_INTERNAL, "call ", number, " operation ", operation, ": internal error");
    const bool message = operation >= RVM_HVC_CALL && operation <= RVM_HVC_REPLY;
    if (!message)
      require(r.x[8] == asked.x[8] && r.x[9] == asked.x[9], "call ", number, " operation ", operation, ": x8 or x9");
    if (operation >= RVM_HVC_LIMIT)
      require(error == RVM_ERROR_BAD_OPERATION, "call ", number, ": operation ", operation);
    if (error == RVM_ERROR_OK) keep(operation, r);
    ++errors_[error];
    if (number % 64 == 0) check_canaries(number);
  }

  void check_canaries(std::uint64_t number) const {
    for (std::size_t i = 0; i < arena.before.size(); ++i)
      require(arena.before[i] == canary && arena.after[i] == canary, "call ", number,
              ": the kernel wrote outside the buffer");
  }

  void report() const {
    for (std::uint64_t e = 0; e < RVM_ERROR_COUNT; ++e)
      if (errors_[e] != 0) say("fuzz: ", rvm_error_name(static_cast<rvm_error>(e)), " ", errors_[e]);
  }

 private:
  std::uint64_t pick_operation() {
    switch (random_.below(16)) {
      case 0:
        return random_.next();  // almost surely no operation
      case 1:
        return RVM_HVC_LIMIT + random_.below(4);
      default:
        return random_.below(RVM_HVC_LIMIT);
    }
  }

  std::uint64_t handle() {
    const auto entries = directory();
    switch (random_.below(6)) {
      case 0:
        return random_.next();
      case 1:
        return random_.below(300) | random_.below(4) << 16;  // forged: a likely slot and generation
      case 2:
        return made_[random_.below(made_.size())];  // made here, perhaps gone
      case 3:
        return made_[random_.below(made_.size())] ^ std::uint64_t{1} << random_.below(33);
      default:
        return entries.empty() ? 0 : entries[random_.below(entries.size())].handle;
    }
  }

  std::uint64_t address() {
    const rvm_agent_info& me = info();
    const std::array borders{std::uint64_t{0},
                             me.slot_base,
                             me.image_base,
                             me.stack_top,
                             me.heap_base,
                             me.map_base,
                             me.slot_base + me.slot_size,
                             me.slot_base - me.slot_size,
                             std::uint64_t{0x0900'0000} /* UART */,
                             std::uint64_t{0x4000'0000} /* RAM */,
                             std::uint64_t{1} << 40,
                             std::uint64_t{1} << 48,
                             ~std::uint64_t{0}};
    const std::uint64_t around = borders[random_.below(borders.size())];
    switch (random_.below(4)) {
      case 0:
        return around;
      case 1:
        return around + random_.below(2 * RVM_PAGE_SIZE) - RVM_PAGE_SIZE;
      case 2:
        return around & ~std::uint64_t{RVM_PAGE_SIZE - 1};
      default:
        return reinterpret_cast<std::uint64_t>(arena.target.data()) + random_.below(sizeof arena.target);
    }
  }

  std::uint64_t length() {
    const std::array borders{std::uint64_t{0},
                             std::uint64_t{1},
                             std::uint64_t{64},
                             std::uint64_t{RVM_MESSAGE_BYTES_MAX},
                             std::uint64_t{RVM_MESSAGE_BYTES_MAX} + 1,
                             std::uint64_t{RVM_PAGE_SIZE} * pages,
                             std::uint64_t{1} << 32,
                             std::uint64_t{1} << 63,
                             ~std::uint64_t{0}};
    return borders[random_.below(borders.size())];
  }

  std::uint64_t argument() {
    switch (random_.below(6)) {
      case 0:
        return address();
      case 1:
        return length();
      case 2:
        return handle();
      case 3:
        return random_.below(256);
      case 4:
        return std::uint64_t{1} << random_.below(64);
      default:
        return random_.next();
    }
  }

  /// Keeps this agent alive, awake and its canaries its own; false leaves the call out.
  bool prepare(std::uint64_t operation, rvm_registers& r) {
    const std::uint64_t soon = rvm_time() + random_.below(100'000);
    switch (operation) {
      case RVM_HVC_EXIT:
      case RVM_HVC_REPLY_WAIT:  // nobody calls this agent: it would wait for ever
        return false;
      case RVM_HVC_PARTITION_SUSPEND:
      case RVM_HVC_AGENT_SUSPEND:
        return !is_live(r.x[1]);  // a call to someone whom nobody resumes would wait for ever
      case RVM_HVC_AGENT_TERMINATE:
      case RVM_HVC_PARTITION_DESTROY:
        return !names_itself(r.x[1]);
      case RVM_HVC_CAP_REVOKE:
      case RVM_HVC_CAP_TRANSFER:
        return !in_directory(r.x[1]);  // the tests after this one still need them
      case RVM_HVC_SLEEP_UNTIL:
        r.x[1] = random_.below(2) != 0 ? soon : 0;
        return true;
      case RVM_HVC_WAIT:
        r.x[2] = random_.below(2) != 0 ? soon : 0;
        return true;
      case RVM_HVC_SEND:
      case RVM_HVC_RECEIVE:
        r.x[4] = random_.below(2) != 0 ? soon : 0;
        if (operation == RVM_HVC_RECEIVE) into_target(r.x[2], r.x[3]);
        return true;
      case RVM_HVC_CONSOLE_WRITE:
        // Mostly lengths that are refused: the console is not what is tested here.
        if (r.x[3] != 0 && r.x[3] <= RVM_CONSOLE_BYTES_MAX && random_.below(32) != 0) r.x[3] += RVM_CONSOLE_BYTES_MAX;
        return true;
      case RVM_HVC_SYSTEM_READ:
        r.x[2] = random_.below(6);
        into_target(r.x[4], r.x[5]);
        return true;
      case RVM_HVC_WITNESS_READ:
        r.x[3] = reinterpret_cast<std::uint64_t>(arena.target.data()) + random_.below(sizeof arena.target - 64);
        return true;
      default:
        return true;
    }
  }

  /// A buffer that the kernel may write: inside the target, or somewhere it must refuse.
  void into_target(std::uint64_t& at, std::uint64_t& size) {
    const auto start = reinterpret_cast<std::uint64_t>(arena.target.data());
    if (random_.below(2) != 0) {
      size = random_.below(sizeof arena.target);
      at = start + random_.below(sizeof arena.target - size);
    } else if (at + size > info().slot_base && at < info().slot_base + info().slot_size) {
      at = info().slot_base + info().slot_size - random_.below(64);  // crosses the end of the slot
    }
  }

  static bool is_live(std::uint64_t raw) {
    rvm_capability c{};
    return rvm_cap_inspect(static_cast<rvm_handle>(raw), &c) == RVM_ERROR_OK;
  }
  bool names_itself(std::uint64_t raw) const {
    rvm_capability c{};
    if (rvm_cap_inspect(static_cast<rvm_handle>(raw), &c) != RVM_ERROR_OK) return false;
    return (c.type == RVM_OBJECT_PARTITION && c.object == info().partition_id) ||
           (c.type == RVM_OBJECT_AGENT && c.object == info().agent_id);
  }
  bool in_directory(std::uint64_t raw) const {
    for (const rvm_directory_entry& e : directory())
      if (e.handle == static_cast<rvm_handle>(raw)) return true;
    return false;
  }

  void keep(std::uint64_t operation, const rvm_registers& r) {
    switch (operation) {
      case RVM_HVC_PARTITION_CREATE:
      case RVM_HVC_AGENT_SPAWN:
      case RVM_HVC_CAP_DERIVE:
      case RVM_HVC_REGION_CREATE:
      case RVM_HVC_EDGE_CREATE:
        made_[next_++ % made_.size()] = r.x[1];
        break;
      default:
        break;
    }
  }

  Random random_;
  std::array<std::uint64_t, 32> made_{};
  std::size_t next_ = 0;
  std::array<std::uint64_t, RVM_ERROR_COUNT> errors_{};
};

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const std::uint64_t calls = argument_number(0, 10'000);
  Fuzzer fuzzer(argument_number(1, 1));
  for (std::uint64_t i = 0; i < calls; ++i) fuzzer.step(i);
  fuzzer.check_canaries(calls);
  fuzzer.report();
  say("fuzz: ", calls, " hypercalls");
  return 0;
}
