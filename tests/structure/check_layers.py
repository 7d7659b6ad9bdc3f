#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks the rules of the house that no compiler checks: layers, file sizes, licence headers, forbidden words.

Prints one line per violation, `PATH:LINE: what is wrong`, and exits 1 if there is any.
"""
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The layer of every module. A module may depend on its own layer and those below, never on those above; and nothing
# below layer 2 may know that layers 2 and 3 exist.
LAYER = {
    "types": 1, "hal": 1, "crypto": 1, "cap": 1, "memory": 1, "witness": 1, "proof": 1, "security": 1,
    "partition": 1, "sched": 1, "boot": 1, "advice": 1, "kernel": 1,
    "coherence": 2,
    "wasm": 3, "gpu": 3, "control": 3,
    "sim": 4,  # not part of the product: nothing in src may depend on it
}
ASSEMBLY_LINES_MAX = 500  # per architecture
FILE_LINES_MAX = 700
SOURCE = re.compile(r"\.(h|hpp|c|cpp|S|ld|lds|py|sh|cmake)$|(^|/)(CMakeLists\.txt|Makefile|rvm)$|^tools/[a-z]+$")
# Words that mark unfinished work, split so that this file does not find itself.
FORBIDDEN = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|TB" r"D|HA" r"CK)\b|\b(?i:place" r"holder|un" r"implemented|not yet im" r"plemented)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]rvm/([a-z0-9_]+)/([^">]+)[">]')


def repository_files():
    """Tracked and new files that git does not ignore; in an archive without git, every file outside build/."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, check=False)
    if listing.returncode == 0:
        names = [n for n in listing.stdout.decode().split("\0") if n]
    else:
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
    return sorted({n for n in names if not n.startswith("build/") and (ROOT / n).is_file()})


def declared_dependencies(module, libraries_only=False):
    """The modules that src/MODULE's CMake files link to, its tests and self-test images included unless told otherwise."""
    text = ""
    for cmake in sorted((ROOT / "src" / module).rglob("CMakeLists.txt")):
        text += re.sub(r"#.*", "", cmake.read_text())
    found = set() if libraries_only else set(re.findall(r"\brvm_([a-z0-9]+)\b", text))
    # Libraries beside a module's own, such as rvm_wasm_runtime, may reach further than it does.
    names = rf"rvm_{module}(?:_(?!runtime)\w*)?" if libraries_only else rf"rvm_{module}\w*"
    for call in re.findall(rf"target_link_libraries\(\s*{names}\s([^)]*)\)", text):
        found |= set(re.findall(r"\brvm_([a-z0-9]+)\b", call))
    for call in re.findall(r"rvm_module\(([^)]*)\)", text):
        words = call.split()
        keyword = None
        for word in words[1:]:
            if word in ("SOURCES", "DEPENDS", "TESTS"):
                keyword = word
            elif keyword == "DEPENDS":
                found.add(word)
    return (found & set(LAYER)) - {module}


def transitive(module, direct):
    reached, pending = set(), [module]
    while pending:
        for dependency in direct.get(pending.pop(), ()):
            if dependency not in reached:
                reached.add(dependency)
                pending.append(dependency)
    return reached


def check():
    problems = []
    files = repository_files()
    modules = sorted({n.split("/")[1] for n in files if n.startswith("src/") and n.count("/") >= 2})
    direct = {m: declared_dependencies(m) for m in modules}
    allowed = {m: transitive(m, direct) | {m} for m in modules}

    for module in modules:
        where = f"src/{module}/CMakeLists.txt:1"
        if module not in LAYER:
            problems.append(f"{where}: module '{module}' has no layer; add it to LAYER in tests/structure/check_layers.py")
            continue
        if module in transitive(module, direct):
            problems.append(f"{where}: module '{module}' depends on itself through {sorted(direct[module])}")
        for dependency in sorted(direct[module]):
            if LAYER[dependency] > LAYER[module]:
                problems.append(f"{where}: layer {LAYER[module]} '{module}' depends on layer {LAYER[dependency]} '{dependency}'")

    assembly = collections.Counter()
    for name in files:
        try:
            text = (ROOT / name).read_text()
        except UnicodeDecodeError:
            continue  # binary
        lines = text.splitlines()
        if SOURCE.search(name) or text.startswith("#!"):
            if "SPDX-License-Identifier: MIT OR Apache-2.0" not in "\n".join(lines[:5]):
                problems.append(f"{name}:1: no SPDX-License-Identifier in the first lines")
            if len(lines) > FILE_LINES_MAX:
                problems.append(f"{name}:{len(lines)}: more than {FILE_LINES_MAX} lines; a file is about one thing")
        if not name.startswith("LICENSE"):
            for number, line in enumerate(lines, 1):
                if FORBIDDEN.search(line):
                    problems.append(f"{name}:{number}: unfinished work: {line.strip()[:80]}")
        if name.endswith((".S", ".s", ".asm")):
            parts = name.split("/")
            assembly[parts[2] if name.startswith("src/hal/") else parts[0]] += len(lines)
        if name.startswith("src/") and name.endswith((".h", ".hpp", ".c", ".cpp", ".S")):
            module = name.split("/")[1]
            test = name.endswith("_test.cpp")
            for number, line in enumerate(lines, 1):
                match = INCLUDE.match(line)
                if not match or match[1] not in LAYER:
                    continue
                if LAYER[match[1]] > LAYER.get(module, 1):
                    problems.append(f"{name}:{number}: layer {LAYER.get(module, 1)} includes layer {LAYER[match[1]]} '{match[1]}'")
                elif not test and match[1] not in allowed[module]:
                    problems.append(f"{name}:{number}: '{module}' includes '{match[1]}' but does not depend on it")
    for architecture, count in sorted(assembly.items()):
        if count >= ASSEMBLY_LINES_MAX:
            problems.append(f"{architecture}: {count} lines of assembly; fewer than {ASSEMBLY_LINES_MAX} are allowed")
    return modules, problems


if __name__ == "__main__":
    seen, found = check()
    print("\n".join(found) if found else f"layers: {len(seen)} modules clean")
    sys.exit(1 if found else 0)
