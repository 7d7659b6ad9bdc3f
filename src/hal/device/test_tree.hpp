// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Builds device trees for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rvm::hal::test {

class TreeBuilder {
 public:
  TreeBuilder& begin(std::string_view name) {
    cell(structure_, 1);
    append(structure_, name);
    return *this;
  }
  TreeBuilder& end() {
    cell(structure_, 2);
    return *this;
  }
  TreeBuilder& property(std::string_view name, const std::vector<std::byte>& value) {
    cell(structure_, 3);
    cell(structure_, static_cast<std::uint32_t>(value.size()));
    cell(structure_, static_cast<std::uint32_t>(strings_.size()));
    for (const char c : name) strings_.push_back(static_cast<std::byte>(c));
    strings_.push_back(std::byte{0});
    structure_.insert(structure_.end(), value.begin(), value.end());
    pad(structure_);
    return *this;
  }
  TreeBuilder& text(std::string_view name, std::string_view value) {
    std::vector<std::byte> bytes;
    for (const char c : value) bytes.push_back(static_cast<std::byte>(c));
    bytes.push_back(std::byte{0});
    return property(name, bytes);
  }
  TreeBuilder& cells(std::string_view name, std::initializer_list<std::uint32_t> values) {
    std::vector<std::byte> bytes;
    for (const std::uint32_t v : values) cell(bytes, v);
    return property(name, bytes);
  }
  TreeBuilder& reserve(std::uint64_t base, std::uint64_t bytes) {
    for (const std::uint64_t v : {base, bytes}) {
      cell(reservations_, static_cast<std::uint32_t>(v >> 32));
      cell(reservations_, static_cast<std::uint32_t>(v));
    }
    return *this;
  }

  [[nodiscard]] std::vector<std::byte> finish() const {
    std::vector<std::byte> reservations = reservations_, structure = structure_, blob;
    reservations.resize(reservations.size() + 16);
    cell(structure, 9);
    const auto header = std::uint32_t{40}, at_structure = static_cast<std::uint32_t>(header + reservations.size());
    const auto at_strings = static_cast<std::uint32_t>(at_structure + structure.size());
    const auto total = static_cast<std::uint32_t>(at_strings + strings_.size());
    for (const std::uint32_t v :
         {0xd00dfeedu, total, at_structure, at_strings, header, 17u, 16u, 0u,
          static_cast<std::uint32_t>(strings_.size()), static_cast<std::uint32_t>(structure.size())}) {
      cell(blob, v);
    }
    blob.insert(blob.end(), reservations.begin(), reservations.end());
    blob.insert(blob.end(), structure.begin(), structure.end());
    blob.insert(blob.end(), strings_.begin(), strings_.end());
    return blob;
  }

 private:
  static void cell(std::vector<std::byte>& to, std::uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::byte>(v >> shift & 0xff));
  }
  static void pad(std::vector<std::byte>& v) { v.resize((v.size() + 3) & ~std::size_t{3}); }
  static void append(std::vector<std::byte>& to, std::string_view text) {
    for (const char c : text) to.push_back(static_cast<std::byte>(c));
    to.push_back(std::byte{0});
    pad(to);
  }
  std::vector<std::byte> structure_, strings_, reservations_;
};

/// A machine like QEMU's virt board, with `cores` processors.
inline TreeBuilder virt_machine(unsigned gic_version = 3, std::uint32_t cores = 2) {
  TreeBuilder t;
  t.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
  t.begin("psci").text("compatible", "arm,psci-1.0").text("method", "smc").end();
  t.begin("memory@40000000").text("device_type", "memory").cells("reg", {0, 0x40000000, 0, 0x40000000}).end();
  t.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2});
  t.begin("firmware@7f000000").cells("reg", {0, 0x7f000000, 0, 0x1000}).end().end();
  t.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
  for (std::uint32_t i = 0; i < cores; ++i) t.begin("cpu").text("device_type", "cpu").cells("reg", {i}).end();
  t.end();
  t.begin("timer")
      .text("compatible", "arm,armv8-timer")
      .cells("interrupts", {1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4})
      .end();
  t.begin("intc@8000000").cells("#interrupt-cells", {3});
  t.text("compatible", gic_version == 3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
  t.cells("reg", {0, 0x08000000, 0, 0x10000, 0, gic_version == 3 ? 0x080a0000u : 0x08010000u, 0, 0x10000}).end();
  t.begin("pl011@9000000")
      .text("compatible", std::string_view{"arm,pl011\0arm,primecell", 23})
      .cells("reg", {0, 0x09000000, 0, 0x1000})
      .end();
  t.begin("fw-cfg@9020000").text("compatible", "qemu,fw-cfg-mmio").cells("reg", {0, 0x09020000, 0, 0x18}).end();
  t.begin("virtio_mmio@a000000")
      .text("compatible", "virtio,mmio")
      .cells("interrupts", {0, 16, 1})
      .cells("reg", {0, 0x0a000000, 0, 0x200})
      .end();
  t.begin("chosen").cells("linux,initrd-start", {0x48000000}).cells("linux,initrd-end", {0x48000123}).end();
  return t;
}

}  // namespace rvm::hal::test
