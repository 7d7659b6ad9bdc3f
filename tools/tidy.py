#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""clang-tidy over the repository's own sources, in parallel; a file that was clean is skipped until it or what it
includes changes.

Usage: tools/tidy.py [--all] [PATH...]
  --all   forget what was clean
  PATH    only sources whose path contains PATH

Files come from the compile databases of build/host and build/appliance (configured here when missing); each file is
checked once, with the host's command where it has one. Exit status 1 if anything is found.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CACHE = ROOT / "build" / "tidy"
CLANG_TIDY = "clang-tidy-19"
# The path-sensitive checks run on the kernel, the agents and the SDK. On the host program they spend minutes inside the
# command-line and TOML libraries' templates; its tests run under the sanitisers instead. So does the search for parameters
# that are copied.
NOT_ON_THE_HOST = ",-clang-analyzer-*,-bugprone-unchecked-optional-access,-bugprone-exception-escape,-performance-unnecessary-value-param"
LARGEST_GROUP = 20
# How far a path through one function is followed; the default is 4.5 times this and takes three times as long.
BOUND = ["-Xclang", "-analyzer-config", "-Xclang", "max-nodes=50000"]
NOT_IN_GROUPS = "-readability-duplicate-include"  # files of a group include the same headers


def database(preset):
    path = ROOT / "build" / preset / "compile_commands.json"
    if not path.exists():
        subprocess.run(["cmake", "--preset", preset], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text())


def sources(wanted):
    """(file, compile command) pairs: this repository's C++ files, each once. Unit tests are left to the compiler:
    doctest's macros expand into code that no check here is about."""
    chosen = {}
    for preset in ("host", "appliance"):
        for entry in database(preset):
            name = os.path.relpath(entry["file"], ROOT)
            if name.startswith(("..", "build/")) or not name.endswith(".cpp") or name.endswith("_test.cpp"):
                continue
            if name == "tests/doctest_main.cpp" or (wanted and not any(w in name for w in wanted)):
                continue
            chosen.setdefault(name, (preset, entry))
    return chosen


class Unit:
    """What one run of clang-tidy checks: a file, or files that share a command, as one translation unit. Most of the time
    goes into the headers they have in common."""

    def __init__(self, preset, flags, names):
        self.preset, self.flags, self.names = preset, flags, names
        self.on_host = names[0].startswith(("host/", "tests/bench/", "src/sim/", "src/witness/verify/bench/"))
        label = names[0] if len(names) == 1 else f"{os.path.dirname(names[0])}-{len(names)}-{names[0]}"
        self.stamp = CACHE / (label.replace("/", "__") + ".clean")
        self.source = ROOT / names[0]
        self.begins = []  # of each file's text in the common one: (lines before, file)
        if len(names) > 1:
            self.source = CACHE / (label.replace("/", "__"))
            # One text, not includes: the path-sensitive checks look at the functions of the main file only. Every agent
            # defines agent_main.
            text = ""
            for i, n in enumerate(names):
                text += f"#define agent_main agent_main_{i}\n"
                self.begins.append((text.count("\n"), n))
                text += (ROOT / n).read_text() + "#undef agent_main\n"
            self.source.write_text(text)
            flags = [*flags, *dict.fromkeys(f"-iquote{ROOT / n}" for n in map(os.path.dirname, names))]
            self.flags = flags
        self.command = ["clang++-19", *flags, str(self.source)]
        self.folder = ROOT / "build" / preset

    def fingerprint(self):
        """A hash of the check configuration, the command and every repository file that the source includes."""
        run = subprocess.run([*self.command, "-MM"], cwd=self.folder, capture_output=True, text=True, check=False)
        digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes() + " ".join(self.command).encode())
        for name in sorted(set(re.findall(r"(?:\\.|[^\s\\])+", run.stdout.partition(":")[2]))):
            path = pathlib.Path(self.folder, name)
            if path.is_file():
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def place(self, match):
        line = int(match[1])
        if not self.begins:
            return match[0]
        before, name = max(b for b in self.begins if b[0] <= line)
        return f"{name}:{line - before}"

    def check(self):
        """(unchanged, findings)"""
        mark = self.fingerprint()
        if self.stamp.exists() and self.stamp.read_text() == mark:
            return True, ""
        fewer = f"--checks={NOT_IN_GROUPS}{NOT_ON_THE_HOST if self.on_host else ''}"
        run = subprocess.run([CLANG_TIDY, "--quiet", fewer, str(self.source), "--", *self.flags, *BOUND],
                             cwd=self.folder, capture_output=True, text=True, check=False)
        if run.returncode == 0:
            self.stamp.write_text(mark)
            return False, ""
        # Errors of the compiler itself arrive on stderr, findings on stdout.
        found = re.sub(re.escape(str(self.source)) + r":(\d+)", self.place, run.stdout or run.stderr)
        if len(self.names) > 1 and "redefinition of" in found:
            # Two files use a name for themselves: each goes by itself.
            alone = [Unit(self.preset, self.flags, [name]).check() for name in self.names]
            found = "".join(text for _, text in alone)
            if not found:
                self.stamp.write_text(mark)
        return False, found


def flags_of(entry):
    """The compile options of an entry, without its files and without precompiled headers: a file has to include what it uses."""
    arguments = shlex.split(entry["command"])[1:]
    kept = []
    while arguments:
        a = arguments.pop(0)
        if a in ("-o", "-MF", "-MT", "-Xclang", "-include"):
            arguments.pop(0)
        elif a == "-Winvalid-pch":
            pass
        elif a not in ("-c", "-MD", entry["file"]):
            kept.append(a)
    return kept


def units(chosen):
    groups = {}
    for name, (preset, entry) in sorted(chosen.items()):
        flags = flags_of(entry)
        folder = "host" if name.startswith("host/") else os.path.dirname(name)
        same = groups.setdefault((preset, folder, tuple(flags)), [(preset, flags, [])])
        if len(same[-1][2]) == LARGEST_GROUP:
            same.append((preset, flags, []))
        same[-1][2].append(name)
    # The longest first, so that no core is left with one at the end.
    return sorted((Unit(*g) for same in groups.values() for g in same), key=lambda u: (not u.on_host, -len(u.names)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="forget what was clean")
    parser.add_argument("path", nargs="*", help="only sources whose path contains this")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    if options.all:
        for stamp in CACHE.glob("*.clean"):
            stamp.unlink()
    chosen = sources(options.path)
    if not chosen:
        print("tidy: no such source")
        return 1
    work = units(chosen)
    found = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for unit, (unchanged, output) in zip(work, pool.map(Unit.check, work)):
            skipped += len(unit.names) if unchanged else 0
            if output:
                found += 1
                print(output.replace(f"{ROOT}/", ""), flush=True)
    print(f"tidy: {len(chosen)} files, {skipped} unchanged, {found} groups with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
