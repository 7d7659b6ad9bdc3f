#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is released has no signer that is for tests: neither the null signer nor the software TEE.

Usage: check_release.py TEST_PROGRAM. Each leaves a text in every program that has it, whatever becomes of its symbols. That
the test program has these texts shows that the search finds them.
"""
import pathlib
import subprocess
import sys

import check_layers

ROOT = check_layers.ROOT
RELEASED = ("appliance/rvm.elf", "appliance/rvm.img", "host/rvm")
TEXTS = (b"rvm test signer: null", b"rvm software tee quote v1")
SYMBOLS = ("NullSigner", "SoftwareTee")


def traces(program):
    """The texts and symbols of test signers that are in a program."""
    content = program.read_bytes()
    found = [text.decode() for text in TEXTS if text in content]
    names = ""
    if content.startswith(b"\x7fELF"):
        names = subprocess.run(["llvm-nm-19", program], capture_output=True, text=True, check=True).stdout
    return found + [name for name in SYMBOLS if name in names]


def main(test_program):
    failures = []
    for name in RELEASED:
        program = ROOT / "build" / name
        if not program.exists():
            failures.append(f"{name} was not built")
        elif found := traces(program):
            failures.append(f"{name} has a signer that is for tests: {', '.join(found)}")
    if len(traces(pathlib.Path(test_program))) != len(TEXTS) + len(SYMBOLS):
        failures.append(f"{test_program} lacks what it is known to have: the check itself does not work")
    print("\n".join(failures) if failures else f"release: {len(RELEASED)} files without signers that are for tests")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
