// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nobody watches: layer 2 was left out of this build. The layout is the manifest's.
#include "rvm/advice/advisor.hpp"

namespace rvm::advice {

bool present() { return false; }
std::size_t memory_bytes(Capacity) { return 0; }
Status start(Capacity, const rvm_package_coherence&, std::span<std::byte>) { return fail(Error::bad_state); }
void stop() {}
void pause(bool) {}
bool paused() { return false; }
void partition_began(Slot, bool) {}
void agent_began(Slot, Slot) {}
void agent_ended(Slot) {}
void agent_moved(Slot, Slot) {}
void edge_began(Slot, Slot, Slot) {}
void edge_ended(Slot) {}
void delivered(Slot, std::uint64_t) {}
void distrust(Slot, BasisPoints) {}
void begin_epoch(std::uint64_t, BasisPoints) {}
bool has_work() { return false; }
bool work(std::uint32_t, Error (*)(Slot, Slot)) { return true; }
bool next_move(Move&) { return false; }
void answer(Error, Slot) {}
bool next_event(Event&) { return false; }
bool degraded() { return true; }
Signals signals(Slot) { return {}; }
std::uint64_t weight(Slot) { return 0; }
// What cannot be known is not in the way of whoever asks for it by hand.
Status may_merge(Slot, Slot) { return {}; }

}  // namespace rvm::advice
