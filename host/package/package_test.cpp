// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/package/package.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "host/elf/elf_builder.hpp"

using namespace rvm;
using namespace rvm::host;

namespace {

constexpr std::string_view text = R"(
development = true
[machine]
epoch_us = 500
[witness]
ipc = "each"
[[partition]]
name = "left"
pages = 100
[[partition]]
name = "right"
mode = "reflex"
[[agent]]
name = "ping"
partition = "left"
module = "ping"
args = ["100", "x"]
[[agent]]
name = "pong"
partition = "right"
module = "pong"
service = true
stack = "8K"
heap = 0
[[edge]]
from = "ping"
to = "pong"
name = "calls"
notify = 3
[[grant]]
agent = "ping"
type = "hypervisor"
rights = ["write"]
name = "machine"
)";

struct Built {
  Manifest manifest = *parse_manifest(text);
  Swarm swarm = *expand(manifest);
  SwarmImages images;
  Key key;
  Bytes bytes;

  Built() {
    images.programs.push_back(*read_program(test::ElfBuilder{}.file()));
    images.images = {{"ping", 0, 16, 16}, {"pong", 0, 2, 0}};
    images.of_agent = {0, 1};
    key.bytes.fill(std::byte{7});
    bytes = build_package(manifest, swarm, images, {.run_for_ns = 5, .wall_clock_ns = 6}, key);
  }

  /// After a change to the payload or header: made right again for the key, so that only structure can object.
  void sign() {
    rvm_package_header h;
    std::memcpy(&h, bytes.data(), sizeof(h));
    const Digest digest = sha256(std::span(bytes).subspan(sizeof(h)));
    std::memcpy(h.payload_digest, digest.data(), digest.size());
    std::memset(h.authenticator, 0, sizeof(h.authenticator));
    const Digest mac = hmac_sha256(package_key(key).bytes, std::as_bytes(std::span(&h, 1)));
    std::memcpy(h.authenticator, mac.data(), mac.size());
    std::memcpy(bytes.data(), &h, sizeof(h));
  }
};

}  // namespace

TEST_CASE("what goes in comes out") {
  const Built b;
  const auto view = read_package(b.bytes, &b.key);
  REQUIRE_MESSAGE(view, (view ? "" : view.error()));
  CHECK(view->header.flags == (RVM_PACKAGE_DEVELOPMENT | RVM_PACKAGE_CONSOLE_SHUTDOWN | RVM_PACKAGE_IPC_EACH));
  CHECK(view->header.epoch_us == 500);
  CHECK(view->header.run_for_ns == 5);
  REQUIRE(view->partitions.size() == 3);
  CHECK(view->partitions[0].type == RVM_PARTITION_ROOT);
  CHECK(std::string_view(view->partitions[0].name) == "control");
  CHECK(view->partitions[1].page_quota == 100);
  CHECK(view->partitions[2].mode == RVM_MODE_REFLEX);
  REQUIRE(view->images.size() == 2);
  CHECK(view->images[1].first_segment == 0);  // both images share the program's segments
  CHECK(view->images[1].stack_pages == 2);
  REQUIRE(view->segments.size() == 3);
  for (const auto& s : view->segments) {
    CHECK(s.payload % RVM_PAGE_SIZE == 0);
    CHECK(s.payload + s.file_bytes <= b.bytes.size());
  }
  CHECK(b.bytes[view->segments[0].payload + 0x7ff] == std::byte{0xff});
  const auto& ping = view->agents.at(0);
  CHECK(ping.arguments_bytes == 7);
  CHECK(std::memcmp(b.bytes.data() + ping.arguments, "100\0x\0\0", 7) == 0);
  CHECK(ping.affinity == -1);
  CHECK(view->agents.at(1).flags == RVM_AGENT_SERVICE);
  CHECK(view->edges.at(0).notify_bit == 3);
  CHECK(std::string_view(view->edges.at(0).peer_name) == "calls");
  CHECK(view->grants.at(0).object == UINT32_MAX);
}

TEST_CASE("the same input gives the same bytes") { CHECK(Built{}.bytes == Built{}.bytes); }

TEST_CASE("no byte can change unnoticed") {
  Built b;
  std::mt19937 random(20260103);
  for (std::size_t at = 0; at < b.bytes.size();
       at = at < sizeof(rvm_package_header) ? at + 1 : at + 1 + random() % 97) {
    b.bytes[at] ^= std::byte{1};
    CHECK_FALSE(read_package(b.bytes, &b.key).has_value());
    b.bytes[at] ^= std::byte{1};
  }
  CHECK(read_package(b.bytes, &b.key).has_value());
  CHECK_FALSE(read_package(std::span(b.bytes).first(b.bytes.size() - 1), &b.key).has_value());
  CHECK_FALSE(read_package({}, &b.key).has_value());
}

TEST_CASE("another key is refused") {
  const Built b;
  Key other;
  const auto view = read_package(b.bytes, &other);
  REQUIRE_FALSE(view);
  CHECK(view.error().contains("authenticator"));
  CHECK(read_package(b.bytes, nullptr).has_value());  // to look at
}

TEST_CASE("a signed package with random structure is refused or within bounds") {
  std::mt19937 random(20260104);
  const Built original;
  rvm_package_header h;
  std::memcpy(&h, original.bytes.data(), sizeof(h));
  const std::size_t tables_end = h.segments.offset + h.segments.count * sizeof(rvm_package_segment);
  unsigned accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    Built b = original;
    b.swarm = {};  // points into `original`; not needed here
    for (int change = 0; change < 2; ++change) {
      const std::size_t at = 8 + random() % (tables_end - 8);
      b.bytes[at] = static_cast<std::byte>(random());
    }
    b.sign();
    const auto view = read_package(b.bytes, &b.key);
    if (!view) {
      continue;
    }
    ++accepted;
    for (const auto& s : view->segments) {
      REQUIRE(s.payload + s.file_bytes <= b.bytes.size());
      REQUIRE((s.permissions & 6) != 6);
    }
    for (const auto& a : view->agents) {
      REQUIRE(a.image < view->images.size());
      REQUIRE(a.partition < view->partitions.size());
    }
  }
  CHECK(accepted > 0);
}
