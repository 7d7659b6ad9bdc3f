// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Published test vectors in the form that pack.py gives them, and what checks them: the same code on the host and on the
// metal. All numbers are little-endian.
//
//   "RVMVECT1", then entries: kind (u8), valid (u8), number of fields (u16), then per field its length (u32) and bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "rvm/crypto/ed25519.hpp"
#include "rvm/crypto/hmac.hpp"
#include "rvm/crypto/sha256.hpp"

namespace rvm::crypto::vectors {

enum class Kind : std::uint8_t {
  sha256,   ///< message, digest
  monte,    ///< seed, digests after each 1000 rounds (NIST SHAVS section 6.4)
  hmac,     ///< key, message, tag, which may be truncated
  hkdf,     ///< key material, salt, info, output
  ed25519,  ///< seed or nothing, public key, message, signature
  count
};
inline constexpr std::size_t kinds = static_cast<std::size_t>(Kind::count);
inline constexpr std::array<std::string_view, kinds> names{"sha256", "monte", "hmac", "hkdf", "ed25519"};

struct Summary {
  bool sound = false;  ///< the table was read to its end
  std::array<std::uint32_t, kinds> checked{};
  std::uint32_t failed = 0;
  std::uint32_t first_failed = 0;  ///< position in the table, from 0
};

namespace detail {

using Bytes = std::span<const std::byte>;
using Fields = std::array<Bytes, 4>;

template <typename Array>
[[nodiscard]] bool fill(Array& out, Bytes from) {
  if (from.size() != out.size()) return false;
  std::ranges::copy(from, out.begin());
  return true;
}

inline bool check_monte(const Fields& f) {
  std::array<Digest, 3> last;
  if (f[1].empty() || f[1].size() % digest_bytes != 0 || !fill(last[0], f[0])) return false;
  Digest seed = last[0];
  for (Bytes wanted = f[1]; !wanted.empty(); wanted = wanted.subspan(digest_bytes)) {
    last.fill(seed);
    for (unsigned round = 0; round < 1000; ++round) {
      Sha256 hash;
      for (const Digest& digest : last) hash.update(digest);
      seed = hash.finish();
      last = {last[1], last[2], seed};
    }
    if (!std::ranges::equal(seed, wanted.first(digest_bytes))) return false;
  }
  return true;
}

inline bool check_hkdf(const Fields& f, bool valid) {
  static constinit std::array<std::byte, 16384> output{};  // more than HKDF may give
  if (f[3].size() > output.size()) return false;
  const auto out = std::span{output}.first(f[3].size());
  const bool given = hkdf_sha256(f[0], f[1], f[2], out).has_value();
  return given == valid && (!valid || std::ranges::equal(out, f[3]));
}

inline bool check_ed25519(const Fields& f, bool valid) {
  Ed25519PublicKey key;
  Ed25519Signature signature;
  Ed25519Seed seed;
  if (!fill(key, f[1])) return false;
  // A signature of another length is not one; the type says so.
  const bool accepted = fill(signature, f[3]) && verify(key, f[2], signature);
  if (accepted != valid) return false;
  if (!valid || !fill(seed, f[0])) return true;
  const Ed25519Key pair{seed};
  return pair.public_key() == key && pair.sign(f[2]) == signature;
}

inline bool check(Kind kind, const Fields& f, bool valid) {
  switch (kind) {
    case Kind::sha256:
      return std::ranges::equal(sha256(f[0]), f[1]) == valid;
    case Kind::monte:
      return check_monte(f) == valid;
    case Kind::hmac: {
      const Digest mac = HmacKey{f[0]}.mac(f[1]);
      return f[2].size() <= mac.size() && equal_constant_time(Bytes{mac}.first(f[2].size()), f[2]) == valid;
    }
    case Kind::hkdf:
      return check_hkdf(f, valid);
    case Kind::ed25519:
      return check_ed25519(f, valid);
    default:
      return false;
  }
}

/// A little-endian number at the front, which is removed. False when too little is left.
template <typename Number>
[[nodiscard]] bool take(Bytes& from, Number& out) {
  if (from.size() < sizeof(Number)) return false;
  std::memcpy(&out, from.data(), sizeof(Number));
  from = from.subspan(sizeof(Number));
  return true;
}

}  // namespace detail

/// Checks every entry with the SHA-256 implementation in use.
inline Summary run(std::span<const std::byte> table) {
  constexpr std::string_view magic = "RVMVECT1";
  Summary summary;
  if (table.size() < magic.size() || std::memcmp(table.data(), magic.data(), magic.size()) != 0) return summary;
  table = table.subspan(magic.size());
  for (std::uint32_t index = 0; !table.empty(); ++index) {
    std::uint8_t kind = 0, valid = 0;
    std::uint16_t count = 0;
    detail::Fields fields;
    if (!detail::take(table, kind) || !detail::take(table, valid) || !detail::take(table, count) || kind >= kinds ||
        count > fields.size()) {
      return summary;
    }
    for (std::uint16_t i = 0; i < count; ++i) {
      std::uint32_t bytes = 0;
      if (!detail::take(table, bytes) || bytes > table.size()) return summary;
      fields[i] = table.first(bytes);
      table = table.subspan(bytes);
    }
    ++summary.checked[kind];
    if (detail::check(static_cast<Kind>(kind), fields, valid != 0)) continue;
    if (summary.failed++ == 0) summary.first_failed = index;
  }
  summary.sound = true;
  return summary;
}

}  // namespace rvm::crypto::vectors
