// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The A64 instructions that the compiler emits, as their encodings (Arm ARM DDI 0487, chapter C4). A function has the name
// of its instruction; registers are numbers, of which 31 is zero or, as a base and in additions of immediates, SP.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

namespace rvm::wasm::arm64 {

using Word = std::uint32_t;
using Register = std::uint32_t;
inline constexpr Register zr = 31;

/// Operations of the same form with 32 and with 64 bits differ in the uppermost bit.
enum class Width : Word { w = 0, x = 0x8000'0000 };
[[nodiscard]] constexpr Word operator|(Word encoding, Width width) { return encoding | static_cast<Word>(width); }
[[nodiscard]] constexpr unsigned bits(Width width) { return width == Width::x ? 64 : 32; }

enum class Condition : Word { eq, ne, hs, lo, mi, pl, vs, vc, hi, ls, ge, lt, gt, le };
[[nodiscard]] constexpr Condition inverse(Condition c) { return static_cast<Condition>(static_cast<Word>(c) ^ 1); }
/// What holds of (b, a) when `c` holds of (a, b).
[[nodiscard]] constexpr Condition swapped(Condition c) {
  switch (c) {
    case Condition::hs:
      return Condition::ls;
    case Condition::lo:
      return Condition::hi;
    case Condition::hi:
      return Condition::lo;
    case Condition::ls:
      return Condition::hs;
    case Condition::ge:
      return Condition::le;
    case Condition::lt:
      return Condition::gt;
    case Condition::gt:
      return Condition::lt;
    case Condition::le:
      return Condition::ge;
    default:
      return c;
  }
}

// --- Three registers -------------------------------------------------------------------------------------------------

enum class Shift : Word { lsl = 0, lsr = 1U << 22, asr = 2U << 22, ror = 3U << 22 };
// Of 32 bits; Width::x makes them of 64.
enum class Three : Word {
  add = 0x0b00'0000,
  adds = 0x2b00'0000,
  sub = 0x4b00'0000,
  subs = 0x6b00'0000,
  and_ = 0x0a00'0000,
  bic = 0x0a20'0000,
  orr = 0x2a00'0000,
  orn = 0x2a20'0000,
  eor = 0x4a00'0000,
  ands = 0x6a00'0000,
  lslv = 0x1ac0'2000,
  lsrv = 0x1ac0'2400,
  asrv = 0x1ac0'2800,
  rorv = 0x1ac0'2c00,
  udiv = 0x1ac0'0800,
  sdiv = 0x1ac0'0c00,
  mul = 0x1b00'7c00,
};
[[nodiscard]] constexpr Word three(Three op, Width width, Register d, Register n, Register m) {
  return static_cast<Word>(op) | width | m << 16 | n << 5 | d;
}
[[nodiscard]] constexpr Word shifted(Three op, Width width, Register d, Register n, Register m, Shift shift,
                                     unsigned by) {
  return three(op, width, d, n, m) | static_cast<Word>(shift) | by << 10;
}
/// d = a + n * m, and a - n * m.
[[nodiscard]] constexpr Word madd(Width width, Register d, Register n, Register m, Register a) {
  return 0x1b00'0000 | width | m << 16 | a << 10 | n << 5 | d;
}
[[nodiscard]] constexpr Word msub(Width width, Register d, Register n, Register m, Register a) {
  return madd(width, d, n, m, a) | 0x8000;
}
[[nodiscard]] constexpr Word move(Width width, Register d, Register m) { return three(Three::orr, width, d, zr, m); }
[[nodiscard]] constexpr Word rbit(Width width, Register d, Register n) { return 0x5ac0'0000 | width | n << 5 | d; }
[[nodiscard]] constexpr Word clz(Width width, Register d, Register n) { return 0x5ac0'1000 | width | n << 5 | d; }
[[nodiscard]] constexpr Word csel(Width width, Register d, Register n, Register m, Condition c) {
  return 0x1a80'0000 | width | m << 16 | static_cast<Word>(c) << 12 | n << 5 | d;
}
[[nodiscard]] constexpr Word cset(Register d, Condition c) {
  return 0x1a80'0400 | zr << 16 | static_cast<Word>(inverse(c)) << 12 | zr << 5 | d;
}
/// d = n + the low 32 bits of m.
[[nodiscard]] constexpr Word add_extended(Register d, Register n, Register m) {
  return 0x8b20'4000 | m << 16 | n << 5 | d;
}
enum class Extend : Word { uxtw = 2U << 13, sxtw = 6U << 13 };
[[nodiscard]] constexpr Word compare_extended(Register n, Register m, Extend extend) {
  return 0xeb20'001f | static_cast<Word>(extend) | m << 16 | n << 5;
}

// --- Immediates ------------------------------------------------------------------------------------------------------

/// add, adds, sub and subs of 0 .. 4095, or that times 4096.
[[nodiscard]] constexpr Word immediate(Three op, Width width, Register d, Register n, std::uint32_t value,
                                       bool high = false) {
  return (static_cast<Word>(op) ^ 0x1a00'0000) | width | (high ? 1U << 22 : 0) | value << 10 | n << 5 | d;
}
[[nodiscard]] constexpr Word movz(Width width, Register d, std::uint32_t value, unsigned quarter = 0) {
  return 0x5280'0000 | width | quarter << 21 | value << 5 | d;
}
[[nodiscard]] constexpr Word movn(Width width, Register d, std::uint32_t value, unsigned quarter = 0) {
  return 0x1280'0000 | width | quarter << 21 | value << 5 | d;
}
[[nodiscard]] constexpr Word movk(Width width, Register d, std::uint32_t value, unsigned quarter) {
  return 0x7280'0000 | width | quarter << 21 | value << 5 | d;
}
/// The field of a bitmask immediate (DecodeBitMasks in the Arm ARM): a run of ones, rotated, in an element of 2 .. 64 bits that
/// repeats. Nothing: the value is none.
[[nodiscard]] constexpr std::optional<Word> bitmask(Width width, std::uint64_t value) {
  if (width == Width::w) value = (value & 0xffff'ffff) | value << 32;
  if (value == 0 || value == ~std::uint64_t{0}) return {};
  unsigned size = 64;
  while (size > 2 && std::rotr(value, static_cast<int>(size / 2)) == value) size /= 2;
  const std::uint64_t mask = size == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << size) - 1;
  const std::uint64_t element = value & mask;
  // Rotate the run down to bit 0: it begins where a one follows a zero.
  unsigned rotation = 0;
  std::uint64_t run = element;
  const auto rotate = [&](std::uint64_t x) { return ((x >> 1) | (x & 1) << (size - 1)) & mask; };
  while (rotation < size && ((run & 1) == 0 || (run >> (size - 1) & 1) != 0)) {
    run = rotate(run);
    ++rotation;
  }
  if (rotation == size || (run & (run + 1)) != 0) return {};
  const auto ones = static_cast<unsigned>(std::popcount(run));
  const Word immr = (size - rotation) % size;
  const Word imms = ((~(size * 2 - 1)) & 0x3f) | (ones - 1);
  return (size == 64 ? 1U << 22 : 0U) | immr << 16 | imms << 10;
}
[[nodiscard]] constexpr Word bitmask_immediate(Three op, Width width, Register d, Register n, Word field) {
  return (static_cast<Word>(op) ^ 0x1800'0000) | width | field | n << 5 | d;
}
static_assert(bitmask_immediate(Three::and_, Width::w, 0, 0, *bitmask(Width::w, 0xff)) == 0x1200'1c00);
static_assert(bitmask_immediate(Three::orr, Width::x, 1, 2, *bitmask(Width::x, 0x5555555555555555)) == 0xb200'f041);
static_assert(bitmask_immediate(Three::and_, Width::x, 0, 0, *bitmask(Width::x, ~std::uint64_t{15})) == 0x927c'ec00);
static_assert(!bitmask(Width::w, 0x1234) && !bitmask(Width::x, 0));

[[nodiscard]] constexpr Word bitfield(Word op, Width width, Register d, Register n, unsigned immr, unsigned imms) {
  return op | width | (width == Width::x ? 1U << 22 : 0) | immr << 16 | imms << 10 | n << 5 | d;
}
[[nodiscard]] constexpr Word sbfm(Width width, Register d, Register n, unsigned immr, unsigned imms) {
  return bitfield(0x1300'0000, width, d, n, immr, imms);
}
[[nodiscard]] constexpr Word ubfm(Width width, Register d, Register n, unsigned immr, unsigned imms) {
  return bitfield(0x5300'0000, width, d, n, immr, imms);
}
[[nodiscard]] constexpr Word ror_immediate(Width width, Register d, Register n, unsigned by) {
  return bitfield(0x1380'0000, width, d, n, n, by);  // EXTR with both sources the same
}

// --- Branches --------------------------------------------------------------------------------------------------------

inline constexpr std::int64_t branch_range = std::int64_t{1} << 27;       ///< b, bl: bytes either way
inline constexpr std::int64_t conditional_range = std::int64_t{1} << 20;  ///< b.cond, cbz, cbnz
/// `distance` is in instructions.
[[nodiscard]] constexpr Word b(std::int64_t distance = 0) {
  return 0x1400'0000 | (static_cast<Word>(distance) & 0x3ff'ffff);
}
[[nodiscard]] constexpr Word bl(std::int64_t distance = 0) { return b(distance) | 0x8000'0000; }
[[nodiscard]] constexpr Word b(Condition c, std::int64_t distance = 0) {
  return 0x5400'0000 | (static_cast<Word>(distance) & 0x7'ffff) << 5 | static_cast<Word>(c);
}
[[nodiscard]] constexpr Word cbz(Width width, Register t) { return 0x3400'0000 | width | t; }
[[nodiscard]] constexpr Word cbnz(Width width, Register t) { return 0x3500'0000 | width | t; }
[[nodiscard]] constexpr Word br(Register n) { return 0xd61f'0000 | n << 5; }
[[nodiscard]] constexpr Word blr(Register n) { return 0xd63f'0000 | n << 5; }
inline constexpr Word ret = 0xd65f'03c0;
[[nodiscard]] constexpr bool is_far_branch(Word instruction) { return (instruction & 0x7c00'0000) == 0x1400'0000; }
/// The branch with its distance filled in.
[[nodiscard]] constexpr Word aimed(Word branch, std::int64_t distance) {
  if (is_far_branch(branch)) return (branch & 0xfc00'0000) | (static_cast<Word>(distance) & 0x3ff'ffff);
  return (branch & 0xff00'001f) | (static_cast<Word>(distance) & 0x7'ffff) << 5;
}
[[nodiscard]] constexpr Word adr(Register d, std::int32_t bytes) {
  const Word value = static_cast<Word>(bytes);
  return 0x1000'0000 | (value & 3) << 29 | (value >> 2 & 0x7'ffff) << 5 | d;
}

// --- Memory ----------------------------------------------------------------------------------------------------------

// With an unsigned offset in units of the size. The other forms derive from it.
enum class Access : Word {
  ldr_x = 0xf940'0000,
  str_x = 0xf900'0000,
  ldr_w = 0xb940'0000,
  str_w = 0xb900'0000,
  ldrb = 0x3940'0000,
  strb = 0x3900'0000,
  ldrh = 0x7940'0000,
  strh = 0x7900'0000,
  ldrsb_w = 0x39c0'0000,
  ldrsb_x = 0x3980'0000,
  ldrsh_w = 0x79c0'0000,
  ldrsh_x = 0x7980'0000,
  ldrsw = 0xb980'0000,
  ldr_b = 0x3d40'0000,
  str_b = 0x3d00'0000,
  ldr_h = 0x7d40'0000,
  str_h = 0x7d00'0000,
  ldr_s = 0xbd40'0000,
  str_s = 0xbd00'0000,
  ldr_d = 0xfd40'0000,
  str_d = 0xfd00'0000,
  ldr_q = 0x3dc0'0000,
  str_q = 0x3d80'0000,
};
/// log2 of the bytes that it touches.
[[nodiscard]] constexpr unsigned scale(Access op) {
  const Word word = static_cast<Word>(op);
  return (word & 0x0480'0000) == 0x0480'0000 && (word >> 30) == 0 ? 4 : word >> 30;
}
static_assert(scale(Access::ldr_q) == 4 && scale(Access::ldr_d) == 3 && scale(Access::ldrsb_x) == 0);
/// Precondition: offset is a multiple of the size below 4096 sizes.
[[nodiscard]] constexpr Word access(Access op, Register t, Register n, std::uint32_t offset) {
  return static_cast<Word>(op) | (offset >> scale(op)) << 10 | n << 5 | t;
}
[[nodiscard]] constexpr bool reaches(Access op, std::uint32_t offset) {
  return offset % (1U << scale(op)) == 0 && offset >> scale(op) < 4096;
}
[[nodiscard]] constexpr Word access_indexed(Access op, Register t, Register n, Register m) {
  return (static_cast<Word>(op) - 0x0100'0000) | 0x0020'6800 | m << 16 | n << 5 | t;
}
/// At -256 .. 255, whatever the size.
[[nodiscard]] constexpr Word access_near(Access op, Register t, Register n, std::int32_t offset) {
  return (static_cast<Word>(op) - 0x0100'0000) | (static_cast<Word>(offset) & 0x1ff) << 12 | n << 5 | t;
}
enum class Pair : Word {
  ldp_x = 0xa940'0000,
  stp_x = 0xa900'0000,
  ldp_d = 0x6d40'0000,
  stp_d = 0x6d00'0000,
  ldp_q = 0xad40'0000,
  stp_q = 0xad00'0000,
};
[[nodiscard]] constexpr Word pair(Pair op, Register t, Register u, Register n, std::int32_t offset) {
  const std::int32_t unit = (static_cast<Word>(op) >> 30) == 2 && (static_cast<Word>(op) >> 26 & 1) == 1 ? 16 : 8;
  return static_cast<Word>(op) | (static_cast<Word>(offset / unit) & 0x7f) << 15 | u << 10 | n << 5 | t;
}
static_assert(pair(Pair::stp_q, 0, 1, 31, 32) == 0xad01'07e0);
[[nodiscard]] constexpr Word push_pair(Register t, Register u, std::int32_t bytes) {
  return 0xa980'0000 | (static_cast<Word>(-bytes / 8) & 0x7f) << 15 | u << 10 | 31U << 5 | t;
}
[[nodiscard]] constexpr Word pop_pair(Register t, Register u, std::int32_t bytes) {
  return 0xa8c0'0000 | (static_cast<Word>(bytes / 8) & 0x7f) << 15 | u << 10 | 31U << 5 | t;
}

// --- Floating point --------------------------------------------------------------------------------------------------

inline constexpr Word double_bit = 0x0040'0000;  ///< of scalar operations: double instead of single precision
[[nodiscard]] constexpr Word of_one(Word op, Register d, Register n) { return op | n << 5 | d; }
[[nodiscard]] constexpr Word of_two(Word op, Register d, Register n, Register m) { return op | m << 16 | n << 5 | d; }
[[nodiscard]] constexpr Word fcmp(bool wide, Register n, Register m) {
  return 0x1e20'2000 | (wide ? double_bit : 0) | m << 16 | n << 5;
}
[[nodiscard]] constexpr Word fcsel(Register d, Register n, Register m, Condition c) {
  return 0x1e60'0c00 | m << 16 | static_cast<Word>(c) << 12 | n << 5 | d;
}
inline constexpr Word fmov_d = 0x1e60'4000;  ///< between registers
inline constexpr Word fmov_x_from_d = 0x9e66'0000;
inline constexpr Word fmov_d_from_x = 0x9e67'0000;
inline constexpr Word fmov_w_from_s = 0x1e26'0000;
inline constexpr Word fmov_s_from_w = 0x1e27'0000;
[[nodiscard]] constexpr Word move_vector(Register d, Register n) { return 0x4ea0'1c00 | n << 16 | n << 5 | d; }
inline constexpr Word movi_zero = 0x6f00'e400;  ///< | d: all bits zero

// System registers, as mrs and msr have them.
inline constexpr Word mrs_fpcr = 0xd53b'4400;
inline constexpr Word msr_fpcr = 0xd51b'4400;

}  // namespace rvm::wasm::arm64
