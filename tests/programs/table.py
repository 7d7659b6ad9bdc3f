# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is run with the programs of others: by tests/e2e/programs.py in partitions, by tests/wasm/bench/programs.py to count."""
import dataclasses
import pathlib

import build

SCRIPTS = build.HERE / "scripts"
BZIP2 = build.SOURCES / "bzip2-1.0.8"
QUICKJS = build.SOURCES / "quickjs-2025.04.26" / "tests"
LUA51 = build.SOURCES / "gopher-lua" / "_lua5.1-tests"


@dataclasses.dataclass(frozen=True)
class Run:
    program: str
    arguments: tuple = ()
    files: tuple = ()  # what it sees, each by its last name
    heap: str = "16M"
    quick: bool = False  # interpreted as well in every run of the tests

    def __str__(self):
        return " ".join([self.program, *self.arguments])


# Lua 5.1's own tests, one file a run, but for those in LEFT_OUT.
LUA51_TESTS = ["api", "calls", "closure", "code", "constructs", "db", "errors", "events", "gc", "locals", "nextvar", "vararg"]
LEFT_OUT = {
    "all": "runs the others, and files that the package does not have",
    "attrib": "writes files",
    "big": "fails natively on 64-bit computers, too: it fills 32 bits of address space",
    "checktable": "prints nothing",
    "files": "writes files",
    "literals": "wants the locale pt_BR; wasi-libc takes any name for one and has none",
    "main": "starts processes",
    "math": "fails natively, too: it expects another strtoul of the C library",
    "pm": "fails natively, too: Debian's copy has a statement that Lua 5.1 refuses",
    "sort": "prints how long it took",
    "strings": "the locale, as literals",
    "verybig": "writes a file",
}
# libsodium's own tests: these in every run, all but those left out with --deep.
SODIUM_LEFT_OUT = {"pwhash_scrypt_ll": "needs a gibibyte of memory"}
SODIUM_QUICK = ["aead_chacha20poly1305", "auth", "box", "chacha20", "core1", "generichash", "hash", "hash3", "onetimeauth",
                "scalarmult", "secretbox", "shorthash", "sign", "stream"]

CORE = [
    Run("setjmp", quick=True),
    Run("lua", ("work.lua", "1"), (SCRIPTS / "work.lua",), quick=True),
    Run("sqlite", ("--memdb", "--size", "2", "--verify"), heap="32M"),
    Run("bzip2", ("sample1.ref", "sample2.ref"), (BZIP2 / "sample1.ref", BZIP2 / "sample2.ref"), heap="32M", quick=True),
    Run("zstd", ("sample1.ref",), (BZIP2 / "sample1.ref",), heap="64M"),
    Run("quickjs", ("work.js", *(f"test_{t}.js" for t in ("closure", "language", "loop", "bigint", "builtin"))),
        (SCRIPTS / "work.js", *(QUICKJS / f"test_{t}.js" for t in ("closure", "language", "loop", "bigint", "builtin"))), heap="32M"),
]
LUA51_RUNS = [Run("lua51", (f"{t}.lua",), (LUA51 / f"{t}.lua",), heap="32M") for t in LUA51_TESTS]


def sodium_runs(tests):
    return [Run(f"sodium-{t}") for t in tests]
