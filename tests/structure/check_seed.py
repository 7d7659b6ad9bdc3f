#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The images for microcontrollers build, are Thumb code within their budgets, and have no heap, exceptions or floating point."""
import re
import subprocess
import sys

import check_layers

ROOT = check_layers.ROOT
BUILD = ROOT / "build" / "seed"
BOARDS = ("lm3s6965evb", "mps2-an505", "mps3-an547")
FORBIDDEN = re.compile(r" (_Znw\w*|_Zna\w*|_ZdlPv\w*|malloc|free|__cxa_throw|__aeabi_[df]\w+)$", re.M)


def main():
    subprocess.run([ROOT / "tools" / "build", "seed"], check=True, stdout=subprocess.DEVNULL)
    failures = []
    for board in BOARDS:
        image = BUILD / f"swarm-{board}.elf"
        header = subprocess.run(["llvm-readelf-19", "-h", image], capture_output=True, text=True, check=True).stdout
        if not re.search(r"Machine:\s+ARM", header):
            failures.append(f"{image.name}: not for ARM")
        symbols = subprocess.run(["llvm-nm-19", image], capture_output=True, text=True, check=True).stdout
        failures += [f"{image.name}: has {name}" for name in FORBIDDEN.findall(symbols)]
        size = subprocess.run([ROOT / "tools" / "seed_size.py", image], capture_output=True, text=True, check=False)
        if size.returncode != 0:
            failures.append(size.stdout)
    print("\n".join(failures) if failures else f"seed: {len(BOARDS)} images within budget, without heap, exceptions or floating point")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
