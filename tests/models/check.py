#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks kernel.pml exhaustively with spin: it holds, and each way of breaking it is found.

check.py SCRATCH_FOLDER
"""
import pathlib
import re
import shutil
import subprocess
import sys
import time

MODEL = pathlib.Path(__file__).resolve().parent / "kernel.pml"
BREAKS = {"BREAK_GROWING": [], "BREAK_TLB": [], "BREAK_MOVE": [], "BREAK_WAKE": ["WITH_IPC", "ONLY_IPC"],
          "BREAK_DUPLICATE": ["WITH_IPC", "ONLY_IPC"]}


def check(folder, defines):
    """(number of errors, number of states) of a full search."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options = [f"-D{d}" for d in defines]
    for command in (["spin", "-a", *options, str(MODEL)],
                    ["clang-19", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4096", "-o", "pan", "pan.c"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"FAILED: {' '.join(command)}: {done.stdout}{done.stderr}")
    # -m: depth of the search; -w: size of the table; without -e it stops at the first error.
    done = subprocess.run(["./pan", "-m1000000", "-w24"], cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    errors = re.search(r"errors: (\d+)", done.stdout)
    states = re.search(r"([\d.e+]+) states, stored", done.stdout)
    if not errors or not states or "max search depth too small" in done.stdout or "Search not completed" in done.stdout and errors[1] == "0":
        sys.exit(f"FAILED: the search is not complete: {done.stdout}{done.stderr}")
    return int(errors[1]), int(float(states[1]))


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    begin = time.monotonic()
    for name, defines in (("capabilities", []), ("messages", ["WITH_IPC", "ONLY_IPC"])):
        errors, states = check(folder, defines)
        if errors:
            sys.exit(f"FAILED: the model of {name} has an error; spin -t in {folder} shows the way to it")
        print(f"{name}: holds in all {states} states")
    for switch, defines in BREAKS.items():
        errors, _ = check(folder, [switch, *defines])
        if not errors:
            sys.exit(f"FAILED: {switch} breaks the model and the search does not see it")
        print(f"{switch}: found")
    print(f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
