// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Floating-point and vector registers: does one agent see or change another's?
#include "attack.hpp"

namespace attacks {

namespace {

alignas(16) std::uint64_t vectors[64];

inline void store_vectors() {
  asm volatile(
      ".arch_extension fp\n\t.arch_extension simd\n\t"
      "stp q0, q1, [%0]\n\tstp q2, q3, [%0, #32]\n\tstp q4, q5, [%0, #64]\n\tstp q6, q7, [%0, #96]\n\t"
      "stp q8, q9, [%0, #128]\n\tstp q10, q11, [%0, #160]\n\tstp q12, q13, [%0, #192]\n\tstp q14, q15, [%0, #224]\n\t"
      "stp q16, q17, [%0, #256]\n\tstp q18, q19, [%0, #288]\n\tstp q20, q21, [%0, #320]\n\tstp q22, q23, [%0, #352]\n\t"
      "stp q24, q25, [%0, #384]\n\tstp q26, q27, [%0, #416]\n\tstp q28, q29, [%0, #448]\n\tstp q30, q31, [%0, #480]" ::
          "r"(vectors)
      : "memory");
}

/// The first look at the vector registers: this program is built without floating point, so nothing of its own is there.
/// The secret keeper beside it fills its own with a pattern, on the same core.
Verdict vector_register_leak() {
  for (int i = 0; i < 24; ++i) yield();
  store_vectors();
  std::uint64_t status_bits = 0;
  std::uint64_t control = 0;
  asm volatile(".arch_extension fp\n\tmrs %0, fpsr\n\tmrs %1, fpcr" : "=r"(status_bits), "=r"(control));
  for (const std::uint64_t v : vectors)
    if (v != 0) return escaped("a vector register held another agent's bits");
  return (status_bits | control) == 0 ? contained("all zero") : escaped("FPSR or FPCR is not zero");
}

/// Fills every vector register with a secret and checks that nobody changes it, for as long as the others run.
Verdict vector_secret() {
  constexpr std::uint64_t secret = 0x5ec2e75ec2e75ec2;
  asm volatile(
      ".arch_extension fp\n\t.arch_extension simd\n\t"
      "dup v0.2d, %0\n\t"
      "mov v1.16b, v0.16b\n\tmov v2.16b, v0.16b\n\tmov v3.16b, v0.16b\n\tmov v4.16b, v0.16b\n\tmov v5.16b, v0.16b\n\t"
      "mov v6.16b, v0.16b\n\tmov v7.16b, v0.16b\n\tmov v8.16b, v0.16b\n\tmov v9.16b, v0.16b\n\tmov v10.16b, v0.16b\n\t"
      "mov v11.16b, v0.16b\n\tmov v12.16b, v0.16b\n\tmov v13.16b, v0.16b\n\tmov v14.16b, v0.16b\n\tmov v15.16b, "
      "v0.16b\n\t"
      "mov v16.16b, v0.16b\n\tmov v17.16b, v0.16b\n\tmov v18.16b, v0.16b\n\tmov v19.16b, v0.16b\n\tmov v20.16b, "
      "v0.16b\n\t"
      "mov v21.16b, v0.16b\n\tmov v22.16b, v0.16b\n\tmov v23.16b, v0.16b\n\tmov v24.16b, v0.16b\n\tmov v25.16b, "
      "v0.16b\n\t"
      "mov v26.16b, v0.16b\n\tmov v27.16b, v0.16b\n\tmov v28.16b, v0.16b\n\tmov v29.16b, v0.16b\n\tmov v30.16b, "
      "v0.16b\n\t"
      "mov v31.16b, v0.16b" ::"r"(secret));
  for (int round = 0; round < 40; ++round) {
    yield();
    store_vectors();
    for (const std::uint64_t v : vectors)
      if (v != secret) return escaped("a vector register was changed by someone else");
  }
  return contained("kept its own");
}

constexpr Attack vector_table[] = {
    {"vector-leak", vector_register_leak},
    {"vector-secret", vector_secret},
};

}  // namespace

constexpr std::span<const Attack> vector_attacks{vector_table};

}  // namespace attacks
