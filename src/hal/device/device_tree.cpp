// SPDX-License-Identifier: MIT OR Apache-2.0
#include "device_tree.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rvm::hal {
namespace {

constexpr std::uint32_t magic = 0xd00dfeed;
constexpr std::size_t header_bytes = 40;
enum TokenKind : std::uint32_t { begin_node = 1, end_node = 2, property_token = 3, nop = 4, end_of_tree = 9 };

/// Everything that holds numbers is 4-aligned in a well-formed tree; `open` refuses others.
std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at) {
  static_assert(std::endian::native == std::endian::little);
  std::uint32_t v = 0;
  std::memcpy(&v, __builtin_assume_aligned(bytes.subspan(at, 4).data(), 4), 4);
  return __builtin_bswap32(v);
}

/// The characters from `at` to the next NUL; nothing when there is no NUL in `bytes`.
std::optional<std::string_view> text_at(std::span<const std::byte> bytes, std::size_t at) {
  if (at >= bytes.size()) return std::nullopt;
  const auto rest = bytes.subspan(at);
  const auto end = std::ranges::find(rest, std::byte{0});
  if (end == rest.end()) return std::nullopt;
  // Characters and bytes have the same representation.
  return std::string_view{reinterpret_cast<const char*>(rest.data()), static_cast<std::size_t>(end - rest.begin())};
}

/// Whether the text at `at` is `wanted`.
bool is_text_at(std::span<const std::byte> bytes, std::size_t at, std::string_view wanted) {
  return at < bytes.size() && bytes.size() - at > wanted.size() && bytes[at + wanted.size()] == std::byte{0} &&
         std::memcmp(bytes.data() + at, wanted.data(), wanted.size()) == 0;
}

constexpr std::size_t aligned(std::size_t n) { return (n + 3) & ~std::size_t{3}; }

}  // namespace

std::uint32_t PropertyValue::cell(std::size_t index) const {
  return index < cells() ? big_endian(bytes_, index * 4) : 0;
}

std::optional<std::uint64_t> PropertyValue::number(std::size_t index, std::size_t count) const {
  if (count < 1 || count > 2 || index >= cells() || cells() - index < count) return std::nullopt;
  return count == 1 ? cell(index) : std::uint64_t{cell(index)} << 32 | cell(index + 1);
}

std::string_view PropertyValue::text() const { return text_at(bytes_, 0).value_or(std::string_view{}); }

bool PropertyValue::has_text(std::string_view wanted) const {
  for (std::size_t at = 0; const auto text = text_at(bytes_, at); at += text->size() + 1) {
    if (*text == wanted) return true;
  }
  return false;
}

std::optional<std::uint32_t> DeviceTree::claimed_size(std::span<const std::byte> header) {
  if (header.size() < header_bytes || big_endian(header, 0) != magic) return std::nullopt;
  const std::uint32_t size = big_endian(header, 4);
  if (size < header_bytes || size > blob_limit) return std::nullopt;
  return size;
}

std::optional<DeviceTree::Token> DeviceTree::token_at(std::size_t offset) const {
  if (offset % 4 != 0 || offset > structure_.size() || structure_.size() - offset < 4) return std::nullopt;
  Token token;
  token.kind = big_endian(structure_, offset);
  token.next = offset + 4;
  if (token.kind == begin_node) {
    const auto name = text_at(structure_, token.next);
    if (!name) return std::nullopt;
    token.name = *name;
    token.next = aligned(token.next + name->size() + 1);
  } else if (token.kind == property_token) {
    if (structure_.size() - token.next < 8) return std::nullopt;
    const std::uint32_t length = big_endian(structure_, token.next);
    token.property_name = big_endian(structure_, token.next + 4);
    const std::size_t start = token.next + 8;
    if (structure_.size() - start < length) return std::nullopt;
    token.value = structure_.subspan(start, length);
    token.next = aligned(start + length);
  } else if (token.kind != end_node && token.kind != nop && token.kind != end_of_tree) {
    return std::nullopt;
  }
  return token;
}

