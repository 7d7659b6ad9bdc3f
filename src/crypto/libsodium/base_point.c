/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A multiple of the base point without a table: constant time, by libsodium's multiplication of any point. */
#include <string.h>

#include "private/ed25519_ref10.h"

void rvm_scalarmult_base(ge25519_p3* h, const unsigned char* a);

void rvm_scalarmult_base(ge25519_p3* h, const unsigned char* a) {
  unsigned char encoded[32]; /* RFC 8032, 5.1: y = 4/5, x even */
  ge25519_p3 base;
  memset(encoded, 0x66, sizeof encoded);
  encoded[0] = 0x58;
  (void)ge25519_frombytes(&base, encoded);
  ge25519_scalarmult(h, a, &base);
}
