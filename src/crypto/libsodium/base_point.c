/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A multiple of the base point with neither libsodium's table nor the 4 KiB of stack of its multiplication of any point: one doubling
 * and one addition for each bit, whatever the bit is. The addition is complete (Hisil, Wong, Carter, Dawson, ASIACRYPT 2008), so it
 * doubles as well. */
#include <string.h>

#include "private/ed25519_ref10.h"

void rvm_scalarmult_base(ge25519_p3* h, const unsigned char* a);

static void add(ge25519_p3* to, const ge25519_p3* point, const ge25519_cached* other) {
  ge25519_p1p1 sum;
  ge25519_add(&sum, point, other);
  ge25519_p1p1_to_p3(to, &sum);
}

/* `to` becomes `from` where `bit` is 1. */
static void choose(ge25519_p3* to, const ge25519_p3* from, unsigned bit) {
  uint32_t* const t = (uint32_t*)to->X;
  const uint32_t* const f = (const uint32_t*)from->X;
  const uint32_t mask = 0u - bit;
  for (size_t i = 0; i < sizeof *to / sizeof *t; ++i) t[i] ^= (t[i] ^ f[i]) & mask;
}

/* (x, 4/5) with x even (RFC 8032, 5.1), in limbs of 26 and 25 bits, with Z = 1 and T = XY. */
static const ge25519_p3 base_point = {
    {52811034, 25909283, 16144682, 17082669, 27570973, 30858332, 40966398, 8378388, 20764389, 8758491},
    {40265304, 26843545, 13421772, 20132659, 26843545, 6710886, 53687091, 13421772, 40265318, 26843545},
    {1},
    {28827043, 27438313, 39759291, 244362, 8635006, 11264893, 19351346, 13413597, 16611511, 27139452}};

void rvm_scalarmult_base(ge25519_p3* h, const unsigned char* a) {
  ge25519_p3 sum;
  ge25519_cached base, doubled;
  ge25519_p3_to_cached(&base, &base_point);
  memset(h, 0, sizeof *h); /* the neutral element */
  h->Y[0] = h->Z[0] = 1;
  for (unsigned i = 256; i-- > 0;) {
    ge25519_p3_to_cached(&doubled, h);
    add(h, h, &doubled);
    add(&sum, h, &base);
    choose(h, &sum, a[i / 8] >> (i % 8) & 1);
  }
}
