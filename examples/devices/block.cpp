// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Drives a leased virtio block device (virtio 1.2 section 5.2): writes a sector, reads it back, and finds that the device
// reaches nothing that the driver did not name.
#include <cstring>

#include "rvm/agent.hpp"

using namespace rvm::agent;

namespace {

constexpr std::uint64_t bit = 3;
constexpr std::uint32_t request_read = 0, request_write = 1;

/// A request as the device sees it: all of it in one page.
struct alignas(4096) Work {
  struct {
    std::uint32_t type, reserved;
    std::uint64_t sector;
  } header;
  std::array<std::byte, 512> sector;
  std::byte status;
};

/// The device's answer: 0 is success.
unsigned transfer(Device disk, Work& work, std::uint32_t type, std::uint64_t sector) {
  work.header = {type, 0, sector};
  work.status = std::byte{0xff};
  const std::array buffers{device_reads(std::as_bytes(std::span{&work.header, 1})),
                           type == request_read ? device_writes(work.sector) : device_reads(work.sector),
                           device_writes(std::span{&work.status, 1})};
  const auto request = submit(disk, 0, buffers);
  require(request.has_value(), "cannot submit: ", error_of(request));
  for (;;) {
    const auto done = complete(disk, 0);
    if (done) {
      require(done->request == *request, "another request is done");
      return std::to_integer<unsigned>(work.status);
    }
    require(done.error() == Error::would_block, "cannot complete: ", done.error());
    require(wait(1 << bit, now() + milliseconds(2'000)).has_value(), "the disk does not answer");
    require(acknowledge(disk).has_value(), "cannot acknowledge");
  }
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const auto disk = find<Device>("disk");
  require(lease_queues(disk, 10'000, bit).has_value(), "no lease");
  const auto sectors = configuration(disk, 0);
  require(sectors.has_value() && *sectors != 0, "the disk has no size");
  Heap heap;
  Work& work = heap.allocate<Work>(1)[0];
  for (std::size_t i = 0; i < work.sector.size(); ++i) work.sector[i] = static_cast<std::byte>(i * 7 + 1);
  require(transfer(disk, work, request_write, 2) == 0, "the write failed");
  work.sector = {};
  require(transfer(disk, work, request_read, 2) == 0, "the read failed");
  for (std::size_t i = 0; i < work.sector.size(); ++i)
    require(work.sector[i] == static_cast<std::byte>(i * 7 + 1), "byte ", i, " came back changed");
  say("a sector of ", *sectors, " written and read back");

  // What the device is to reach must be this agent's own memory.
  const auto refused = [&](std::uint64_t address, std::uint32_t bytes, std::uint32_t flags, Error expected) {
    const rvm_device_buffer buffer{address, bytes, flags};
    const auto answer = submit(disk, 0, std::span{&buffer, 1});
    require(error_of(answer) == expected, "a buffer at ", hex(address), " gives ", error_of(answer));
  };
  refused(info().slot_base + info().slot_size, 512, RVM_BUFFER_DEVICE_WRITES, Error::bad_address);
  refused(0x4000'0000, 512, RVM_BUFFER_DEVICE_WRITES, Error::bad_address);
  refused(info().image_base, 512, RVM_BUFFER_DEVICE_WRITES, Error::bad_address);  // code
  refused(info().heap_base + 4000, 512, 0, Error::unaligned);
  refused(map_base(), 512, 0, Error::bad_address);
  refused(info().heap_base, 0, 0, Error::bad_argument);
  refused(info().heap_base, 512, 2, Error::bad_argument);

  // What exceeds the budget of an epoch (16 KiB in swarm.toml) is not even begun.
  const rvm_device_buffer page{info().heap_base, 4096, 0};
  const std::array pages{page, page, page, page, page, page, page, page};
  const Error excess = error_of(submit(disk, 0, pages));
  require(excess == Error::resource_limit, "the budget of an epoch does not hold: ", excess);
  say("a request beyond the budget of an epoch was refused");
  require(release(disk).has_value(), "cannot release");
  return 0;
}
