// SPDX-License-Identifier: MIT OR Apache-2.0
#include "worker.hpp"

#include <rvm/agent.hpp>

using namespace rvm::agent;

namespace {

[[noreturn]] void spin() {
  for (volatile std::uint64_t turns = 0;; turns = turns + 1) {
  }
}

void fault() {
  // The last page of the slot is never mapped unless the agent maps it.
  const std::uint64_t address = info().slot_base + info().slot_size - RVM_PAGE_SIZE;
  (void)*reinterpret_cast<const volatile std::uint64_t*>(address);
}

Message answer(Badge, const Message& request) {
  switch (static_cast<test::Request>(request[0])) {
    case test::Request::increment:
      return {request[0], request[1] + 1};
    case test::Request::fault:
      fault();
      break;
    case test::Request::exit:
      exit(0);
    case test::Request::spin:
      spin();
  }
  return {};
}

int receive_one() {
  static std::array<std::byte, RVM_MESSAGE_BYTES_MAX> buffer;
  auto message = receive(Edge{}, buffer);
  // Until the supervisor has made the edge, nobody could ever send.
  for (const Nanoseconds deadline = now() + milliseconds(2000);
       error_of(message) == Error::peer_gone && now() < deadline;) {
    sleep_for(microseconds(100));
    message = receive(Edge{}, buffer);
  }
  require(message.has_value(), "receive: ", error_of(message));
  int sum = 0;
  for (std::uint64_t i = 0; i < message->length; ++i) sum += std::to_integer<int>(buffer[i]);
  return sum;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info* info) {
  switch (static_cast<test::Behaviour>(info->argument)) {
    case test::Behaviour::idle:
      return 0;
    case test::Behaviour::exit_seven:
      return 7;
    case test::Behaviour::spin:
      spin();
    case test::Behaviour::fault:
      fault();
      return 1;
    case test::Behaviour::sleep:
      for (;;) sleep_for(microseconds(200));
    case test::Behaviour::await_signal:
      return static_cast<int>(wait(~std::uint64_t{0}).value_or(0));
    case test::Behaviour::serve:
      (void)serve(answer);
      return 1;
    case test::Behaviour::receive_one:
      return receive_one();
  }
  return 1;
}
