#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Builds programs of others, unchanged, from Debian's sources: for WebAssembly agents, and natively to compare with.

Usage: build.py KIND PROGRAM...     KIND: wasm, native (this computer), aarch64 (Linux, for qemu-aarch64)
The results are in build/programs/KIND. What a program needs beside its sources is in PROGRAMS: options, and files of glue/.
"""
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
GLUE = HERE / "glue"
SETJMP = ROOT / "sdk" / "wasm" / "setjmp"
LOWER = ROOT / "sdk" / "wasm" / "lower_exceptions.py"
SOURCES = ROOT / "build" / "third-party"
OUT = ROOT / "build" / "programs"
SODIUM = SOURCES / "libsodium-1.0.18"
COMPILERS = {
    # Not -mbulk-memory: it makes an instruction of every copy of a few bytes, which compiled code leaves to the interpreter.
    "wasm": ["--target=wasm32-wasi", "-msimd128", "-mnontrapping-fptoint", "-Wl,--strip-debug", "-Wl,-z,stack-size=1048576",
             "-D_WASI_EMULATED_SIGNAL", "-D_WASI_EMULATED_PROCESS_CLOCKS"],
    "native": [],
    "aarch64": ["--target=aarch64-linux-gnu", "-fuse-ld=lld", "-static"],
}
LIBRARIES = {"wasm": ["-lwasi-emulated-signal", "-lwasi-emulated-process-clocks"], "native": ["-lm"], "aarch64": ["-lm"]}


@dataclasses.dataclass
class Program:
    """`sources` are patterns below build/third-party, from build/programs/sqlite where they begin with that, or glue."""
    sources: list
    options: list = dataclasses.field(default_factory=list)
    without: tuple = ()
    wasm: list = dataclasses.field(default_factory=list)  # options for WebAssembly only
    setjmp: bool = False
    prepare: object = None


def run(command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))[:500]}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def amalgamation():
    """sqlite3.c, by the makefile of SQLite's sources."""
    folder = OUT / "sqlite"
    if not (folder / "sqlite3.c").exists():
        folder.mkdir(parents=True, exist_ok=True)
        run(["make", "-f", SOURCES / "sqlite3-3.40.1" / "main.mk", f"TOP={SOURCES}/sqlite3-3.40.1", "BCC=clang-19 -O1 -w",
             "TCCX=clang-19", "OPTS=", "sqlite3.c"], cwd=folder)


def sodium_version():
    """The header that libsodium's configure makes."""
    source = (SODIUM / "src/libsodium/include/sodium/version.h.in").read_text()
    for name, value in (("@VERSION@", "1.0.18"), ("@SODIUM_LIBRARY_VERSION_MAJOR@", "10"),
                        ("@SODIUM_LIBRARY_VERSION_MINOR@", "3"), ("@SODIUM_LIBRARY_MINIMAL_DEF@", "")):
        source = source.replace(name, value)
    folder = OUT / "libsodium"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "version.h").exists():
        (folder / "version.h").write_text(source)


LUA = dict(setjmp=True, wasm=["-include", GLUE / "absent.h"])
PROGRAMS = {
    "setjmp": Program(["glue/setjmp.c"], setjmp=True),  # our own
    "lua": Program(["lua-5.4.4/src/*.c"], without=("luac.c",), **LUA),
    "lua51": Program(["lua-5.1.5/src/*.c"], without=("luac.c", "print.c"), **LUA),
    "sqlite": Program(["programs/sqlite/sqlite3.c", "sqlite3-3.40.1/test/speedtest1.c", "glue/sqlite_os.c"],
                      ["-DSQLITE_OS_OTHER=1", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_OMIT_WAL",
                       "-DSQLITE_TEMP_STORE=3", f"-I{OUT}/sqlite"], prepare=amalgamation),
    "bzip2": Program([f"bzip2-1.0.8/{f}.c" for f in ("blocksort", "huffman", "crctable", "randtable", "compress", "decompress",
                                                     "bzlib")] + ["glue/bzip2.c"], [f"-I{SOURCES}/bzip2-1.0.8"]),
    # zstd looks for matches in another way, with another result, where it has vector instructions by name.
    "zstd": Program([f"zstd-1.5.4/lib/{d}/*.c" for d in ("common", "compress", "decompress")] + ["glue/zstd.c"],
                    ["-DZSTD_DISABLE_ASM", "-DZSTD_NO_INTRINSICS", f"-I{SOURCES}/zstd-1.5.4/lib"]),
    # EMSCRIPTEN is QuickJS's own switch for WebAssembly: no threads.
    "quickjs": Program([f"quickjs-2025.04.26/{f}.c" for f in ("quickjs", "libregexp", "libunicode", "cutils", "dtoa")] +
                       ["glue/javascript.c"], ["-D_GNU_SOURCE", '-DCONFIG_VERSION="2025-04-26"', f"-I{SOURCES}/quickjs-2025.04.26"],
                       setjmp=True, wasm=["-DEMSCRIPTEN"]),
}
# libsodium's own tests, each a program that prints; BROWSER_TESTS is their switch for it (otherwise they write a file). Without
# HAVE_TI_MODE: it takes other sources, for processors that multiply 64 bits by 64 to 128.
SODIUM_OPTIONS = ["-DCONFIGURED=1", "-DNATIVE_LITTLE_ENDIAN=1", "-DSODIUM_STATIC=1", f"-I{OUT}/libsodium",
                  f"-I{SODIUM}/src/libsodium/include/sodium", f"-I{SODIUM}/src/libsodium/include"]


