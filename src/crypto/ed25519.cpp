// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/ed25519.hpp"

#include <cstdint>

#include "rvm/crypto/hmac.hpp"

// libsodium 1.0.18, crypto_sign_ed25519.h, under the names of libsodium/names.h; and what it wants from outside.
extern "C" {
int rvm_sodium_sign_ed25519_seed_keypair(unsigned char* public_key, unsigned char* secret, const unsigned char* seed);
int rvm_sodium_sign_ed25519_detached(unsigned char* signature, unsigned long long* bytes, const unsigned char* message,
                                     unsigned long long message_bytes, const unsigned char* secret);
int rvm_sodium_sign_ed25519_verify_detached(const unsigned char* signature, const unsigned char* message,
                                            unsigned long long message_bytes, const unsigned char* public_key);
void rvm_sodium_memzero(void* at, std::size_t bytes);
int rvm_sodium_memcmp(const void* a, const void* b, std::size_t bytes);
int rvm_sodium_is_zero(const unsigned char* at, std::size_t bytes);
[[noreturn]] void rvm_sodium_randombytes_buf(void* at, std::size_t bytes);
}

void rvm_sodium_memzero(void* at, std::size_t bytes) { rvm::crypto::wipe({static_cast<std::byte*>(at), bytes}); }

int rvm_sodium_memcmp(const void* a, const void* b, std::size_t bytes) {
  const auto view = [bytes](const void* p) { return std::span{static_cast<const std::byte*>(p), bytes}; };
  return rvm::crypto::equal_constant_time(view(a), view(b)) ? 0 : -1;
}

int rvm_sodium_is_zero(const unsigned char* at, std::size_t bytes) {
  unsigned char any = 0;
  for (std::size_t i = 0; i < bytes; ++i) any |= at[i];
  asm volatile("" : "+r"(any));  // no early end of the loop
  return any == 0 ? 1 : 0;
}

// Keys come from seeds here; libsodium's function that makes a random one is not called.
void rvm_sodium_randombytes_buf(void*, std::size_t) { __builtin_trap(); }

namespace rvm::crypto {
namespace {

// libsodium wipes its hashes and nonces; what is left on the stack are the intermediate points, from which the nonce could
// be found. The deepest path on AArch64 has frames of 640, 784 and 80 bytes (-fstack-usage).
constexpr std::size_t stack_used = 2048;

[[gnu::noinline]] void wipe_stack() {
  std::array<std::byte, stack_used> below;
  wipe(below);
}

const unsigned char* chars(const std::byte* p) { return reinterpret_cast<const unsigned char*>(p); }  // may alias
unsigned char* chars(std::byte* p) { return reinterpret_cast<unsigned char*>(p); }

using Secret = std::array<std::byte, 64>;

}  // namespace

Ed25519Key::Ed25519Key(const Ed25519Seed& seed) : seed_(seed) {
  Secret secret;
  rvm_sodium_sign_ed25519_seed_keypair(chars(public_.data()), chars(secret.data()), chars(seed.data()));
  wipe(secret);
  wipe_stack();
}

Ed25519Signature Ed25519Key::sign(std::span<const std::byte> message) const {
  static_assert(sizeof(Ed25519Key) == sizeof(Secret));
  Ed25519Signature signature;
  rvm_sodium_sign_ed25519_detached(chars(signature.data()), nullptr, chars(message.data()), message.size(),
                                   chars(seed_.data()));
  wipe_stack();
  return signature;
}

void Ed25519Key::erase() { wipe(seed_); }

bool verify(const Ed25519PublicKey& key, std::span<const std::byte> message, const Ed25519Signature& signature) {
  return rvm_sodium_sign_ed25519_verify_detached(chars(signature.data()), chars(message.data()), message.size(),
                                                 chars(key.data())) == 0;
}

}  // namespace rvm::crypto
