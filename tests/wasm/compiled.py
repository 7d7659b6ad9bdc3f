#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The official WebAssembly test suite on AArch64, emulated: interpreted, compiled, and every other function compiled.

Usage: compiled.py SPEC_TEST SCRIPTS [FILE.wast...]
  SPEC_TEST   the host's wasm_spec_test, which packs the scripts
  SCRIPTS     wasm_scripts_aarch64, which runs them
Exit status 77: there is no suite.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TIERS = ["interpreted", "compiled", "mixed"]


def main():
    spec_test, scripts, *files = sys.argv[1:]
    ok = True
    with tempfile.TemporaryDirectory(prefix="rvm-compiled-") as folder:
        packing = subprocess.run([spec_test, "--pack", folder, *files], check=False)
        if packing.returncode != 0:
            return packing.returncode
        packed = sorted(pathlib.Path(folder).glob("*.script"))
        for tier in TIERS:
            environment = {k: v for k, v in os.environ.items() if k != "RVM_WASM_TIER"}
            if tier != "interpreted":
                environment["RVM_WASM_TIER"] = tier
            run = subprocess.run(["qemu-aarch64", scripts, *packed], capture_output=True, text=True, check=False,
                                 env=environment)
            print(f"AArch64, {tier}:", run.stdout + run.stderr)
            last = run.stdout.splitlines()[-1] if run.stdout else ""
            ok = ok and run.returncode == 0 and re.fullmatch(r"\d+ files: passed [1-9]\d*, failed 0, skipped 0", last)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
