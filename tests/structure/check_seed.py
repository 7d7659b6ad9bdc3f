#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The core compiles for a microcontroller: every module but the machine ports yields Thumb code, and only that."""
import pathlib
import re
import subprocess
import sys

import check_layers

ROOT = check_layers.ROOT
BUILD = ROOT / "build" / "seed"


def main():
    subprocess.run([ROOT / "tools" / "build", "seed"], check=True, stdout=subprocess.DEVNULL)
    failures, checked = [], 0
    for module in check_layers.check()[0]:
        cmake = ROOT / "src" / module / "CMakeLists.txt"
        declaration = cmake.exists() and re.search(r"rvm_module\([^)]*\bSOURCES\b", cmake.read_text())
        archive = BUILD / "src" / module / f"librvm_{module}.a"
        if module == "hal" or check_layers.LAYER[module] > 1 or not declaration:
            continue  # ports belong to their machines; header-only modules have no code; what is above the core is not in it
        if not archive.exists():
            failures.append(f"{module}: {archive.relative_to(ROOT)} was not built")
            continue
        header = subprocess.run(["llvm-readelf-19", "-h", archive], capture_output=True, text=True, check=True).stdout
        machines = set(re.findall(r"Machine:\s+(\S+)", header))
        if machines != {"ARM"}:
            failures.append(f"{module}: built for {machines or 'nothing'}, not ARM")
        symbols = subprocess.run(["llvm-nm-19", "-u", archive], capture_output=True, text=True, check=True).stdout
        # No heap, no exceptions, no floating point in the core.
        for name in re.findall(r"\bU (_Znw\w*|_Zna\w*|_ZdlPv\w*|malloc|free|__cxa_throw|__aeabi_[df]\w+)$", symbols, re.M):
            failures.append(f"{module}: refers to {name}")
        checked += 1
    print("\n".join(failures) if failures else f"seed: {checked} modules are Thumb code without heap, exceptions or floating point")
    return 1 if failures or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
