// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/boot/measurement.hpp"

#include <algorithm>

namespace rvm::boot {
namespace {

/// Where the programs begin; everything before them is tables.
std::size_t programs_at(const Package& package) {
  std::uint64_t at = package.bytes().size();
  for (const rvm_package_segment& segment : package.segments()) at = std::min(at, segment.payload);
  return static_cast<std::size_t>(at);
}

}  // namespace

void Measurement::end_phase() {
  loaded_[ended_] = loading_.finish();
  loading_ = {};
  const auto number = static_cast<std::uint8_t>(ended_ + 1);
  crypto::Sha256 chain;
  chain.update(ended_ == 0 ? crypto::Digest{} : values_[ended_ - 1]);
  chain.update(crypto::bytes_of(number));
  chain.update(loaded_[ended_]);
  values_[ended_++] = chain.finish();
}

// Without the time of day and the authenticator, so that the same manifest always measures the same.
void Measurement::load_settings(const Package& package) {
  const rvm_package_header& header = package.header();
  load(crypto::bytes_of(header.flags));
  load(crypto::bytes_of(header.epoch_us));
  load(crypto::bytes_of(header.run_for_ns));
  load(crypto::bytes_of(header.coherence));
}

void Measurement::load_manifest(const Package& package) {
  const std::size_t programs = std::max(programs_at(package), sizeof(rvm_package_header));
  load(package.bytes().first(programs).subspan(sizeof(rvm_package_header)));
}

void Measurement::load_programs(const Package& package) { load(package.bytes().subspan(programs_at(package))); }

}  // namespace rvm::boot
