// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bundles, console and WASI by themselves. Whole programs run in partitions: tests/e2e/wasm.py.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "bundle.hpp"
#include "console.hpp"
#include "test/bundle_builder.hpp"
#include "wasi.hpp"

using namespace rvm::wasm;

namespace {

class FakeSystem final : public System {
 public:
  void print(std::string_view line) override { lines.emplace_back(line); }
  std::uint64_t now() override { return time++; }
  std::uint64_t cpu_time() override { return 5; }
  void sleep_until(std::uint64_t until) override { time = until; }
  void yield() override { ++yields; }

  std::vector<std::string> lines;
  std::uint64_t time = 1000;
  unsigned yields = 0;
};

/// A program's side of WASI: a page of memory and calls by name.
struct Program {
  explicit Program(const test::BundleBuilder& files) : bytes(files.bytes()) {}

  std::uint64_t call(std::string_view name, std::vector<std::uint64_t> arguments) {
    const auto import = Wasi::find(name);
    REQUIRE(import.has_value());
    REQUIRE(import->signature.parameters.size() == arguments.size());
    if (arguments.empty()) arguments.push_back(0);
    trap = wasi.call(import->number, HostCall{&memory, arguments});
    return arguments[0];
  }
  Errno error(std::string_view name, std::vector<std::uint64_t> arguments) {
    return static_cast<Errno>(call(name, std::move(arguments)));
  }
  std::uint32_t put(std::uint32_t at, std::string_view text) {
    std::memcpy(page.data() + at, text.data(), text.size());
    return at;
  }
  std::uint32_t word(std::uint32_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, page.data() + at, sizeof value);
    return value;
  }
  Errno open(std::string_view path, std::uint32_t flags = 0, std::uint64_t rights = 2) {
    put(100, path);
    return error("path_open", {3, 0, 100, path.size(), flags, rights, 0, 0, 64});
  }

  std::vector<std::byte> bytes;
  Bundle bundle = Bundle::parse(bytes).value();
  FakeSystem system;
  Console console{system};
  Wasi wasi{system, bundle, {.name = "me", .arguments = {"one\0two\0", 8}, .boot_time = 7000}, console};
  std::vector<std::byte> page = std::vector<std::byte>(65536);
  Memory memory{.base = page.data(), .bytes = page.size(), .room = 1, .pages = {1, 1, true}};
  Trap trap = Trap::none;
};

test::BundleBuilder tree() {
  test::BundleBuilder b;
  b.add("a", "alpha").add_folder("d").add("d-x", "").add("d/b", "beta").add_folder("d/e").add("z", "");
  return b;
}

}  // namespace

TEST_CASE("wasm bundle: what is built is read back") {
  const auto bytes = tree().bytes();
  const auto bundle = Bundle::parse(bytes);
  REQUIRE(bundle);
  CHECK(bundle->file_count() == 6);
  CHECK(bundle->find("") == Bundle::root);
  const auto beta = bundle->find("d/b");
  REQUIRE(beta);
  CHECK(bundle->contents(*beta).size() == 4);
  CHECK(!bundle->is_directory(*beta));
  CHECK(bundle->is_directory(bundle->find("d/e").value()));
  for (const std::string_view absent : {"b", "d/", "d/b/c", "zz", "A"}) CHECK(!bundle->find(absent));
}

