// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Messages, calls and signals used against the rules, or as a flood.
#include "attack.hpp"

namespace attacks {

namespace {

Verdict reply_without_call() {
  Tries tries;
  const std::uint64_t words[RVM_MESSAGE_REGISTERS] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int i = 0; i < 8; ++i) tries.refused("reply", rvm_reply(words), {RVM_ERROR_BAD_STATE, RVM_ERROR_PEER_GONE});
  return tries.verdict();
}
/// Receives on the end of an edge that is for sending, and reads what others sent there.
Verdict receive_on_sending_end() {
  Tries tries;
  std::uint64_t buffer[8];
  rvm_received r{};
  tries.refused("receive", rvm_receive(rvm_find("bystander", RVM_OBJECT_EDGE), buffer, sizeof buffer, 0, &r),
                {RVM_ERROR_RIGHTS, RVM_ERROR_BAD_CAPABILITY});
  return tries.verdict();
}
/// Sends, calls and passes memory on an end that is for receiving.
Verdict send_on_receiving_end() {
  Tries tries;
  const rvm_handle edge = rvm_find("director", RVM_OBJECT_EDGE);
  std::uint64_t words[RVM_MESSAGE_REGISTERS] = {};
  rvm_handle region = 0;
  tries.refused("send", rvm_send(edge, "forged", 6, 0), {RVM_ERROR_RIGHTS});
  tries.refused("call", rvm_call(edge, words), {RVM_ERROR_RIGHTS});
  tries.check("region", rvm_region_create(partition_handle(), 1, &region) == RVM_ERROR_OK);
  tries.refused("share", rvm_region_share(region, edge, RVM_RIGHT_READ), {RVM_ERROR_RIGHTS});
  tries.refused("transfer", rvm_region_transfer(region, edge), {RVM_ERROR_RIGHTS});
  return tries.verdict();
}
/// Signals an agent it has no capability for, by number.
Verdict signal_by_number() {
  Tries tries;
  for (rvm_handle h = 0; h < 64; ++h) {
    if (h == (self_handle() & 0xffff)) continue;
    tries.refused("signal", rvm_signal(h | 1u << 16, ~std::uint64_t{0}),
                  {RVM_ERROR_BAD_CAPABILITY, RVM_ERROR_WRONG_TYPE, RVM_ERROR_RIGHTS});
  }
  return tries.verdict();
}
/// Fills the queue of an agent that never reads. Only the queue may fill.
Verdict message_flood() {
  const rvm_handle edge = rvm_find("bystander", RVM_OBJECT_EDGE);
  std::uint64_t delivered = 0;
  Tries tries;
  for (int i = 0; i < 5000; ++i) {
    const rvm_error e = rvm_send(edge, reinterpret_cast<const void*>(info().image_base), RVM_MESSAGE_BYTES_MAX, 0);
    if (e == RVM_ERROR_OK)
      ++delivered;
    else
      tries.refused("send", e, {RVM_ERROR_RESOURCE_LIMIT, RVM_ERROR_WOULD_BLOCK});
  }
  tries.check("queue bound", delivered <= 64);
  return tries.verdict();
}
Verdict signal_flood() {
  const rvm_handle target = rvm_find("bystander", RVM_OBJECT_AGENT);
  Tries tries;
  for (int i = 0; i < 20000; ++i) {
    const rvm_error e = rvm_signal(target, ~std::uint64_t{0});
    if (e != RVM_ERROR_OK) tries.refused("signal", e, {RVM_ERROR_RESOURCE_LIMIT, RVM_ERROR_WITNESS_LOG_FULL});
  }
  return tries.verdict();
}
Verdict console_flood() {
  constexpr std::string_view text = "more and more and more and more";
  for (int i = 0; i < 64; ++i) (void)rvm_console_write(console_handle(), text.data(), text.size());
  return contained("under its own name");
}
/// Lines that look like the kernel's own, with carriage returns and escape sequences to hide the prefix.
Verdict forged_kernel_lines() {
  constexpr std::string_view forgeries[] = {
      "rvm# {\"t\":\"summary\",\"attacks\":0,\"reason\":\"done\"}\n",
      "\rrvm# {\"t\":\"durable\",\"seq\":18446744073709551615}\n",
      "\x1b[2K\x1b[1Grvm# {\"t\":\"agent\",\"id\":1,\"state\":\"faulted\"}\n",
      "x\nrvm# {\"t\":\"fault\",\"agent\":1}\nrvm: kernel panic\n",
      "\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08rvm# {\"t\":\"summary\"}\n",
      "\2332Krvm# {\"t\":\"summary\"}\n",
  };
  for (const std::string_view f : forgeries) (void)rvm_console_write(console_handle(), f.data(), f.size());
  const char zero[] = "half a line\0rvm# {\"t\":\"summary\"}\n";
  (void)rvm_console_write(console_handle(), zero, sizeof zero - 1);
  return contained("printed under its own name");
}

/// An edge to itself, to call itself: whoever does this would wait for himself for ever.
Verdict call_oneself() {
  rvm_new_edge edge{};
  Tries tries;
  tries.refused("edge to oneself", rvm_edge_create(self_handle(), self_handle(), 4, 0, &edge),
                {RVM_ERROR_BAD_ARGUMENT});
  return tries.verdict();
}
/// Two of these call one another: a ring in which nobody answers.
Verdict call_cycle() {
  std::uint64_t words[RVM_MESSAGE_REGISTERS] = {};
  Tries tries;
  tries.refused("call", rvm_call(rvm_find("partner", RVM_OBJECT_EDGE), words),
                {RVM_ERROR_BAD_STATE, RVM_ERROR_WOULD_BLOCK, RVM_ERROR_PEER_GONE});
  return tries.verdict();
}
/// Takes a call and never answers: only its caller waits.
[[noreturn]] Verdict never_reply() {
  std::uint64_t badge = 0;
  std::uint64_t words[RVM_MESSAGE_REGISTERS] = {};
  (void)rvm_reply_wait(&badge, words);
  for (;;) sleep_for(milliseconds(100));
}
/// Takes a call and dies: the caller must be told.
Verdict desert_caller() {
  std::uint64_t badge = 0;
  std::uint64_t words[RVM_MESSAGE_REGISTERS] = {};
  if (rvm_reply_wait(&badge, words) != RVM_ERROR_OK) return escaped("no call came");
  return contained("the director checks that it was told");
}

constexpr Attack message_table[] = {
    {"reply-without-call", reply_without_call},
    {"receive-on-sending-end", receive_on_sending_end},
    {"send-on-receiving-end", send_on_receiving_end},
    {"signal-by-number", signal_by_number},
    {"message-flood", message_flood},
    {"signal-flood", signal_flood},
    {"console-flood", console_flood},
    {"forged-kernel-lines", forged_kernel_lines},
    {"call-oneself", call_oneself},
    {"call-cycle", call_cycle},
    {"never-reply", never_reply},
    {"desert-caller", desert_caller},
};

}  // namespace

constexpr std::span<const Attack> message_attacks{message_table};

}  // namespace attacks
