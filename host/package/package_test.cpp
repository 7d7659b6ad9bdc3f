// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/package/package.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <random>

#include "host/elf/elf_builder.hpp"
#include "rvm/boot/measurement.hpp"
#include "rvm/boot/package.hpp"

using namespace rvm;
using namespace rvm::host;

namespace {

constexpr std::string_view text = R"(
development = true
[machine]
epoch_us = 500
[witness]
ipc = "each"
[coherence]
budget = "20us"
interval = [1, 1, 9]
merge_mutual = 6500
move_cost = 100000
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
[[device]]
name = "time"
kind = "clock"
[[device]]
name = "disk"
kind = "block"
file = "disk.img"
dma = "32K"
[[grant]]
agent = "pong"
type = "device"
object = "disk"
rights = ["read", "write"]
name = "disk"
)";

constexpr boot::PackageLimits no_limits{
    .partitions = UINT32_MAX, .agents = UINT32_MAX, .edges = UINT32_MAX, .slot_bytes = std::uint64_t{1} << 40};

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
  CHECK(view->partitions[0].flags == 0);
  CHECK(view->partitions[1].flags == RVM_PARTITION_LIVE);
  CHECK(view->partitions[2].flags == 0);
  CHECK(view->header.coherence.flags == RVM_COHERENCE_ENABLED);
  CHECK(view->header.coherence.budget == 800);
  CHECK(view->header.coherence.interval[2] == 9);
  CHECK(view->header.coherence.merge_mutual == 6500);
  CHECK(view->header.coherence.move_cost == 100'000);
  CHECK(view->header.coherence.alpha == 2000);
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
  REQUIRE(view->devices.size() == 2);
  CHECK(std::string_view(view->devices[0].name) == "time");
  CHECK(view->devices[0].kind == RVM_DEVICE_CLOCK);
  CHECK(view->devices[0].dma_bytes_per_epoch == 0);
  CHECK(std::string_view(view->devices[1].name) == "disk");
  CHECK(view->devices[1].kind == RVM_DEVICE_BLOCK);
  CHECK(view->devices[1].dma_bytes_per_epoch == 32 << 10);
  REQUIRE(view->grants.size() == 2);
  CHECK(view->grants[1].type == RVM_OBJECT_DEVICE);
  CHECK(view->grants[1].object == 1);
}

TEST_CASE("the kernel's reader sees what ours sees") {
  const Built b;
  const auto view = read_package(b.bytes, &b.key);
  REQUIRE(view);
  const auto package = boot::Package::parse(b.bytes, no_limits);
  REQUIRE_MESSAGE(package, (package ? "" : package.error()));
  const auto same = [](const auto& kernels, const auto& ours) {
    return std::ranges::equal(std::as_bytes(std::span(kernels)), std::as_bytes(std::span(ours)));
  };
  CHECK(same(package->partitions(), view->partitions));
  CHECK(same(package->images(), view->images));
  CHECK(same(package->segments(), view->segments));
  CHECK(same(package->agents(), view->agents));
  CHECK(same(package->edges(), view->edges));
  CHECK(same(package->grants(), view->grants));
  CHECK(same(package->devices(), view->devices));
}