std::expected<DeviceTree, std::string_view> DeviceTree::open(std::span<const std::byte> blob) {
  const auto size = claimed_size(blob);
  if (!size) return std::unexpected{"no device tree: wrong magic number or size"};
  if (blob.size() < *size) return std::unexpected{"the device tree is cut short"};
  blob = blob.first(*size);
  if (reinterpret_cast<std::uintptr_t>(blob.data()) % 4 != 0 || big_endian(blob, 8) % 4 != 0 ||
      big_endian(blob, 16) % 4 != 0) {
    return std::unexpected{"the device tree is not aligned"};
  }
  // Version 17 is current; 16 is the oldest that is compatible with it.
  if (big_endian(blob, 20) < 17 || big_endian(blob, 24) > 17)
    return std::unexpected{"unknown version of the device tree"};
  const auto block = [&](std::size_t start, std::size_t length) {
    return start <= blob.size() && length <= blob.size() - start ? blob.subspan(start, length)
                                                                 : std::span<const std::byte>{};
  };
  DeviceTree tree;
  tree.blob_ = blob;
  tree.structure_ = block(big_endian(blob, 8), big_endian(blob, 36));
  tree.strings_ = block(big_endian(blob, 12), big_endian(blob, 32));
  if (tree.structure_.empty()) return std::unexpected{"the device tree's structure block lies outside it"};

  tree.reservation_offset_ = big_endian(blob, 16);
  for (std::size_t at = tree.reservation_offset_;; at += 16) {
    if (at > blob.size() || blob.size() - at < 16)
      return std::unexpected{"the device tree's reservation block has no end"};
    if (std::ranges::all_of(blob.subspan(at, 16), [](std::byte b) { return b == std::byte{0}; })) break;
    ++tree.reservation_count_;
  }

  std::size_t depth = 0;
  bool properties_allowed = false;  // they precede the node's children
  for (std::size_t offset = 0;;) {
    const auto token = tree.token_at(offset);
    if (!token) return std::unexpected{"the device tree's structure block is damaged"};
    offset = token->next;
    switch (token->kind) {
      case begin_node:
        if (++depth > depth_limit) return std::unexpected{"the device tree is nested too deeply"};
        properties_allowed = true;
        break;
      case end_node:
        if (depth-- == 0) return std::unexpected{"the device tree's nodes do not balance"};
        properties_allowed = false;
        if (depth == 0) return tree;
        break;
      case property_token:
        if (!properties_allowed) return std::unexpected{"a property is outside a node of the device tree"};
        if (!text_at(tree.strings_, token->property_name))
          return std::unexpected{"a property of the device tree has no name"};
        break;
      case end_of_tree:
        return std::unexpected{"the device tree ends inside a node"};
      default:
        break;
    }
  }
}

MemoryRange DeviceTree::reservation(std::size_t n) const {
  const PropertyValue entry{blob_.subspan(reservation_offset_ + n * 16, 16)};
  return {PhysicalAddress{entry.number(0, 2).value_or(0)}, entry.number(2, 2).value_or(0)};
}

std::optional<PropertyValue> DeviceTree::Node::property(std::string_view name) const {
  for (std::size_t offset = properties_; const auto token = tree_->token_at(offset); offset = token->next) {
    if (token->kind == property_token && is_text_at(tree_->strings_, token->property_name, name))
      return PropertyValue{token->value};
    if (token->kind != property_token && token->kind != nop) break;
  }
  return std::nullopt;
}

bool DeviceTree::Node::compatible(std::string_view wanted) const {
  const auto value = property("compatible");
  return value && value->has_text(wanted);
}

bool DeviceTree::Node::enabled() const {
  const auto status = property("status");
  return !status || status->text() == "okay" || status->text() == "ok";
}

std::optional<MemoryRange> DeviceTree::Node::reg(std::size_t n) const {
  const auto value = property("reg");
  if (!value || !identity_ || n > value->cells()) return std::nullopt;
  const std::size_t at = n * (address_cells_ + size_cells_);
  const auto base = value->number(at, address_cells_);
  const auto bytes =
      size_cells_ == 0 ? std::optional<std::uint64_t>{0} : value->number(at + address_cells_, size_cells_);
  if (!base || !bytes || *bytes > UINT64_MAX - *base) return std::nullopt;
  return MemoryRange{PhysicalAddress{*base}, *bytes};
}

void DeviceTree::Iterator::advance() {
  while (const auto token = tree_->token_at(offset_)) {
    offset_ = token->next;
    if (token->kind == end_node && --depth_ == 0) break;
    if (token->kind == end_of_tree) break;
    if (token->kind != begin_node) continue;

    node_.tree_ = tree_;
    node_.name_ = token->name;
    node_.properties_ = offset_;
    node_.depth_ = depth_;
    const Level here = levels_[depth_];
    node_.address_cells_ = here.address_cells;
    node_.size_cells_ = here.size_cells;
    node_.identity_ = here.identity;
    // What the children inherit. Only an empty `ranges` means "same addresses"; none means "not addressable from the CPU".
    Level below;
    if (const auto v = node_.property("#address-cells")) below.address_cells = std::min(v->cell(0), 4u);
    if (const auto v = node_.property("#size-cells")) below.size_cells = std::min(v->cell(0), 4u);
    const auto ranges = node_.property("ranges");
    // The children of /cpus and /reserved-memory are not behind a bus: their numbers are what they say.
    const bool plain = depth_ == 0 || node_.name_ == "cpus" || node_.name_ == "reserved-memory";
    below.identity = here.identity && (plain || (ranges && ranges->bytes().empty()));
    levels_[++depth_] = below;
    return;
  }
  tree_ = nullptr;
}

}  // namespace rvm::hal