TEST_CASE("wasm bundle: whatever is cut or out of order is refused") {
  const auto bytes = tree().bytes();
  for (std::size_t n = 0; n < bytes.size(); ++n) CHECK(!Bundle::parse(std::span{bytes}.first(n)));
  const auto refused = [](test::BundleBuilder b) { return !Bundle::parse(b.bytes()).has_value(); };
  CHECK(refused(test::BundleBuilder{}.add("b", "").add("a", "")));
  CHECK(refused(test::BundleBuilder{}.add("a", "").add("a", "")));
  CHECK(refused(test::BundleBuilder{}.add("a/b", "")));
  CHECK(refused(test::BundleBuilder{}.add("a", "").add("a/b", "")));
  for (const char* path : {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/."}) {
    INFO(path);
    CHECK(refused(test::BundleBuilder{}.add_folder("a").add(path, "")));
  }
  CHECK(refused(test::BundleBuilder{}.environment({"A=B", 3})));  // not ended
}

TEST_CASE("wasm console: lines, held text") {
  FakeSystem system;
  Console console{system};
  CHECK(console.write("one\ntw"));
  CHECK(console.write("o\n\nthree"));
  CHECK(system.lines == std::vector<std::string>{"one", "two", ""});
  console.flush();
  console.flush();
  CHECK(system.lines.back() == "three");
  CHECK(console.write(std::string(System::line_bytes + 3, 'x')));
  CHECK(system.lines.back().size() == System::line_bytes);
  console.flush();
  CHECK(system.lines.back() == "xxx");
  console.hold();
  const std::size_t before = system.lines.size();
  CHECK(console.write("dropped\n"));
  console.discard();
  CHECK(console.write("kept\n"));
  CHECK(system.lines.size() == before);
  console.release();
  CHECK(system.lines.size() == before + 1);
  CHECK(system.lines.back() == "kept");
  CHECK(!console.write(std::string(Console::held_limit + 1, 'x')));
}

TEST_CASE("wasi: nothing leads out of the tree") {
  Program p{tree()};
  CHECK(p.open("a") == Errno::success);
  CHECK(p.open("./d/../d//b") == Errno::success);
  for (const std::string_view outside : {"..", "../a", "d/../../a", "/a", "/", "d/e/../../.."}) {
    INFO(outside);
    CHECK(p.open(outside) == Errno::notcapable);
  }
  CHECK(p.open("") == Errno::noent);
  CHECK(p.open("d/nothing") == Errno::noent);
  CHECK(p.open("nothing/../a") == Errno::noent);
  CHECK(p.open("a/..") == Errno::notdir);
  CHECK(p.open("a/") == Errno::notdir);
  CHECK(p.open(std::string_view{"a\0b", 3}) == Errno::inval);
  CHECK(p.open(std::string(1100, 'x')) == Errno::nametoolong);
  CHECK(p.open("a", 1) == Errno::rofs);
  CHECK(p.open("a", 0, 64) == Errno::notcapable);  // to write
  CHECK(p.error("path_open", {3, 0, 65530, 10, 0, 2, 0, 0, 64}) == Errno::fault);
}

TEST_CASE("wasi: descriptors run out, and come back") {
  Program p{tree()};
  unsigned opened = 0;
  while (p.open("a") == Errno::success) ++opened;
  CHECK(opened == Wasi::descriptors_max - 4);
  CHECK(p.open("a") == Errno::mfile);
  CHECK(p.error("fd_close", {10}) == Errno::success);
  CHECK(p.error("fd_close", {10}) == Errno::badf);
  CHECK(p.open("a") == Errno::success);
  CHECK(p.word(64) == 10);
  CHECK(p.error("fd_close", {1000000}) == Errno::badf);
}

TEST_CASE("wasi: state is kept and comes back") {
  Program p{tree()};
  REQUIRE(p.open("a") == Errno::success);
  const Wasi::State before = p.wasi.state();
  CHECK(p.error("random_get", {0, 8}) == Errno::success);
  const std::uint32_t first = p.word(0);
  CHECK(p.error("fd_close", {4}) == Errno::success);
  p.wasi.restore(before);
  CHECK(p.error("random_get", {0, 8}) == Errno::success);
  CHECK(p.word(0) == first);
  CHECK(p.error("fd_tell", {4, 0}) == Errno::notcapable);  // open again, with the right to read only
}

TEST_CASE("wasi: arguments, environment, time") {
  auto files = tree();
  Program p{files.environment({"A=1\0B=\0", 7})};
  CHECK(p.error("args_sizes_get", {0, 4}) == Errno::success);
  CHECK(p.word(0) == 3);
  CHECK(p.word(4) == 11);
  CHECK(p.error("args_get", {0, 32}) == Errno::success);
  CHECK(p.word(8) == 32 + 3 + 4);
  CHECK(std::memcmp(p.page.data() + 32, "me\0one\0two", 11) == 0);
  CHECK(p.error("environ_sizes_get", {0, 4}) == Errno::success);
  CHECK(p.word(0) == 2);
  CHECK(p.word(4) == 7);
  CHECK(p.error("args_get", {65534, 0}) == Errno::fault);
  CHECK(p.error("args_get", {0, 65530}) == Errno::fault);
  CHECK(p.error("clock_time_get", {0, 1, 0}) == Errno::success);
  CHECK(p.word(0) == 8000);
  CHECK(p.error("clock_time_get", {9, 1, 0}) == Errno::inval);
  p.wasi.freeze_time(55);
  for (int i = 0; i < 2; ++i) {
    CHECK(p.error("clock_time_get", {1, 1, 0}) == Errno::success);
    CHECK(p.word(0) == 55);
  }
  CHECK(p.error("clock_time_get", {2, 1, 0}) == Errno::notsup);
  CHECK(p.error("sched_yield", {}) == Errno::success);
  CHECK(p.system.yields == 0);
}

TEST_CASE("wasi: exit ends the program") {
  Program p{tree()};
  (void)p.call("proc_exit", {41});
  CHECK(p.trap == Trap::host);
  CHECK(p.wasi.exit_code() == 41u);
}

TEST_CASE("wasi: what a call costs grows with the bytes it touches") {
  Program p{tree()};
  const auto price = [&](std::string_view name, std::vector<std::uint64_t> arguments) {
    return p.wasi.price(Wasi::find(name)->number, HostCall{&p.memory, arguments});
  };
  const std::uint64_t base = price("sched_yield", {0});
  CHECK(base > 0);
  CHECK(price("random_get", {0, 32}) == base + 128);
  CHECK(price("random_get", {0, 64}) == base + 256);
  CHECK(price("path_open", {3, 0, 0, 100, 0, 2, 0, 0, 0}) == base + 1600);
  CHECK(price("fd_readdir", {3, 0, 1600, 0, 0}) == base + 100 + 4 * 6);
  // Two buffers, of 1000 and 600 bytes.
  const std::uint32_t list[] = {0, 1000, 0, 600};
  p.put(512, {reinterpret_cast<const char*>(list), sizeof list});
  CHECK(price("fd_read", {3, 512, 2, 0}) == base + 101);
  CHECK(price("fd_write", {1, 512, 2, 0}) == base + 4 * 1616);
  CHECK(price("fd_write", {1, 512, 1025, 0}) == base);  // refused at once
  CHECK(price("fd_write", {1, 65530, 1, 0}) == base);   // as is this
  CHECK(price("random_get", {0, 0xffffffff}) == base + 4 * 65536);
  std::vector<std::uint64_t> none(9);
  for (std::uint32_t i = 0; i < Wasi::count(); ++i) CHECK(p.wasi.price(i, HostCall{nullptr, none}) >= base);
  p.put(4096, std::string(5000, 'x'));
  CHECK(p.error("path_open", {3, 0, 4096, 4097, 0, 2, 0, 0, 64}) == Errno::nametoolong);
}

TEST_CASE("wasi: no arguments, however wild, reach beyond the memory") {
  Program p{tree()};
  std::uint64_t random = 88172645463325252;
  const auto next = [&] {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return random;
  };
  constexpr std::uint32_t edges[] = {0, 1, 3, 4, 5, 64, 100, 65535, 65536, 0x7fffffff, 0xffffffff, 0xfffffffc};
  p.put(100, "d/b");
  for (int i = 0; i < 20000; ++i) {
    const auto number = static_cast<std::uint32_t>(next() % Wasi::count());
    const auto import = Wasi::find(Wasi::name(number));
    std::vector<std::uint64_t> slots;
    for (const char c : import->signature.parameters) {
      const std::uint64_t value = next() % 3 == 0 ? next() % 200 : edges[next() % std::size(edges)];
      slots.push_back(c == 'I' && next() % 4 == 0 ? next() : value);
    }
    slots.resize(std::max<std::size_t>(slots.size(), 1));
    (void)p.wasi.call(number, HostCall{next() % 8 == 0 ? nullptr : &p.memory, slots});
    if (p.wasi.exit_code()) p.wasi.restore(p.wasi.state());
    p.system.time = 1000;
  }
}
