// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The honest template that attackers fork, and what becomes of the forks. It tells everybody it has an edge to where its memory
// is, and starts those that it has a capability for. With the argument "holder" it holds a device while its bit is set.
#include "template.hpp"

#include "attack.hpp"

using namespace attacks;

namespace {

constinit Shared shared{};

volatile std::uint64_t& word(std::size_t i) { return shared.words[i]; }

int write_everything() {
  for (std::size_t i = 0; i < shared.words.size(); ++i) word(i) = ~std::uint64_t{Shared::magic};
  for (std::uint64_t at = info().heap_base; at < info().heap_base + info().heap_size; at += RVM_PAGE_SIZE)
    poke(at, 0x41414141);
  for (std::size_t i = 0; i < shared.words.size(); ++i)
    if (word(i) != ~std::uint64_t{Shared::magic}) return 1;
  return 0;
}
int watch() {
  const std::uint64_t first = word(0);
  const std::uint64_t last = word(shared.words.size() - 1);
  for (int i = 0; i < 100; ++i) {
    if (word(0) != first || word(shared.words.size() - 1) != last) return 1;
    if (i % 10 == 9) (void)rvm_sleep_until(rvm_time() + 50'000);  // lets everybody else do something
  }
  for (std::size_t i = 1; i < shared.words.size() - 1; ++i)
    if (word(i) != Shared::magic) return 2;
  return 0;
}
int steal() {
  (void)peek(victim_image());
  return 3;
}
/// The partition that it grows in and the template come in messages.
int explode(std::uint64_t argument) {
  std::array<rvm_capability_message, 2> given{};
  for (rvm_capability_message& message : given) {
    rvm_received r{};
    if (rvm_receive(0, &message, sizeof message, shared.end_of_bombs[0], &r) != RVM_ERROR_OK) return 0;
  }
  while (rvm_time() < shared.end_of_bombs[0]) {
    if (fork_on(given[0].handle, given[1].handle, 5000, argument) != RVM_ERROR_OK) (void)rvm_yield();
  }
  return 0;
}

void hold_device(rvm_handle device) {
  require(rvm_lease_grant(device, 10'000, 0, 64, nullptr) == RVM_ERROR_OK, "no lease");
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  shared.words.fill(Shared::magic);
  const bool holder = argument(0) == "holder";
  if (holder) hold_device(rvm_find("entropy", RVM_OBJECT_DEVICE));
  const auto where = reinterpret_cast<std::uint64_t>(&shared);
  for (const rvm_directory_entry& e : directory())
    if (e.type == RVM_OBJECT_EDGE)
      require(rvm_send(e.handle, &where, sizeof where, RVM_FOREVER) == RVM_ERROR_OK, "cannot send");
  for (const rvm_directory_entry& e : directory())
    if (e.type == RVM_OBJECT_AGENT && std::string_view{e.name} != RVM_DIRECTORY_SELF) (void)rvm_signal(e.handle, 1);
  for (;;) {
    (void)rvm_wait(2, RVM_FOREVER, nullptr);
    if (holder)
      require(rvm_lease_release(rvm_find("entropy", RVM_OBJECT_DEVICE)) == RVM_ERROR_OK, "no lease to release");
  }
}

extern "C" int agent_forked(const rvm_agent_info* i) {
  switch (static_cast<Role>(i->argument >> 56)) {
    case Role::writer:
      return write_everything();
    case Role::watcher:
      return watch();
    case Role::thief:
      return steal();
    case Role::bomb:
      return explode(i->argument);
  }
  return 4;
}
