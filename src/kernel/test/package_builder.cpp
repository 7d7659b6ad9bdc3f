// SPDX-License-Identifier: MIT OR Apache-2.0
#include "package_builder.hpp"

#include <array>
#include <cstring>

#include "rvm/crypto/hmac.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/types/address.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::kernel::test {
namespace {

template <typename T>
rvm_table append(std::vector<std::byte>& bytes, const std::vector<T>& entries) {
  bytes.resize((bytes.size() + 7) & ~std::size_t{7});
  const rvm_table table{bytes.size(), static_cast<std::uint32_t>(entries.size()), sizeof(T)};
  const auto raw = std::as_bytes(std::span{entries});
  bytes.insert(bytes.end(), raw.begin(), raw.end());
  return table;
}

}  // namespace

std::vector<std::byte> PackageBuilder::build(std::span<const std::byte, 32> device_key) const {
  std::vector<std::byte> bytes(sizeof(rvm_package_header));
  rvm_package_header header{};
  header.partitions = append(bytes, partitions_);
  header.agents = append(bytes, agents_);
  header.edges = append(bytes, edges_);
  header.grants = append(bytes, grants_);
  header.devices = append(bytes, devices_);
  rvm_package_image image{};
  std::strcpy(image.name, "image");
  image.segment_count = 2;
  image.bytes = 2 * page_bytes;
  image.stack_pages = 1;
  image.heap_pages = heap_pages;
  image.flags = image_flags;
  header.images = append(bytes, std::vector{image});
  std::vector<rvm_package_segment> segments(2);
  segments[0] = {0, page_bytes, page_bytes, 0, RVM_MAP_READ | RVM_MAP_EXECUTE, 0};
  segments[1] = {page_bytes, page_bytes, 16, 0, RVM_MAP_READ | RVM_MAP_WRITE, 0};
  const std::size_t payload = (bytes.size() + 4096 + page_bytes) & ~(page_bytes - 1);
  segments[0].payload = payload;
  segments[1].payload = payload + page_bytes;
  header.segments = append(bytes, segments);
  bytes.resize(payload + 2 * page_bytes, std::byte{0x5a});

  std::memcpy(header.magic, RVM_PACKAGE_MAGIC, sizeof header.magic);
  header.version = RVM_PACKAGE_VERSION;
  header.header_bytes = sizeof header;
  header.total_bytes = bytes.size();
  header.flags = RVM_PACKAGE_DEVELOPMENT | flags;
  header.epoch_us = 1000;
  header.coherence = coherence;
  const auto digest = crypto::sha256(std::span{bytes}.subspan(sizeof header));
  std::memcpy(header.payload_digest, digest.data(), digest.size());
  std::array<std::byte, 32> key{};
  ensure(crypto::hkdf_sha256(device_key, {}, std::as_bytes(std::span{std::string_view{RVM_PACKAGE_KEY_INFO}}), key)
             .has_value());
  const auto authenticator = crypto::HmacKey{key}.sign(crypto::bytes_of(header));
  std::memcpy(header.authenticator, authenticator.data(), authenticator.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

}  // namespace rvm::kernel::test
