// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The part of the machine contract about trusted execution environments: what measured the software as it was launched, from below
// it, and vouches for that with a quote. Verifying quotes is somebody else's work (rvm/security/tee.hpp).
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace rvm::hal {

/// The numbers stand in signed notes.
#define RVM_TEE_PLATFORM_TABLE(X) \
  X(none, 0, "none") \
  X(software, 1, "software (for tests: proves nothing)") \
  X(sgx, 2, "Intel SGX") \
  X(sev_snp, 3, "AMD SEV-SNP") \
  X(tdx, 4, "Intel TDX") \
  X(arm_cca, 5, "Arm CCA")

enum class TeePlatform : std::uint8_t {
#define RVM_X(name, number, text) name = (number),
  RVM_TEE_PLATFORM_TABLE(RVM_X)
#undef RVM_X
};

/// For people; empty for a number that is no platform's.
[[nodiscard]] constexpr std::string_view describe(TeePlatform platform) {
  switch (platform) {
#define RVM_X(name, number, text) \
  case TeePlatform::name: \
    return text;
    RVM_TEE_PLATFORM_TABLE(RVM_X)
#undef RVM_X
  }
  return {};
}

/// What the software wants in its quote. All four platforms take 64 bytes: SGX and TDX as REPORTDATA, SEV-SNP as REPORT_DATA, Arm
/// CCA as the realm's challenge.
struct ReportData : std::array<std::byte, 64> {};

/// Writes a quote over `data`, in the platform's own format, and returns its size; nothing if there is none to be had. May take
/// as long as the platform does. `platform()` is `none` where there is no such environment, and then nobody asks for quotes.
template <typename P>
concept QuoteProvider =
    requires(const P& provider, const ReportData& data, std::span<std::byte, P::quote_bytes_max> to) {
      { P::quote_bytes_max } -> std::convertible_to<std::size_t>;
      { provider.platform() } -> std::same_as<TeePlatform>;
      { provider.quote(data, to) } -> std::same_as<std::optional<std::size_t>>;
    };

struct NoTrustedEnvironment {
  static constexpr std::size_t quote_bytes_max = 0;
  [[nodiscard]] static constexpr TeePlatform platform() { return TeePlatform::none; }
  [[nodiscard]] static std::optional<std::size_t> quote(const ReportData&, std::span<std::byte, 0>) { return {}; }
};
static_assert(QuoteProvider<NoTrustedEnvironment>);

}  // namespace rvm::hal
