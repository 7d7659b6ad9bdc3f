#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Generated modules in our interpreter and in wabt's, which must agree.

Usage: differential.py WASM_GENERATED [--first SEED] [--count N]
Values are compared as wabt prints them; a NaN is a NaN whatever its bits, and traps agree by their reason.
"""
import argparse
import collections
import re
import shutil
import subprocess
import sys
import tempfile


def normal(line):
    line = re.sub(r"-?nan", "nan", line.strip()).replace(",", "")
    return re.sub(r"(error: [a-z ]+?)(:.*| \d+)?$", r"\1", line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=400)
    options = parser.parse_args()
    if shutil.which("wasm-interp") is None:
        print("wasm-interp is missing: install the Debian package wabt")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([options.program, str(options.first), str(options.count), folder],
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            print(f"wasm_generated failed ({run.returncode}):\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
            return 1
        ours = collections.defaultdict(list)
        for line in run.stdout.splitlines():
            seed, _, rest = line.partition(" ")
            ours[int(seed)].append(normal(rest))
        different = traps = calls = 0
        for seed in range(options.first, options.first + options.count):
            theirs = subprocess.run(["wasm-interp", "--run-all-exports", f"{folder}/{seed}.wasm"],
                                    capture_output=True, text=True, check=False).stdout
            theirs = [normal(line) for line in theirs.splitlines()]
            calls += len(theirs)
            traps += sum("error" in line for line in theirs)
            if theirs != ours[seed]:
                different += 1
                print(f"seed {seed}:\n  ours   {ours[seed]}\n  theirs {theirs}")
    print(f"{options.count} modules, {calls} calls, {traps} of them trap: {different} different")
    return 1 if different or not calls else 0


if __name__ == "__main__":
    sys.exit(main())
