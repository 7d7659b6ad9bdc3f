// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/key/key.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "host/common/file.hpp"
#include "host/common/paths.hpp"
#include "rvm/boot_package.h"

namespace rvm::host {

namespace {

// Never null, which libsodium demands even of the address of nothing.
const unsigned char* octets(std::span<const std::byte> data) {
  static constexpr unsigned char nothing = 0;
  // Sound: unsigned char may alias any object.
  return data.empty() ? &nothing : reinterpret_cast<const unsigned char*>(data.data());
}
unsigned char* writable_octets(std::span<std::byte> data) { return reinterpret_cast<unsigned char*>(data.data()); }

constexpr const char* key_cure = "put 32 random bytes there: head -c 32 /dev/urandom > FILE; chmod 600 FILE";

Outcome<Key> read_key(const std::filesystem::path& path) {
  auto contents = read_file(path, "device key", 4096);
  if (!contents) {
    contents.error().cure = key_cure;
    return std::unexpected(contents.error());
  }
  Key key;
  if (contents->size() != key.bytes.size()) {
    return failure(
        ExitCode::environment,
        fmt::format("the device key {} has {} bytes instead of {}", path.string(), contents->size(), key.bytes.size()),
        key_cure);
  }
  std::copy(contents->begin(), contents->end(), key.bytes.begin());
  sodium_memzero(contents->data(), contents->size());
  return key;
}

/// Makes the key file complete or not at all, even when two programs do so at once: the bytes go to a private file,
/// and link(2) gives it the name only if nobody else was first.
Outcome<void> create_key(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  Key key;
  randombytes_buf(key.bytes.data(), key.bytes.size());
  const std::filesystem::path fresh = path.string() + fmt::format(".{}", ::getpid());
  if (auto written = write_file(fresh, key.bytes, 0600); !written) {
    return written;
  }
  const bool linked = ::link(fresh.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const std::string reason = system_error();
  ::unlink(fresh.c_str());
  if (!linked) {
    return failure(ExitCode::environment, fmt::format("cannot create the device key {}: {}", path.string(), reason),
                   key_cure);
  }
  return {};
}

}  // namespace

Key::~Key() { sodium_memzero(bytes.data(), bytes.size()); }

Digest sha256(std::span<const std::byte> data) {
  Digest out{};
  crypto_hash_sha256(writable_octets(out), octets(data), data.size());
  return out;
}

Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> data) {
  Digest out{};
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, octets(key), key.size());
  crypto_auth_hmacsha256_update(&state, octets(data), data.size());
  crypto_auth_hmacsha256_final(&state, writable_octets(out));
  return out;
}

Key hkdf_sha256(std::span<const std::byte> secret, std::span<const std::byte> salt, std::string_view info) {
  // RFC 5869, 2.2: an absent salt is HashLen zeros; HMAC pads its key with zeros, so the empty one is the same.
  const Digest extracted = hmac_sha256(salt, secret);
  Bytes block(as_bytes(info).begin(), as_bytes(info).end());
  block.push_back(std::byte{1});  // 2.3: T(1) = HMAC(PRK, info || 0x01)
  Key out;
  out.bytes = hmac_sha256(extracted, block);
  return out;
}

bool equal(const Digest& a, const Digest& b) { return sodium_memcmp(a.data(), b.data(), a.size()) == 0; }

Key package_key(const Key& device_key) { return hkdf_sha256(device_key.bytes, {}, RVM_PACKAGE_KEY_INFO); }

Key control_key(const Key& device_key, std::uint64_t wall_clock_ns) {
  return hkdf_sha256(device_key.bytes, std::as_bytes(std::span(&wall_clock_ns, 1)), RVM_CONTROL_KEY_INFO);
}

Outcome<Key> load_device_key(const std::optional<std::filesystem::path>& file) {
  if (file) {
    return read_key(*file);
  }
  const auto folder = state_folder();
  if (!folder) {
    return failure(ExitCode::environment, "no place to keep the device key: neither HOME nor XDG_STATE_HOME is set",
                   "set HOME, or name a key file with --key FILE");
  }
  const auto path = *folder / "device.key";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (auto created = create_key(path); !created) {
      return std::unexpected(created.error());
    }
  }
  return read_key(path);
}

}  // namespace rvm::host
