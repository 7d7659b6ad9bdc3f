// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A module that has some of everything, as a tree whose leaves are the fields of the binary format, so that any one of them
// can be written differently.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "encoding.hpp"

namespace rvm::wasm::test {

struct Node {
  enum class Kind : std::uint8_t {
    bytes,     ///< of no number: letters of names, constants of floating point
    tag,       ///< one byte that says what follows
    index,     ///< u32 that names something
    count,     ///< u32, of items that follow
    number,    ///< u32 of another meaning
    signed32,  ///< of i32.const
    signed64,  ///< of i64.const
    list,      ///< only its parts
    sized,     ///< its parts, behind their size in bytes
  };
  Kind kind = Kind::list;
  Bytes bytes;
  std::string label;
  std::vector<Node> parts;
};

/// A section, or all that is in the place of one.
struct Section {
  std::uint8_t id = 0;
  Node content;
};

/// The types of the sample: 0 is [] -> [], 1 is [i32 i64] -> [i32], 2 is [] -> [i32].
/// Functions: 0 imported, of type 0; 1 of type 0; 2 of type 1; 3 of type 2. Globals: 0 imported, constant i32; 1 variable i32;
/// 2 variable i64; 3 constant v128. Tables: 0 of funcref, 1 of externref. Elements: 0 active, 1 passive, 2 declarative; data: 0
/// active, 1 passive. Functions 0, 1 and 2 may be referred to, 3 may not.
/// `body`: of function 1, without its size.
[[nodiscard]] std::vector<Section> sample(const Node& body);
[[nodiscard]] std::vector<Section> sample();

/// Field `field` written as `bytes` instead. Fields count from 0 in the order in which they are written, sizes among them.
struct Change {
  std::size_t field = SIZE_MAX;
  Bytes bytes;
};
struct Field {
  Node::Kind kind = Node::Kind::bytes;
  std::string label;
  Bytes bytes;  ///< as it is
};
[[nodiscard]] Bytes write(const std::vector<Section>& sections, const Change& change = {},
                          std::vector<Field>* fields = nullptr);

[[nodiscard]] inline Node code_node(const Bytes& bytes) { return {Node::Kind::bytes, bytes, "code", {}}; }

}  // namespace rvm::wasm::test