def sodium_program(test):
    return Program(["libsodium-1.0.18/src/libsodium/**/*.c", f"libsodium-1.0.18/test/default/{test}.c"],
                   SODIUM_OPTIONS + ["-DBROWSER_TESTS", f"-I{SODIUM}/src/libsodium/include/sodium", f"-I{SODIUM}/test/quirks"],
                   prepare=sodium_version)


def sodium_tests():
    fetch()
    tests = SODIUM / "test" / "default"
    return sorted(f.stem for f in tests.glob("*.exp") if f.with_suffix(".c").exists())


def named(name):
    return sodium_program(name[len("sodium-"):]) if name.startswith("sodium-") else PROGRAMS[name]


def fetch():
    """Sources, pinned and checked (sources.cmake). Where a mirror is missing, its message says what to do."""
    if not all((SOURCES / f / ".complete").exists() for f in ("lua-5.4.4", "lua-5.1.5", "gopher-lua", "sqlite3-3.40.1",
               "bzip2-1.0.8", "zstd-1.5.4", "quickjs-2025.04.26", "libsodium-1.0.18")):
        run(["cmake", "-P", HERE / "sources.cmake"], cwd=ROOT)


def files_of(program):
    for pattern in program.sources:
        base, pattern = ((HERE, pattern) if pattern.startswith("glue/") else
                         (ROOT / "build", pattern) if pattern.startswith("programs/") else (SOURCES, pattern))
        found = sorted(p for p in base.glob(pattern) if p.name not in program.without)
        if not found:
            raise SystemExit(f"no file {pattern}")
        yield from found


def objects_of(kind, sources, options):
    """One object a source, kept as long as the command and everything it was given stay the same."""
    folder = OUT / kind / "objects"
    folder.mkdir(parents=True, exist_ok=True)
    glue = hashlib.sha256(b"".join(p.read_bytes() for p in sorted([*GLUE.glob("*"), *SETJMP.glob("*")]))).hexdigest()
    for source in sources:
        command = ["clang-19", "-O2", "-w", *COMPILERS[kind], "-Wno-unused-command-line-argument", *map(str, options), "-c", str(source)]
        key = hashlib.sha256("\0".join([*command, glue]).encode()).hexdigest()[:16]
        target = folder / f"{source.stem}-{key}.o"
        if not target.exists():
            part = target.with_suffix(f".{os.getpid()}")
            run([*command, "-o", part])
            part.rename(target)
        yield target


def build(kind, name):
    """The path of a program, built if something it is made of has changed."""
    fetch()
    program = named(name)
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.prepare is not None:
            program.prepare()
        options = [*program.options, *(program.wasm if kind == "wasm" else [])]
        sources = list(files_of(program))
        if kind == "wasm":
            if program.setjmp:
                options += ["-mllvm", "-wasm-enable-sjlj", "-mexception-handling", f"-I{SETJMP}"]
                sources.append(SETJMP / "setjmp.c")
            if any("absent.h" in str(o) for o in options):
                sources.append(GLUE / "absent.c")
        objects = list(objects_of(kind, sources, options))
        target = OUT / kind / (name + (".wasm" if kind == "wasm" else ""))
        stamp = target.with_suffix(".stamp")
        made_of = "\n".join([*map(str, objects), *COMPILERS[kind], *LIBRARIES[kind], LOWER.read_text()])
        if target.exists() and stamp.exists() and stamp.read_text() == made_of:
            return target
        linked = target.with_suffix(".linked") if kind == "wasm" and program.setjmp else target
        run(["clang-19", "-O2", *COMPILERS[kind], "-Wno-unused-command-line-argument", *objects, *LIBRARIES[kind], "-o", linked])
        if linked != target:
            run([sys.executable, LOWER, linked, target])
        stamp.write_text(made_of)
    return target


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in COMPILERS:
        print(__doc__)
        return 2
    for name in sys.argv[2:]:
        print(build(sys.argv[1], name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
