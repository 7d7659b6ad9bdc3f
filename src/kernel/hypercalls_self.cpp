// SPDX-License-Identifier: MIT OR Apache-2.0
#include "agents.hpp"
#include "evidence.hpp"
#include "hypercalls.hpp"
#include "leases.hpp"
#include "objects.hpp"
#include "scheduler.hpp"
#include "text.hpp"

namespace rvm::kernel {

Outcome self_info(const Request& r) {
  charge(r.core, hal::Port::now());
  r.result(1, r.caller.id.value);
  r.result(2, r.partition.id.value);
  r.result(3, r.core.index.value);
  r.result(4, r.caller.cpu.value);
  return Error::ok;
}

Outcome yield(const Request& r) {
  r.caller.yielded = true;
  r.core.reschedule = true;
  return Error::ok;
}

Outcome sleep_until(const Request& r) {
  const Nanoseconds until{r.argument(1)};
  const Nanoseconds now = hal::Port::now();
  if (r.caller.timed_job) {
    r.caller.timed_job = false;
    ++(now <= r.caller.job_release + r.caller.deadline ? r.caller.deadlines_met : r.caller.deadlines_missed);
  }
  if (until <= now) {
    // The next job was due already: it is released late, but released.
    if (r.caller.deadline.value != 0) {
      r.caller.job_release = until;
      r.caller.timed_job = true;
      r.caller.latency->add(now.value - until.value);
    }
    return Error::ok;
  }
  block(r.s, r.core, Wait::sleep, until);
  return Outcome::waiting();
}

Outcome exit(const Request& r) {
  const std::uint64_t code = r.argument(1);
  if (!end(r.s, r.caller, r.authority, Ending::exited, code)) return Error::witness_log_full;
  return Outcome::waiting();
}

Outcome console_write(const Request& r) {
  const std::uint64_t length = r.argument(3);
  if (length > RVM_CONSOLE_BYTES_MAX) return Error::bad_argument;
  std::array<char, RVM_CONSOLE_BYTES_MAX> text;
  if (auto copied = copy_in(r.s, r.partition, GuestAddress{r.argument(2)},
                            std::as_writable_bytes(std::span{text}).first(static_cast<std::size_t>(length)));
      !copied) {
    return copied;
  }
  Line line;
  bool open = false;
  std::uint32_t lines = 0;
  for (const char c : std::span{text}.first(static_cast<std::size_t>(length))) {
    if (!open) {
      line.name(r.caller.name).text("| ");
      ++lines;
    }
    open = c != '\n';
    if (open) {
      line.escaped(c);
    } else {
      line.print();
    }
  }
  if (open) line.print();
  // What it made the console print, prefixes included.
  const Nanoseconds now = hal::Port::now();
  const std::uint64_t printed = length + std::uint64_t{lines} * (name_of(r.caller.name).size() + 3);
  const Nanoseconds paid = r.partition.text.take(static_cast<std::uint32_t>(printed / text_unit) + 1, now);
  if (now < paid) {
    // Printed, but faster than its share: it pauses before it goes on.
    r.registers.reg(0) = static_cast<std::uint64_t>(Error::ok);
    ++r.s.throttled;
    block(r.s, r.core, Wait::throttled, paid);
    return Outcome::waiting();
  }
  return Error::ok;
}

Outcome memory_seal(const Request& r) {
  if (r.object_agent() != &r.caller) return Error::wrong_type;
  if (holds_device(r.s, r.caller)) return Error::bad_state;  // it may have been told already to write there
  const GuestAddress at{r.argument(2)};
  const std::uint64_t pages = r.argument(3);
  return perform(r.s, r.authority, witness::Kind::memory_seal,
                 [&](const security::Permit&) -> Result<security::Effect> {
                   if (auto sealed = seal_memory(r.s, r.caller, at, pages); !sealed) return fail(sealed.error());
                   return security::Effect{r.caller.id.value, at.value, pages};
                 });
}

Outcome witness_head(const Request& r) {
  r.result(1, log().ring.reserved());
  r.result(2, log().ring.sealed());
  r.result(3, log().ring.durable());
  return Error::ok;
}

Outcome witness_read(const Request& r) {
  const GuestAddress to{r.argument(3)};
  if (to.value % 8 != 0) return Error::unaligned;
  const auto record = log().ring.sealed_record(r.argument(2));
  if (!record) return record.error();
  return copy_out(r.s, r.partition, to, std::as_bytes(std::span<const witness::Record, 1>{*record, 1}));
}

}  // namespace rvm::kernel
