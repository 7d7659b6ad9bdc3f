/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Included before every libsodium source file. Its public functions get names of their own, because the host program links
 * the system's libsodium as well, and what it needs from outside (src/crypto/ed25519.cpp) comes from the crypto module. */
#ifndef RVM_LIBSODIUM_NAMES_H
#define RVM_LIBSODIUM_NAMES_H

#define crypto_hash_sha512 rvm_sodium_hash_sha512
#define crypto_hash_sha512_final rvm_sodium_hash_sha512_final
#define crypto_hash_sha512_init rvm_sodium_hash_sha512_init
#define crypto_hash_sha512_update rvm_sodium_hash_sha512_update
#define crypto_sign_ed25519 rvm_sodium_sign_ed25519
#define crypto_sign_ed25519_detached rvm_sodium_sign_ed25519_detached
#define crypto_sign_ed25519_keypair rvm_sodium_sign_ed25519_keypair
#define crypto_sign_ed25519_open rvm_sodium_sign_ed25519_open
#define crypto_sign_ed25519_pk_to_curve25519 rvm_sodium_sign_ed25519_pk_to_curve25519
#define crypto_sign_ed25519_seed_keypair rvm_sodium_sign_ed25519_seed_keypair
#define crypto_sign_ed25519_sk_to_curve25519 rvm_sodium_sign_ed25519_sk_to_curve25519
#define crypto_sign_ed25519_verify_detached rvm_sodium_sign_ed25519_verify_detached
#define crypto_verify_16 rvm_sodium_verify_16
#define crypto_verify_32 rvm_sodium_verify_32
#define crypto_verify_64 rvm_sodium_verify_64
#define randombytes_buf rvm_sodium_randombytes_buf
#define sodium_is_zero rvm_sodium_is_zero
#define sodium_memcmp rvm_sodium_memcmp
#define sodium_memzero rvm_sodium_memzero

#endif