TEST_CASE("both readers refuse devices that are not sound") {
  const auto refused = [](auto&& change) {
    Built b;
    rvm_package_header h;
    std::memcpy(&h, b.bytes.data(), sizeof(h));
    const std::size_t devices_at = h.devices.offset;
    const std::size_t grants_at = h.grants.offset;
    std::array<rvm_package_device, 2> devices;
    std::array<rvm_package_grant, 2> grants;
    std::memcpy(devices.data(), b.bytes.data() + devices_at, sizeof(devices));
    std::memcpy(grants.data(), b.bytes.data() + grants_at, sizeof(grants));
    change(h, devices, grants);
    std::memcpy(b.bytes.data(), &h, sizeof(h));
    std::memcpy(b.bytes.data() + devices_at, devices.data(), sizeof(devices));
    std::memcpy(b.bytes.data() + grants_at, grants.data(), sizeof(grants));
    b.sign();
    const bool ours = !read_package(b.bytes, &b.key);
    const bool kernels = !boot::Package::parse(b.bytes, no_limits);
    CHECK(ours == kernels);
    return ours && kernels;
  };
  using Devices = std::array<rvm_package_device, 2>;
  using Grants = std::array<rvm_package_grant, 2>;
  using Header = rvm_package_header;
  CHECK_FALSE(refused([](Header&, Devices&, Grants&) {}));
  CHECK_FALSE(refused([](Header&, Devices& d, Grants&) { d[1].kind = RVM_DEVICE_ENTROPY; }));
  CHECK_FALSE(refused([](Header&, Devices& d, Grants&) { d[1].dma_bytes_per_epoch = UINT64_MAX; }));
  CHECK_FALSE(refused([](Header&, Devices&, Grants& g) { g[1].object = 0; }));
  CHECK(refused([](Header&, Devices& d, Grants&) { d[0].name[0] = '\0'; }));
  CHECK(refused([](Header&, Devices& d, Grants&) { d[0].name[1] = ' '; }));
  CHECK(refused([](Header&, Devices& d, Grants&) { std::ranges::fill(d[0].name, 'x'); }));
  for (const std::uint32_t kind : {0u, 3u, 15u, 16u, 17u, 21u, UINT32_MAX}) {
    CHECK(refused([kind](Header&, Devices& d, Grants&) { d[1].kind = kind; }));
    CHECK(refused([kind](Header&, Devices& d, Grants&) { d[0].kind = kind; }));
  }
  CHECK(refused([](Header&, Devices& d, Grants&) { d[1].evidence = 4; }));
  CHECK(refused([](Header&, Devices& d, Grants&) { d[0].dma_bytes_per_epoch = 1; }));
  CHECK(refused([](Header&, Devices& d, Grants&) { d[1].dma_bytes_per_epoch = 0; }));
  CHECK(refused([](Header&, Devices& d, Grants&) { d[1].kind = RVM_DEVICE_GPIO; }));
  CHECK(refused([](Header&, Devices&, Grants& g) { g[1].object = 2; }));
  CHECK(refused([](Header&, Devices&, Grants& g) { g[1].object = UINT32_MAX; }));
  CHECK(refused([](Header& h, Devices&, Grants&) { h.devices.count = 1; }));  // and the grant is of the second
  CHECK(refused([](Header& h, Devices&, Grants&) { h.devices.entry_bytes = 40; }));
  CHECK(refused([](Header& h, Devices&, Grants&) { h.devices.offset = h.total_bytes - 40; }));
  CHECK(refused([](Header& h, Devices&, Grants&) { h.devices.offset = UINT64_MAX - 7; }));
  CHECK(refused([](Header& h, Devices&, Grants&) { h.devices.offset = 0; }));
}

namespace {

/// Whether both readers refuse a signed package whose header and first three partitions were changed; they must agree.
template <typename Change>
bool coherence_refused(Change&& change) {
  Built b;
  rvm_package_header h;
  std::memcpy(&h, b.bytes.data(), sizeof(h));
  std::array<rvm_package_partition, 3> partitions;
  std::memcpy(partitions.data(), b.bytes.data() + h.partitions.offset, sizeof(partitions));
  change(h.coherence, partitions);
  std::memcpy(b.bytes.data(), &h, sizeof(h));
  std::memcpy(b.bytes.data() + h.partitions.offset, partitions.data(), sizeof(partitions));
  b.sign();
  const bool ours = !read_package(b.bytes, &b.key);
  const bool kernels = !boot::Package::parse(b.bytes, no_limits);
  CHECK(ours == kernels);
  return ours && kernels;
}

}  // namespace

