#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs the Debian packages of tools/packages.txt that are missing, and changes nothing else. With nothing to do it
# takes a few hundredths of a second, so every front-door command may call it.
#   tools/bootstrap.sh          install what is missing
#   tools/bootstrap.sh --check  only say what is missing; exit 1 if anything is
# RVM_SKIP_BOOTSTRAP=1 skips it, for systems on which the packages come from elsewhere.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
log=$root/build/bootstrap.log

fail() {  # fail WHAT CURE...
  printf 'bootstrap: %s\n' "$1" >&2
  shift
  printf '  cure: %s\n' "$@" >&2
  exit 1
}

[ "${RVM_SKIP_BOOTSTRAP:-0}" = 1 ] && exit 0

mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$root/tools/packages.txt")

missing=("${wanted[@]}")
if command -v dpkg-query >/dev/null; then
  installed=$(dpkg-query -W -f='${db:Status-Abbrev}|${Package}\n' "${wanted[@]}" 2>/dev/null || true)
  missing=()
  for package in "${wanted[@]}"; do
    # Status "ii": wanted and installed. The name ends the line, so clang-19 does not match clang-19-doc.
    [[ $'\n'$installed$'\n' == *$'\nii |'"$package"$'\n'* ]] || missing+=("$package")
  done
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "${1:-}" = --check ]; then
  printf 'missing packages: %s\n' "${missing[*]}" >&2
  exit 1
fi

system=unknown
[ -r /etc/os-release ] && system=$(. /etc/os-release && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}")
if [ "$system" != "debian 12" ] || ! command -v apt-get >/dev/null; then
  fail "packages are missing and this is not Debian 12 but '$system'" \
    "install the equivalents of: ${missing[*]}" \
    "then set RVM_SKIP_BOOTSTRAP=1 and repeat the command"
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  by_hand="as root: apt-get install --no-install-recommends ${missing[*]}"
  command -v sudo >/dev/null || fail "packages are missing and there is neither root nor sudo" "$by_hand"
  as_root=(sudo)
  if [ ! -t 0 ]; then
    as_root=(sudo -n)
    sudo -n true 2>/dev/null || fail "sudo wants a password and there is no terminal to ask on" "$by_hand"
  fi
fi

mkdir -p "$root/build"
: >"$log"
apt() {  # quiet, never asks, waits for another package manager to finish
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" >>"$log" 2>&1
}
explain() {  # explain STEP: the last errors of the log, and the cure that fits them
  grep -E '^(E|Err|W):' "$log" | tail -n 4 >&2 || true
  if grep -qE 'Temporary failure resolving|Could not resolve|Could not connect|Connection (timed out|failed)|Network is unreachable' "$log"; then
    fail "$1: the Debian mirror cannot be reached" "connect to the network (or set a proxy for apt), then repeat" "log: $log"
  elif grep -qE 'No space left|enough free space' "$log"; then
    fail "$1: the disk is full" "free about 3 GB, then repeat" "log: $log"
  elif grep -q 'Unable to locate package\|no installation candidate' "$log"; then
    fail "$1: the package lists lack what is needed" \
      "enable bookworm, bookworm-updates and bookworm-security in /etc/apt/sources.list" "log: $log"
  fi
  fail "$1 failed" "see $log; 'dpkg --configure -a' mends an interrupted installation"
}

started=$SECONDS
printf 'bootstrap: installing %d Debian packages (once, a few minutes): %s\n' "${#missing[@]}" "${missing[*]}" >&2
# A failing foreign source must not stop us: what counts is whether our packages are found below.
apt update || true
apt install -s --no-install-recommends "${missing[@]}" || explain "looking up packages"
# Debian's libc++ 19 replaces version 14; anything else that would have to go is the user's decision.
removals=$(sed -n 's/^Remv \([^ ]*\).*/\1/p' "$log" | grep -vE '^lib(c\+\+|c\+\+abi|unwind)[-0-9a-z]*$' || true)
[ -z "$removals" ] || fail "installing would remove: $(tr '\n' ' ' <<<"$removals")" \
  "decide by hand: apt-get install --no-install-recommends ${missing[*]}"
apt install -y --no-install-recommends "${missing[@]}" || explain "installing packages"
printf 'bootstrap: done in %d s\n' $((SECONDS - started)) >&2
