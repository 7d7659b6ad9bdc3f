#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""`rvm new` for WebAssembly agents: every template is made, built and run from nothing, and all do the same. One whose compiler is not
on this computer is skipped, and says so."""
import glob
import os
import shutil
import subprocess
import unittest

import rvm_test

AFTER_AN_ABORTED_TURN = ["the total is 1", "the total is 3", "the total is 6"]


def rust_for_wasi():
    """The rustc with a standard library for WASI, of RUSTC, the first on the path, Debian's; or None."""
    for rustc in (os.environ.get("RUSTC"), "rustc", "/usr/bin/rustc"):
        if rustc and shutil.which(rustc):
            sysroot = subprocess.run([rustc, "--print", "sysroot"], capture_output=True, text=True, check=False).stdout.strip()
            if sysroot and glob.glob(sysroot + "/lib/rustlib/wasm32-wasi*"):
                return rustc
    return None


class NewWasm(rvm_test.RvmTest):
    def three_commands(self, language, **env):
        project = self.folder / "hello"
        made = self.rvm("new", project, "--language", language)
        self.assertEqual(made.returncode, 0, str(made))
        make = subprocess.run(["make"], cwd=project, env={**self.env, **env}, capture_output=True, text=True, timeout=280, check=False,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(make.returncode, 0, make.stdout + make.stderr)
        self.assertNotIn("warning", make.stderr)
        run = self.rvm("run", ".", cwd=project, env=env)
        self.assertEqual(run.returncode, 0, str(run))
        said = {name: [line.removeprefix(name + "| ") for line in run.stdout.splitlines() if line.startswith(name + "| ")]
                for name in ("hello", "driver")}
        self.assertEqual(said["driver"], AFTER_AN_ABORTED_TURN, str(run))
        self.assertRegex(said["hello"][0], r"^hello, I am agent \d+$", str(run))
        self.assertEqual(said["hello"][1:], ["wasm: turn aborted: unreachable"], str(run))
        self.assertIn("log        verified", run.stdout)

    def test_c(self):
        self.three_commands("wasm-c")

    def test_cpp(self):
        self.three_commands("wasm-cpp")

    def test_rust(self):
        rustc = rust_for_wasi()
        if rustc is None:
            self.skipTest("no rustc here has a standard library for WASI: apt-get install rustc libstd-rust-dev-wasm32 lld-14")
        self.three_commands("rust", RUSTC=rustc)

    def test_assemblyscript(self):
        if shutil.which("npm") is None:
            self.skipTest("there is no npm here, which fetches the AssemblyScript compiler")
        try:
            ping = subprocess.run(["npm", "ping", "--fetch-retries=0", "--fetch-timeout=10000"], env=self.env, capture_output=True,
                                  timeout=30, check=False, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            ping = None
        if ping is None or ping.returncode != 0:
            self.skipTest("npm's registry, from which the AssemblyScript compiler comes, cannot be reached")
        self.three_commands("assemblyscript")

    def test_an_unknown_language(self):
        result = self.rvm("new", self.folder / "hello", "--language", "pascal")
        self.assertEqual(result.returncode, 2, str(result))
        for word in ("pascal", "c++", "wasm-c", "wasm-cpp", "rust", "assemblyscript"):
            self.assertIn(word, result.stderr)
        self.assertFalse((self.folder / "hello").exists())


if __name__ == "__main__":
    rvm_test.main()
