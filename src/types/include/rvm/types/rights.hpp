// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/abi.h"

namespace rvm {

/// The kind of object a capability names; values are the ABI's.
enum class ObjectType : std::uint8_t {
  none = RVM_OBJECT_NONE,
  partition = RVM_OBJECT_PARTITION,
  agent = RVM_OBJECT_AGENT,
  region = RVM_OBJECT_REGION,
  edge = RVM_OBJECT_EDGE,
  device = RVM_OBJECT_DEVICE,
  witness = RVM_OBJECT_WITNESS,
  console = RVM_OBJECT_CONSOLE,
  any = RVM_OBJECT_ANY,
};

/// A set of rights; bits as in RVM_RIGHT_*. Never holds bits outside RVM_RIGHT_ALL.
class Rights {
 public:
  constexpr Rights() = default;
  constexpr explicit Rights(std::uint64_t bits) : bits_(static_cast<std::uint8_t>(bits & RVM_RIGHT_ALL)) {}

  [[nodiscard]] constexpr std::uint8_t bits() const { return bits_; }
  /// Constant time in both operands: no branch on the bits.
  [[nodiscard]] constexpr bool contains(Rights needed) const { return (needed.bits_ & ~bits_) == 0; }
  [[nodiscard]] constexpr Rights intersect(Rights other) const { return Rights{std::uint64_t{bits_} & other.bits_}; }
  [[nodiscard]] constexpr Rights without(Rights other) const {
    return Rights{std::uint64_t{bits_} & ~std::uint64_t{other.bits_}};
  }
  friend constexpr bool operator==(Rights, Rights) = default;

 private:
  std::uint8_t bits_ = 0;
};

namespace rights {
inline constexpr Rights none{0};
inline constexpr Rights read{RVM_RIGHT_READ};
inline constexpr Rights write{RVM_RIGHT_WRITE};
inline constexpr Rights grant{RVM_RIGHT_GRANT};
inline constexpr Rights revoke{RVM_RIGHT_REVOKE};
inline constexpr Rights execute{RVM_RIGHT_EXECUTE};
inline constexpr Rights prove{RVM_RIGHT_PROVE};
inline constexpr Rights grant_once{RVM_RIGHT_GRANT_ONCE};
inline constexpr Rights all{RVM_RIGHT_ALL};
}  // namespace rights

}  // namespace rvm
