// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "host/common/file.hpp"
#include "host/common/nearest.hpp"
#include "host/common/units.hpp"
#include "host/key/key.hpp"

using namespace rvm;
using namespace rvm::host;

TEST_CASE("sizes") {
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("64K") == 65536);
  CHECK(parse_size("64KiB") == 65536);
  CHECK(parse_size("1.5M") == 1572864);
  CHECK(parse_size("16E") == std::nullopt);
  CHECK(parse_size("16777216T") == std::nullopt);  // 2^64
  CHECK(parse_size("-1") == std::nullopt);
  CHECK(parse_size("") == std::nullopt);
  CHECK(parse_size("K") == std::nullopt);
  CHECK(parse_size("1.") == std::nullopt);
  CHECK(parse_size("1 K") == std::nullopt);
  CHECK(parse_size("0.3K") == std::nullopt);  // no whole number of bytes
  CHECK(format_size(1 << 20) == "1 MiB");
  CHECK(format_size(1536) == "1.5 KiB");
}

TEST_CASE("durations") {
  CHECK(parse_duration("1ms") == Nanoseconds{1'000'000});
  CHECK(parse_duration("1.5s") == Nanoseconds{1'500'000'000});
  CHECK(parse_duration("2m") == Nanoseconds{120'000'000'000});
  CHECK(parse_duration("10") == std::nullopt);
  CHECK(parse_duration("999999999h") == std::nullopt);
  CHECK(format_duration(Nanoseconds{1'234'567}) == "1.23 ms");
  CHECK(format_count(1234567) == "1,234,567");
  CHECK(format_count(123) == "123");
}

TEST_CASE("nearest word") {
  constexpr std::array<std::string_view, 3> words{"priority", "partition", "period"};
  CHECK(nearest("prioriti", words) == "priority");
  CHECK(nearest("piroirty", words) == "priority");
  CHECK(nearest("zebra", words).empty());
  CHECK(nearest("x", words).empty());
}

TEST_CASE("anonymous files are readable by path and hold what they were given") {
  const auto file = AnonymousFile::containing("test", as_bytes("hello"));
  REQUIRE(file);
  std::ifstream in(file->path());
  std::string text;
  std::getline(in, text);
  CHECK(text == "hello");
}

TEST_CASE("HMAC-SHA-256, RFC 4231 test case 2") {
  const Digest mac = hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"));
  CHECK(hex(mac) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("HKDF-SHA-256, RFC 5869 test case 3, first block") {
  std::array<std::byte, 22> secret{};
  secret.fill(std::byte{0x0b});
  CHECK(hex(hkdf_sha256(secret, {}, "").bytes) == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST_CASE("the device key is made once, for its owner alone") {
  const auto folder = std::filesystem::temp_directory_path() / ("rvm-key-test-" + std::to_string(::getpid()));
  ::setenv("XDG_STATE_HOME", folder.c_str(), 1);
  const auto first = load_device_key({});
  const auto second = load_device_key({});
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->bytes == second->bytes);
  CHECK(first->bytes != std::array<std::byte, 32>{});
  const auto file = folder / "rvm/device.key";
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(std::distance(std::filesystem::directory_iterator(folder / "rvm"), {}) == 1);
  std::ofstream(file) << "short";
  const auto bad = load_device_key({});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().cause.contains("5 bytes"));
  CHECK(bad.error().code == ExitCode::environment);
  CHECK_FALSE(load_device_key(folder / "none"));
  std::filesystem::remove_all(folder);
}
