#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Puts known bugs into the core, one at a time, and checks that each is found.

run.py BUILD_FOLDER --library FILE... --lz4 FOLDER [--jobs N] [NAME...]

Third-party code is no part of the core. FILE: its static libraries; FOLDER: where lz4.h is.

A mutant is a patch NN-name.patch beside this file: a sentence that says what is wrong, and a change of the core. It is applied to
a copy of the sources, what it touches is compiled anew, and the simulation must break an invariant within SEEDS seeds. With a line
"Test: MODULE" the unit test of that module must fail instead, for what the simulation cannot bring about; with a line "Seeds: N" it has so
many seeds, for what takes a rare moment. The unchanged
sources must pass all of it. Exit code 1 when a mutant survives or a patch does not apply any more.
"""
import argparse
import concurrent.futures
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SEEDS = 40
STEPS = 10_000
MINIMUM = 25

# Three translation units, so that a mutant costs one compilation, or two when a header changes. The verifier is compiled once: it
# judges the mutants and is none.
CORE = ["advice", "crypto", "cap", "witness", "proof", "security", "boot", "kernel"]
WITH_LAYER_2 = ["boundaries_test.cpp"]  # which CORE is without
COMPILER = ["clang++-19", "-std=c++23", "-w", "-I.", "-Iinclude", "-Isrc/hal/sim/include", "-Isrc/hal/scalar/include",
            "-Isrc/kernel", "-Isrc/kernel/appliance", "-Isrc/types/capacity/appliance", "-Isrc/witness", "-DLZ4_MEMORY_USAGE=12"]


def sources(folder):
    return sorted(p for p in (ROOT / "src" / folder).glob("*.cpp") if not p.name.endswith("_test.cpp"))


def relative(paths):
    return [str(p.relative_to(ROOT)) for p in paths]


def unit_files():
    core = [p for module in CORE for p in sources(module) if not re.search(r"_(x86|avx512|armv8)$", p.stem)]
    sim = sources("sim") + [ROOT / "src/kernel/test/package_builder.cpp"]
    return {
        "core": ["src/hal/sim/port.cpp", *relative(core)],
        "sim": [*relative(sim), "tests/mutants/hunt.cpp"],
        "verify": relative(sources("witness/verify")),
    }


def run(command, cwd, timeout=600):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)


class Scratch:
    """A copy of the sources with its objects, which one worker changes and restores."""

    def __init__(self, folder, libraries, lz4):
        self.folder = folder
        self.libraries = [str(l) for l in libraries]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("src", "include"):
            shutil.copytree(ROOT / name, folder / name)
        (folder / "tests/mutants").mkdir(parents=True)
        shutil.copy(HERE / "hunt.cpp", folder / "tests/mutants")
        shutil.copy(ROOT / "tests/doctest_main.cpp", folder / "tests")
        self.includes = [f"-I{p.relative_to(folder)}" for p in sorted(folder.glob("src/*/include"))]
        self.includes += ["-Isrc/witness/verify/include", f"-isystem{lz4}"]
        for unit, files in unit_files().items():
            (folder / f"{unit}.cpp").write_text("".join(f'#include "{f}"\n' for f in files))

    def compile(self, unit, level="-O1"):
        result = run([*COMPILER, level, *self.includes, "-c", f"{unit}.cpp", "-o", f"{unit}.o"], self.folder)
        return result.stderr if result.returncode else ""

    def link(self):
        result = run(["clang++-19", "core.o", "sim.o", "verify.o", *self.libraries, "-lfmt", "-o", "hunt"], self.folder)
        return result.stderr if result.returncode else ""

    def build(self, units, level):
        for unit in units:
            if problem := self.compile(unit, level if unit == "core" else "-O1"):
                return problem
        return self.link()

    def hunt(self, seeds):
        """What the simulation finds, or an empty string."""
        try:
            result = run(["./hunt", "1", str(seeds), str(STEPS)], self.folder)
        except subprocess.TimeoutExpired:
            return "the simulation does not end"
        if result.returncode == 0:
            return ""
        return result.stdout.strip() or f"the simulation was killed by signal {-result.returncode}"

    def compile_tests(self, module):
        """The unit tests of a module as one object, for every mutant of it."""
        objects = []
        here = self.folder / "src" / module
        tests = (p for p in sorted(here.glob("*_test.cpp")) if p.name not in WITH_LAYER_2)
        for source in [*tests, *sorted(here.glob("test/*.cpp")), self.folder / "tests/doctest_main.cpp"]:
            objects.append(f"{module}-{source.stem}.o")
            built = run([*COMPILER, "-O1", *self.includes, "-c", str(source.relative_to(self.folder)), "-o", objects[-1]], self.folder)
            if built.returncode:
                return f"the unit test of {module} does not build: {built.stderr[-2000:]}"
        joined = run(["ld", "-r", *objects, "-o", f"{module}-tests.o"], self.folder)
        return joined.stderr if joined.returncode else ""

    def unit_test(self, module):
        """How the unit test of a module fails, or an empty string."""
        built = run(["clang++-19", f"{module}-tests.o", "core.o", *self.libraries, "-o", "unit"], self.folder)
        if built.returncode:
            return f"!the unit test of {module} does not link: {built.stderr[-2000:]}"
        try:
            result = run(["./unit"], self.folder, timeout=120)
        except subprocess.TimeoutExpired:
            return "unit test: does not end"
        failed = re.search(r"TEST CASE: +(.*)", result.stdout)
        return "" if result.returncode == 0 else f"unit test: {failed[1] if failed else result.returncode}"

    def patch(self, text, *options):
        return subprocess.run(["patch", "-p1", "--batch", "--forward", "--fuzz=0", "--no-backup-if-mismatch", "-r", "-", *options],
                              cwd=self.folder, input=text, capture_output=True, text=True, check=False)


def try_mutant(scratch, path):
    """(caught, what happened)"""
    text = path.read_text()
    touched = re.findall(r"^\+\+\+ b/(\S+)", text, re.MULTILINE)
    module = re.search(r"^Test: (\S+)", text, re.MULTILINE)
    if not touched:
        return False, "the patch changes nothing"
    keep = {name: (scratch.folder / name).read_bytes() for name in touched if (scratch.folder / name).exists()}
    try:
        applied = scratch.patch(text)
        if applied.returncode:
            return False, f"the patch does not apply any more; write it anew: {applied.stdout.strip()}"
        header = any(not name.endswith(".cpp") for name in touched)
        if header and module and (problem := scratch.compile_tests(module[1])):
            return "static assertion failed" in problem, problem[-2000:]
        # For the hunt, which is short when there is something to find, compiling is what takes time.
        if problem := scratch.build(["core", "sim"] if header else ["core"], "-O1" if module else "-O0"):
            if "static assertion failed" in problem:
                return True, "a static assertion fails"
            return False, f"the mutant does not build: {problem[-2000:]}"
        wanted = re.search(r"^Seeds: (\d+)", text, re.MULTILINE)
        seeds = int(wanted[1]) if wanted else SEEDS
        found = scratch.unit_test(module[1]) if module else scratch.hunt(seeds)
        if found.startswith("!"):
            return False, found[1:]
        return bool(found), found or (f"the unit test of {module[1]} passes" if module else f"{seeds} seeds find nothing")
    finally:
        for name, content in keep.items():
            (scratch.folder / name).write_bytes(content)
        # The next mutant compiles the core again, but the rest only if it changes a header.
        if any(not name.endswith(".cpp") for name in touched):
            for clean in scratch.folder.glob("*.clean.o"):
                shutil.copy(clean, clean.with_name(clean.name.replace(".clean", "")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    resolved = lambda name: pathlib.Path(name).resolve()
    parser.add_argument("--library", type=resolved, action="append", required=True)
    parser.add_argument("--lz4", type=resolved, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    paths = sorted(p for p in HERE.glob("*.patch") if not arguments.names or any(n in p.name for n in arguments.names))
    begin = time.monotonic()
    folder = arguments.folder.resolve()

    first = Scratch(folder / "0", arguments.library, arguments.lz4)
    scratches = [first] + [Scratch(folder / str(i), arguments.library, arguments.lz4) for i in range(1, arguments.jobs)]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        problems = [p for p in pool.map(first.compile, ("core", "sim", "verify")) if p]
    if problem := "".join(problems) or first.link():
        sys.exit(f"FAILED: the unchanged sources do not build: {problem[-3000:]}")
    modules = sorted({m[1] for p in paths if (m := re.search(r"^Test: (\S+)", p.read_text(), re.MULTILINE))})
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        if problem := "".join(pool.map(first.compile_tests, modules)):
            sys.exit(f"FAILED: {problem}")
    for scratch in scratches:
        for name in ("core.o", "sim.o", "verify.o", *(f"{m}-tests.o" for m in modules)):
            if scratch is not first:
                shutil.copy(first.folder / name, scratch.folder)
        for name in ("sim.o", *(f"{m}-tests.o" for m in modules)):
            shutil.copy(first.folder / name, scratch.folder / name.replace(".o", ".clean.o"))
    # What the unchanged core breaks is no mutant's doing.
    if found := first.hunt(20):
        sys.exit(f"FAILED: the unchanged core breaks an invariant: {found}")
    for module in modules:
        if found := first.unit_test(module):
            sys.exit(f"FAILED: unchanged, {found}")

    free = queue.SimpleQueue()
    for scratch in scratches:
        free.put(scratch)

    def work(path):
        scratch = free.get()
        try:
            return path, *try_mutant(scratch, path)
        finally:
            free.put(scratch)

    survived = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(work, path) for path in paths]):
            path, caught, story = future.result()
            survived += not caught
            print(f"{'caught' if caught else 'SURVIVED'}  {path.stem}: {story}", flush=True)
    print(f"{len(paths) - survived} of {len(paths)} mutants caught in {time.monotonic() - begin:.0f} s")
    if not arguments.names and len(paths) < MINIMUM:
        sys.exit(f"FAILED: fewer than {MINIMUM} mutants")
    if survived:
        sys.exit(f"FAILED: {survived} not caught")


if __name__ == "__main__":
    main()
