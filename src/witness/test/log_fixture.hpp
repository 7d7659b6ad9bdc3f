// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shared by the tests: a disk that loses power, and a log on it as the kernel would run it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "rvm/witness/drain.hpp"

namespace rvm::witness::test {

inline std::span<const std::byte> text(std::string_view s) { return std::as_bytes(std::span{s}); }

/// 512-byte sectors are written whole; everything not flushed may or may not survive a power cut, sector by sector.
class Disk {
 public:
  explicit Disk(std::size_t bytes, std::uint64_t seed = 1) : content(bytes), random_(seed) {}

  std::vector<std::byte> content;  ///< what a read returns
  unsigned fail_per_mille = 0;     ///< requests that report failure
  unsigned delay_max = 0;          ///< polls until a request completes, at most
  std::uint64_t requests = 0;

  struct Request {
    enum class Kind : std::uint8_t { read, write, flush } kind;
    std::uint64_t position = 0;
    std::byte* memory = nullptr;
    std::size_t bytes = 0;
    unsigned delay = 0;
  };

  void submit(Request request) {
    if (flying_) throw std::runtime_error{"two requests at a time"};
    if (request.position + request.bytes > content.size()) throw std::runtime_error{"beyond the device"};
    if (request.bytes % sector_bytes != 0) throw std::runtime_error{"not whole sectors"};
    request.delay = delay_max == 0 ? 0 : static_cast<unsigned>(random_() % (delay_max + 1));
    flying_ = request;
    ++requests;
  }

  hal::BlockStatus poll() {
    if (!flying_) return hal::BlockStatus::idle;
    if (flying_->delay > 0) {
      --flying_->delay;
      return hal::BlockStatus::busy;
    }
    const Request request = *flying_;
    flying_.reset();
    if (fail_per_mille != 0 && random_() % 1000 < fail_per_mille) {
      if (request.kind == Request::Kind::write) write_some(request);
      return hal::BlockStatus::failed;
    }
    switch (request.kind) {
      case Request::Kind::read:
        std::memcpy(request.memory, content.data() + request.position, request.bytes);
        break;
      case Request::Kind::write:
        for (std::size_t at = 0; at < request.bytes; at += sector_bytes) write_sector(request, at);
        break;
      case Request::Kind::flush:
        stable_.clear();
        break;
    }
    return hal::BlockStatus::done;
  }

  /// Power is lost now: of the request in flight and of all unflushed writes, random sectors survive.
  void cut_power() {
    if (flying_ && flying_->kind == Request::Kind::write) write_some(*flying_);
    flying_.reset();
    for (const auto& [position, before] : stable_) {
      if (random_() % 2 == 0) std::memcpy(content.data() + position, before.data(), sector_bytes);
    }
    stable_.clear();
  }

 private:
  void write_sector(const Request& request, std::size_t at) {
    const std::uint64_t position = request.position + at;
    if (!stable_.contains(position)) {
      auto& before = stable_[position];
      std::memcpy(before.data(), content.data() + position, sector_bytes);
    }
    std::memcpy(content.data() + position, request.memory + at, sector_bytes);
  }
  void write_some(const Request& request) {
    for (std::size_t at = 0; at < request.bytes; at += sector_bytes) {
      if (random_() % 2 == 0) write_sector(request, at);
    }
  }

  std::mt19937_64 random_;
  std::optional<Request> flying_;
  std::map<std::uint64_t, std::array<std::byte, sector_bytes>> stable_;  // contents before unflushed writes
};

/// The device as the drain sees it: static functions over the disk that is plugged in.
struct FakeDevice {
  static inline Disk* disk = nullptr;

  static std::uint64_t block_sectors() { return disk == nullptr ? 0 : disk->content.size() / sector_bytes; }
  static void block_submit_read(std::uint64_t sector, PhysicalAddress memory, std::size_t bytes) {
    disk->submit({Disk::Request::Kind::read, sector * sector_bytes, pointer(memory), bytes});
  }
  static void block_submit_write(std::uint64_t sector, PhysicalAddress memory, std::size_t bytes) {
    disk->submit({Disk::Request::Kind::write, sector * sector_bytes, pointer(memory), bytes});
  }
  static void block_submit_flush() { disk->submit({Disk::Request::Kind::flush}); }
  static hal::BlockStatus block_poll() { return disk->poll(); }
  static PhysicalAddress to_physical(const void* p) { return PhysicalAddress{reinterpret_cast<std::uintptr_t>(p)}; }
  static void relax() {}

 private:
  static std::byte* pointer(PhysicalAddress memory) { return reinterpret_cast<std::byte*>(memory.value); }
};
static_assert(BlockDevice<FakeDevice>);

inline crypto::Ed25519Key test_identity(std::uint8_t which = 7) {
  std::array<std::byte, device_key_bytes> key;
  key.fill(static_cast<std::byte>(which));
  return derive_identity(key);
}

inline Keys test_keys(std::uint8_t which = 7) {
  std::array<std::byte, device_key_bytes> key;
  key.fill(static_cast<std::byte>(which));
  return derive_keys(key);
}

/// One boot of a machine with a log: ring, sealer and drain over the disk that is plugged in.
class Boot {
 public:
  explicit Boot(std::size_t slots = 64, Keys keys_of_boot = test_keys(), std::string_view identity = "test")
      : keys(keys_of_boot), slots_(slots), staging_(staging_bytes) {
    resume = drain.load(keys, std::span<std::byte, staging_bytes>{staging_}, text(identity), sealer);
    if (resume && !ring.init(slots_, resume->next_sequence)) throw std::runtime_error{"ring size"};
  }

  /// Emits a record whose contents follow from its number. False when the ring is full.
  bool emit(Kind kind = Kind::ipc_send) {
    const std::uint64_t n = ring.reserved();
    return ring
        .emit(Lane::reserved,
              {.kind = kind,
               .tier = 1,
               .flags = static_cast<std::uint16_t>(n),
               .actor = PartitionId{static_cast<std::uint32_t>(1 + n % 5)},
               .target = static_cast<std::uint32_t>(n * 3),
               .capability_hash = 0x1234,
               .payload = n * n,
               .aux = ~n},
              Nanoseconds{1000 + n})
        .has_value();
  }
  bool emit_tree_head(bool closing) {
    return ring.emit(Lane::reserved, sealer.tree_head(closing), Nanoseconds{5000}).has_value();
  }

  /// Signs a head over what is durable and has it stored with the next segment, as the kernel does.
  void sign_head(const crypto::Ed25519Key& key) {
    const Origin origin{drain.durable().volume_id};
    NoteText note;
    note.text(origin.view()).text("\n").number(drain.durable().records).text("\n").base64(drain.durable().root);
    note.text("\ntimestamp 17\n");
    sign_note(note, origin.view(), key);
    drain.offer_note(note.view());
  }

  /// What the kernel does at an orderly shutdown; with a key, also with a signed head.
  std::expected<void, VolumeError> shut_down(const crypto::Ed25519Key* key = nullptr) {
    if (const auto flushed = drain.flush(ring, sealer); !flushed) return flushed;
    emit_tree_head(true);
    if (const auto flushed = drain.flush(ring, sealer); !flushed) return flushed;
    if (key != nullptr) sign_head(*key);
    return drain.close(ring, sealer);
  }

  Keys keys;
  Ring ring;
  Sealer sealer;
  Drain<FakeDevice> drain;
  std::expected<Resume, VolumeError> resume = std::unexpected{VolumeError::no_device};

 private:
  std::vector<Record> slots_;
  std::vector<std::byte> staging_;
};

}  // namespace rvm::witness::test
