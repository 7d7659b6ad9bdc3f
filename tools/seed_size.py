#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a board's image takes, and whether that is within budget: tools/seed_size.py IMAGE.elf [--lines].

Exit status 1 when it is not; the build runs this after every link. --lines: also how many lines of source only Seed has outside hal/.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
KIB = 1024
BOARD_RAM = 64 * KIB
# What only the Seed kernel is linked from. The verifier's reader of flash and the board ports are not part of the kernel's core.
ONLY_SEED = ("src/kernel/seed/*", "src/sched/include/rvm/sched/ordered_queue.hpp", "src/witness/flash_volume.cpp",
             "src/witness/include/rvm/witness/flash_*.hpp", "src/crypto/libsodium/base_point.c", "src/crypto/libsodium/sha512.c",
             "src/types/capacity/seed/rvm/types/capacities.hpp")


def sections(elf):
    listing = subprocess.run(["llvm-size-19", "-A", elf], capture_output=True, text=True, check=True).stdout
    return {name: int(size) for name, size in re.findall(r"^(\.\S+)\s+(\d+)\s+\d+$", listing, re.M)}


def code_lines(path):
    """Lines that are neither blank nor comment."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))


def main():
    elf = pathlib.Path(sys.argv[1])
    size = sections(elf)
    own = size[".text"] + size[".rodata"]
    signatures = size[".text.libsodium"] + size[".rodata.libsodium"]
    ram = size[".data"] + size[".bss"] + size[".stacks"]
    rows = [("text and rodata without signatures", own, "<=", 24 * KIB), ("with Ed25519", own + signatures, "<=", 48 * KIB),
            ("kernel RAM, ring and stacks included", ram, "<=", 16 * KIB),
            ("left to agents on a board of 64 KiB", BOARD_RAM - ram, ">=", 44 * KIB)]
    over = False
    print(f"{elf.name}:")
    for what, value, sign, limit in rows:
        good = value <= limit if sign == "<=" else value >= limit
        over = over or not good
        print(f"  {what:<38} {value:>6} bytes  {sign} {limit // KIB} KiB{'' if good else '   OVER BUDGET'}")
    print(f"  {'initialised data, in flash as well':<38} {size['.data']:>6} bytes")
    if "--lines" in sys.argv:
        files = sorted({f for pattern in ONLY_SEED for f in ROOT.glob(pattern)})
        print(f"  {'source lines that only Seed has':<38} {sum(map(code_lines, files)):>6} in {len(files)} files outside hal/")
        for file in files:
            print(f"    {code_lines(file):>4} {file.relative_to(ROOT)}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
