// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The microcontrollers' SHA-512 gives what libsodium's does, for every length that its padding can depend on.
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <random>
#include <vector>

extern "C" {
int rvm_small_sha512(unsigned char* out, const unsigned char* in, unsigned long long length);
int rvm_sodium_hash_sha512(unsigned char* out, const unsigned char* in, unsigned long long length);
// What libsodium's wants from outside.
void rvm_sodium_memzero(void* at, std::size_t bytes) { std::memset(at, 0, bytes); }
}

TEST_CASE("sha512: the small one and libsodium's agree for every length up to four blocks") {
  std::mt19937_64 random{1};
  std::vector<unsigned char> message(512);
  for (unsigned char& byte : message) byte = static_cast<unsigned char>(random());
  for (std::size_t length = 0; length <= message.size(); ++length) {
    std::array<unsigned char, 64> small{}, reference{};
    rvm_small_sha512(small.data(), message.data(), length);
    rvm_sodium_hash_sha512(reference.data(), message.data(), length);
    CHECK_MESSAGE(small == reference, length << " bytes");
  }
}
