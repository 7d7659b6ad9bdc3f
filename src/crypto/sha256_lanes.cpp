// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/sha256_lanes.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "sha256_lanes_blocks.hpp"

namespace rvm::crypto {

namespace {

// Asked once: CPUID is slow, and a hypervisor below us makes it far slower.
bool available(Lanes lanes) {
#if defined(RVM_SHA256_LANES)
  static const bool sixteen = sixteen_available();
  static const bool four = sha256_vector_available();
  if (lanes == Lanes::sixteen) return sixteen;
  if (lanes == Lanes::four) return four;
#endif
  return lanes == Lanes::one;
}

Lanes most() { return available(Lanes::sixteen) ? Lanes::sixteen : available(Lanes::four) ? Lanes::four : Lanes::one; }

// Relaxed: it changes nothing but the speed.
std::atomic<Lanes>& chosen() {
  static std::atomic<Lanes> lanes{most()};
  return lanes;
}

/// Sixteen at once take the time of about seven one by one, or of ten by fours.
constexpr std::size_t worth_sixteen = 8;

/// Calls one of the three with (first, count) until all of `count` have been done.
template <typename One, typename Four, typename Sixteen>
void cut(std::size_t count, One&& one, Four&& four, Sixteen&& sixteen) {
  const Lanes lanes = lanes_in_use();
  std::size_t done = 0;
  while (lanes == Lanes::sixteen && count - done >= worth_sixteen) {
    const std::size_t some = std::min<std::size_t>(16, count - done);
    sixteen(done, some);
    done += some;
  }
  for (; lanes != Lanes::one && available(Lanes::four) && count - done >= 4; done += 4) four(done);
  for (; done < count; ++done) one(done);
}

}  // namespace

Lanes lanes_in_use() { return chosen().load(std::memory_order_relaxed); }

bool use_lanes(Lanes wanted) {
  if (!available(wanted)) return false;
  chosen().store(wanted, std::memory_order_relaxed);
  return true;
}

void sha256_prefixed_each(std::byte prefix, std::span<const std::byte> bodies, std::span<Digest> digests) {
  const auto body = [&](std::size_t i) { return bodies.data() + i * body_bytes; };
  const auto one = [&](std::size_t i) {
    std::array<std::uint64_t, 8> words;
    std::memcpy(words.data(), body(i), sizeof(words));
    digests[i] = sha256_prefixed(prefix, words);
  };
#if defined(RVM_SHA256_LANES)
  cut(
      digests.size(), one, [&](std::size_t i) { sha256_prefixed_four(prefix, body(i), &digests[i]); },
      [&](std::size_t i, std::size_t count) { sha256_prefixed_sixteen(prefix, body(i), &digests[i], count); });
#else
  for (std::size_t i = 0; i < digests.size(); ++i) one(i);
#endif
}

void mac_each(const HmacKey& key, std::span<const std::byte> messages, std::span<Digest> digests) {
  const auto message = [&](std::size_t i) { return messages.subspan(i * short_message_bytes, short_message_bytes); };
  const auto one = [&](std::size_t i) { digests[i] = key.mac(message(i)); };
#if defined(RVM_SHA256_LANES)
  const PadStates pads{key.inner_, key.outer_};
  cut(
      digests.size(), one, [&](std::size_t i) { mac_four(pads, message(i).data(), &digests[i]); },
      [&](std::size_t i, std::size_t count) { mac_sixteen(pads, message(i).data(), &digests[i], count); });
#else
  for (std::size_t i = 0; i < digests.size(); ++i) one(i);
#endif
}

}  // namespace rvm::crypto
