#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs of others, unchanged, as agents: what they print in a partition is to the byte what they print natively.

Usage: programs.py [--deep]     with it also the long tests, and all in the interpreter
tests/programs/build.py builds them from Debian's sources."""
import pathlib
import shutil
import subprocess
import sys
import unittest

import rvm_test

HERE = rvm_test.ROOT / "tests" / "programs"
sys.path.insert(0, str(HERE))
import build as programs  # noqa: E402
import table  # noqa: E402

DEEP = "--deep" in sys.argv


def shown(text):
    """As the console shows it: lines cut at 255 bytes, a tab as a space, other control characters and bytes above 126 as \\xNN. (To the
    byte itself it is compared by tests/wasm/bench/programs.py, which runs the same modules on this computer.)"""
    lines = [line[i:i + 255] for line in text.split(b"\n") for i in range(0, max(len(line), 1), 255)]
    return "\n".join("".join(" " if b == 9 else chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in line) for line in lines)


class Programs(rvm_test.RvmTest):
    def tree(self, files):
        """The files that the programs see, in a folder of this test."""
        folder = self.folder / "files"
        folder.mkdir(exist_ok=True)
        for path in files:
            shutil.copy(path, folder / path.name)
        return folder

    def native(self, run, folder):
        done = subprocess.run([programs.build("native", run.program), *run.arguments], cwd=folder, capture_output=True, timeout=300,
                              check=False)
        self.assertEqual(done.returncode, 0, f"{run.program} natively: {done.stdout[-500:]}{done.stderr[-500:]}")
        return shown(done.stdout)

    def in_partitions(self, runs, tier):
        """All in one machine, each in a partition of its own; then what each printed is compared."""
        modules = [programs.build("wasm", run.program) for run in runs]  # fetches the sources, with the files below
        folder = self.tree(f for r in runs for f in r.files)
        lines = ["development = true"]
        for i, (run, module) in enumerate(zip(runs, modules)):
            lines += [f'[[partition]]\nname = "home-{i}"', f'[[agent]]\nname = "run-{i}"\npartition = "home-{i}"',
                      f'wasm = "{module}"', f"args = {list(run.arguments)!r}", 'files = ["files"]',
                      f'heap = "{run.heap}"', f'compile = {"true" if tier == "compiled" else "false"}']
        disk = self.folder / "log.img"
        result = self.rvm("run", self.manifest("\n".join(lines) + "\n"), "--disk", disk, "--memory", "4G", "--timeout", "900s",
                          timeout=1000)
        self.assertEqual(result.returncode, 0, str(result))
        self.assertIn("log        verified", result.stdout)
        printed = {i: [] for i in range(len(runs))}
        for line in result.stdout.splitlines():
            name, bar, text = line.partition("| ") if "| " in line else line.partition("|")
            if bar and name.startswith("run-"):
                printed[int(name[4:])].append(text + "\n")
        for i, run in enumerate(runs):
            with self.subTest(f"{run}, {tier}"):
                self.assertEqual("".join(printed[i]), self.native(run, folder))
        verified = self.rvm("witness", "verify", disk)
        self.assertEqual(verified.returncode, 0, str(verified))

    def test_programs_print_what_they_print_natively(self):
        self.in_partitions(table.CORE, "compiled")

    def test_interpreted(self):
        self.in_partitions([r for r in table.CORE if r.quick or DEEP], "interpreted")

    def test_lua_passes_its_own_tests(self):
        self.in_partitions(table.LUA51_RUNS, "compiled")
        left = {f.stem for f in table.LUA51.glob("*.lua")} - set(table.LUA51_TESTS)
        self.assertEqual(left, set(table.LEFT_OUT), "every file of the suite is run, or left out for a reason")

    def test_libsodium_passes_its_own_tests(self):
        tests = [t for t in programs.sodium_tests() if t not in table.SODIUM_LEFT_OUT]
        self.in_partitions(table.sodium_runs(tests if DEEP else table.SODIUM_QUICK), "compiled")

    @unittest.skipUnless(DEEP, "long")
    def test_lua_passes_its_own_tests_interpreted(self):
        self.in_partitions(table.LUA51_RUNS, "interpreted")


if __name__ == "__main__":
    sys.argv = [a for a in sys.argv if a != "--deep"]
    rvm_test.main()
