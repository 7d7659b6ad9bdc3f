// SPDX-License-Identifier: MIT OR Apache-2.0
#include "line.hpp"

namespace rvm::control {

using namespace agent;

namespace {

constexpr std::uint64_t lease_epochs = RVM_LEASE_EPOCHS_MAX;
constexpr std::uint64_t no_request = ~std::uint64_t{0};
constexpr Nanoseconds pause = milliseconds(10);  // before what was refused for want of budget or room is tried again

}  // namespace

OperatorLine::OperatorLine(Device device, Heap& heap) : device_(device) {
  const auto pages = heap.allocate<std::array<std::byte, RVM_PAGE_SIZE>>(buffers + 1);
  require(pages.size() == buffers + 1, "too little heap");
  for (std::size_t i = 0; i < buffers; ++i) receiving_[i] = pages[i];
  sending_ = pages[buffers];
  lease();
}

void OperatorLine::lease() {
  std::uint64_t expiry = 0;
  if (leases_++ != 0) (void)release(device_);  // it may be leased still, and out of order
  for (;;) {
    const rvm_error e = rvm_lease_grant(device_.raw, lease_epochs, 0, bit, &expiry);
    if (e == RVM_ERROR_OK) break;
    require(e == RVM_ERROR_BAD_STATE || e == RVM_ERROR_WITNESS_LOG_FULL || e == RVM_ERROR_NO_MEMORY,
            "no lease of the console: ", static_cast<agent::Error>(e));
    sleep_for(milliseconds(100));
  }
  renew_at_ = now().count + (expiry - now().count) / 2;
  requests_.fill(no_request);
  for (std::size_t i = 0; i < buffers; ++i) offer(i);
}

void OperatorLine::offer(std::size_t place) {
  requests_[place] = no_request;
  const std::array wanted{device_writes(receiving_[place])};
  for (;;) {
    const auto request = submit(device_, 0, wanted);
    if (request) {
      requests_[place] = *request;
      return;
    }
    // Beyond the epoch's budget of bytes; anything else ends the lease's use, which drain finds out.
    if (request.error() != agent::Error::resource_limit) return;
    sleep_for(pause);
  }
}

std::size_t OperatorLine::place_of(std::uint64_t request) const {
  std::size_t place = 0;
  while (place < buffers && requests_[place] != request) ++place;
  return place;
}

void OperatorLine::wait_for_device() {
  if (now().count >= renew_at_) {
    std::uint64_t expiry = 0;
    if (rvm_lease_renew(device_.raw, lease_epochs, &expiry) != RVM_ERROR_OK) return lease();
    renew_at_ = now().count + (expiry - now().count) / 2;
  }
  // An interrupt that came before is still pending: it is permitted first.
  if (!acknowledge(device_)) return lease();
  (void)wait(std::uint64_t{1} << bit, Nanoseconds{renew_at_});
}

void OperatorLine::send(std::size_t bytes) {
  if (bytes == 0) return;
  const std::array wanted{device_reads(sending_.first(bytes))};
  for (;;) {
    const auto request = submit(device_, 1, wanted);
    if (request) break;
    if (request.error() != agent::Error::resource_limit) return lease();
    sleep_for(pause);
  }
  for (;;) {
    const auto done = complete(device_, 1);
    if (done) return;
    if (done.error() != agent::Error::would_block) return lease();
    wait_for_device();
  }
}

}  // namespace rvm::control
