#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# tools/format.sh [--check] [PATH...]: clang-format over the C and C++ files of the repository, or over those given.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
mode=(-i)
if [ "${1:-}" = --check ]; then
  mode=(--dry-run --Werror)
  shift
fi
git ls-files -z --cached --others --exclude-standard -- "$@" |
  grep -zE '\.(h|hpp|c|cpp)$' | xargs -0 -r -n 16 -P "$(nproc)" clang-format-19 "${mode[@]}"
