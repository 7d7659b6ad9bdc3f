// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Exception syndromes (ESR_ELx, Arm ARM D19.2.37). Free of hardware access.
#pragma once

#include <array>
#include <cstdint>

#include "register.hpp"
#include "rvm/hal/machine.hpp"

namespace rvm::hal {

struct Syndrome : Register<Syndrome, std::uint64_t> {
  using F = Field<Syndrome>;
  static constexpr F specific{0, 25}, exception_class{26, 6};
  // Of aborts.
  static constexpr F fault_status{0, 6}, is_write{6}, stage_one_walk{7}, far_not_valid{10};
  // Of trapped system register accesses.
  static constexpr F is_read{0}, crm{1, 4}, transfer{5, 5}, crn{10, 4}, op1{14, 3}, op2{17, 3}, op0{20, 2};
};

namespace exception_class {
inline constexpr std::uint64_t unknown = 0x00, wait = 0x01, vectors = 0x07, supervisor_call_64 = 0x15,
                               system_register = 0x18, instruction_abort = 0x20, data_abort = 0x24;
}

/// What each exception class from an agent means to the core. Classes that are not listed are for features that agents do
/// not have; using one is `undefined`.
struct ExceptionMeaning {
  std::uint8_t exception_class;
  FaultKind kind;
};
inline constexpr std::array exception_meanings{
    ExceptionMeaning{0x01, FaultKind::wait},               // WFI, WFE
    ExceptionMeaning{0x12, FaultKind::hypervisor_call},    // HVC, AArch32
    ExceptionMeaning{0x13, FaultKind::secure_call},        // SMC, AArch32
    ExceptionMeaning{0x16, FaultKind::hypervisor_call},    // HVC; immediate 0 does not come this way
    ExceptionMeaning{0x17, FaultKind::secure_call},        // SMC
    ExceptionMeaning{0x20, FaultKind::instruction_abort},  // from a lower exception level
    ExceptionMeaning{0x21, FaultKind::instruction_abort},  // from the same level: seen in ESR_EL1 only
    ExceptionMeaning{0x22, FaultKind::unaligned},          // PC
    ExceptionMeaning{0x24, FaultKind::data_abort},         // from a lower exception level
    ExceptionMeaning{0x25, FaultKind::data_abort},         // from the same level: seen in ESR_EL1 only
    ExceptionMeaning{0x26, FaultKind::unaligned},          // SP
    ExceptionMeaning{0x2f, FaultKind::external},           // SError
    ExceptionMeaning{0x30, FaultKind::breakpoint},         // breakpoint
    ExceptionMeaning{0x31, FaultKind::breakpoint},         // breakpoint, same level
    ExceptionMeaning{0x32, FaultKind::breakpoint},         // single step
    ExceptionMeaning{0x33, FaultKind::breakpoint},         // single step, same level
    ExceptionMeaning{0x34, FaultKind::breakpoint},         // watchpoint
    ExceptionMeaning{0x35, FaultKind::breakpoint},         // watchpoint, same level
    ExceptionMeaning{0x38, FaultKind::breakpoint},         // BKPT, AArch32
    ExceptionMeaning{0x3c, FaultKind::breakpoint},         // BRK
};

/// Fault status codes of aborts: bits 5..2 name the fault, 1..0 the level.
[[nodiscard]] constexpr bool is_permission_fault(Syndrome s) { return s.get(Syndrome::fault_status) >> 2 == 0b0011; }
[[nodiscard]] constexpr bool is_alignment_fault(Syndrome s) { return s.get(Syndrome::fault_status) == 0b100001; }
/// Synchronous external aborts and memory errors, also those of a table walk.
[[nodiscard]] constexpr bool is_external_abort(Syndrome s) {
  const auto status = s.get(Syndrome::fault_status);
  return status >= 0b010000 && status <= 0b011111;
}

[[nodiscard]] constexpr FaultKind fault_kind(Syndrome s) {
  const auto of_class = [&] {
    for (const ExceptionMeaning& m : exception_meanings) {
      if (m.exception_class == s.get(Syndrome::exception_class)) return m.kind;
    }
    return FaultKind::undefined;
  }();
  if (of_class != FaultKind::data_abort && of_class != FaultKind::instruction_abort) return of_class;
  if (is_external_abort(s)) return FaultKind::external;
  return is_alignment_fault(s) ? FaultKind::unaligned : of_class;
}

/// Address of a stage-2 abort, as HPFAR_EL2 gives the page (Arm ARM D19.2.55) and FAR_EL2 the place in it.
[[nodiscard]] constexpr GuestAddress abort_address(std::uint64_t hpfar, std::uint64_t far) {
  constexpr std::uint64_t page_field = 0x0000'0fff'ffff'fff0;  // FIPA
  return GuestAddress{(hpfar & page_field) << 8 | (far & 0xfff)};
}

/// Whether `pc` is one of the sixteen vectors at `base`: where an exception inside the agent goes.
[[nodiscard]] constexpr bool is_exception_vector(std::uint64_t pc, std::uint64_t base) {
  const std::uint64_t aligned = base & ~std::uint64_t{0x7ff};
  return pc >= aligned && pc - aligned < 0x800 && (pc & 0x7f) == 0;
}

}  // namespace rvm::hal