TEST_CASE("both readers accept each coherence setting within its range and refuse it outside") {
  using Settings = rvm_package_coherence;
  const auto refused = [](auto&& change) { return coherence_refused([&](Settings& c, auto&) { change(c); }); };
#define RVM_X(type, name, least, greatest, fallback, doc) \
  { \
    constexpr std::int64_t low = (least); \
    constexpr std::int64_t high = (greatest); \
    INFO(#name); \
    CHECK(Settings(boot::coherence_defaults()).name == (fallback)); \
    CHECK_FALSE(refused([](Settings& c) { c.name = static_cast<type>(low); })); \
    CHECK_FALSE(refused([](Settings& c) { c.name = static_cast<type>(high); })); \
    if (low > 0) CHECK(refused([](Settings& c) { c.name = static_cast<type>(low - 1); })); \
    if (high < std::numeric_limits<type>::max()) \
      CHECK(refused([](Settings& c) { c.name = static_cast<type>(high + 1); })); \
  }
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
  CHECK_FALSE(refused([](Settings& c) { c.budget = 1; }));
  CHECK_FALSE(refused([](Settings& c) { c.budget = RVM_COHERENCE_BUDGET_MAX; }));
  CHECK(refused([](Settings& c) { c.budget = 0; }));
  CHECK(refused([](Settings& c) { c.budget = RVM_COHERENCE_BUDGET_MAX + 1; }));
  CHECK_FALSE(refused([](Settings& c) { std::ranges::fill(c.interval, std::uint16_t{1000}); }));
  CHECK(refused([](Settings& c) { c.interval[0] = 0; }));
  CHECK(refused([](Settings& c) { c.interval[0] = 2; }));  // 2, 1, 9
  CHECK(refused([](Settings& c) { c.interval[1] = 10; }));
  CHECK(refused([](Settings& c) { c.interval[2] = 1001; }));
  CHECK(refused([](Settings& c) { c.reserved[2] = 1; }));
  CHECK_FALSE(refused([](Settings& c) { c.flags = RVM_COHERENCE_ENABLED | RVM_COHERENCE_FROZEN; }));
  CHECK_FALSE(refused([](Settings& c) { c.flags = 0; }));
  CHECK(refused([](Settings& c) { c.flags = 4; }));
  CHECK(refused([](Settings& c) { c.flags = 0, c.alpha = 0; }));  // checked whether the engine runs or not
}

TEST_CASE("both readers take only partitions of agents in mode flow as live") {
  using Partitions = std::array<rvm_package_partition, 3>;
  const auto refused = [](auto&& change) {
    return coherence_refused([&](rvm_package_coherence&, Partitions& p) { change(p); });
  };
  CHECK_FALSE(refused([](Partitions& p) { p[1].flags = 0; }));
  CHECK_FALSE(refused([](Partitions& p) { p[2].mode = RVM_MODE_FLOW, p[2].flags = RVM_PARTITION_LIVE; }));
  CHECK(refused([](Partitions& p) { p[0].flags = RVM_PARTITION_LIVE; }));
  CHECK(refused([](Partitions& p) { p[1].type = RVM_PARTITION_INFRASTRUCTURE; }));
  CHECK(refused([](Partitions& p) { p[1].mode = RVM_MODE_REFLEX; }));
  CHECK(refused([](Partitions& p) { p[1].mode = RVM_MODE_RECOVERY; }));
  CHECK(refused([](Partitions& p) { p[1].flags = 2; }));
  CHECK(refused([](Partitions& p) { p[1].reserved = 1; }));
}

TEST_CASE("the coherence settings are measured with the header's other settings") {
  const auto measured = [](std::uint32_t flags) {
    Built b;
    rvm_package_header h;
    std::memcpy(&h, b.bytes.data(), sizeof(h));
    h.coherence.flags = flags;
    std::memcpy(b.bytes.data(), &h, sizeof(h));
    const auto package = boot::Package::parse(b.bytes, no_limits);
    REQUIRE(package);
    boot::Measurement measurement;
    measurement.load_settings(*package);
    measurement.end_phase();
    return measurement.loaded(boot::Phase::hal_init);
  };
  CHECK(measured(RVM_COHERENCE_ENABLED) == measured(RVM_COHERENCE_ENABLED));
  CHECK(measured(RVM_COHERENCE_ENABLED) != measured(RVM_COHERENCE_ENABLED | RVM_COHERENCE_FROZEN));
}

TEST_CASE("a package has at most 16 devices") {
  for (const unsigned count : {RVM_PACKAGE_DEVICES_MAX, RVM_PACKAGE_DEVICES_MAX + 1}) {
    Built b;
    DeviceEntry entropy;
    entropy.kind = RVM_DEVICE_ENTROPY;
    b.swarm.devices.assign(count, {"noise", &entropy});
    b.bytes = build_package(b.manifest, b.swarm, b.images, {}, b.key);
    CHECK(read_package(b.bytes, &b.key).has_value() == (count == RVM_PACKAGE_DEVICES_MAX));
    CHECK(boot::Package::parse(b.bytes, no_limits).has_value() == (count == RVM_PACKAGE_DEVICES_MAX));
  }
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
  unsigned accepted_by_kernel = 0;
  for (int round = 0; round < 3000; ++round) {
    Built b = original;
    b.swarm = {};  // points into `original`; not needed here
    for (int change = 0; change < 2; ++change) {
      const std::size_t at = 8 + random() % (tables_end - 8);
      b.bytes[at] = static_cast<std::byte>(random());
    }
    b.sign();
    const auto sound_devices = [](const auto& v) {
      return v.size() <= RVM_PACKAGE_DEVICES_MAX && std::ranges::all_of(v, [](const rvm_package_device& d) {
               return boot::is_device_kind(d.kind) && boot::has_dma(d.kind) == (d.dma_bytes_per_epoch != 0);
             });
    };
    const auto sound_grant = [](const rvm_package_grant& g, std::size_t devices) {
      return g.type != RVM_OBJECT_DEVICE || g.object < devices;
    };
    if (const auto package = boot::Package::parse(b.bytes, no_limits)) {
      ++accepted_by_kernel;
      REQUIRE(sound_devices(package->devices()));
      for (const auto& g : package->grants()) {
        REQUIRE(sound_grant(g, package->devices().size()));
      }
    }
    const auto view = read_package(b.bytes, &b.key);
    if (!view) {
      continue;
    }
    ++accepted;
    REQUIRE(sound_devices(view->devices));
    for (const auto& g : view->grants) {
      REQUIRE(sound_grant(g, view->devices.size()));
    }
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
  CHECK(accepted_by_kernel > 0);
}
