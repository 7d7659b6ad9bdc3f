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
# command-line and TOML libraries' templates; its tests run under the sanitisers instead.
NOT_ON_THE_HOST = "--checks=-clang-analyzer-*,-bugprone-unchecked-optional-access"


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


def fingerprint(entry):
    """A hash of the check configuration, the command and every repository file that the source includes."""
    arguments = shlex.split(entry["command"])
    scan = [a for i, a in enumerate(arguments) if a not in ("-c", "-o") and arguments[i - 1] != "-o"]
    run = subprocess.run([*scan, "-MM"], cwd=entry["directory"], capture_output=True, text=True, check=False)
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes() + entry["command"].encode())
    for name in sorted(set(re.findall(r"(?:\\.|[^\s\\])+", run.stdout.partition(":")[2]))):
        path = pathlib.Path(entry["directory"], name)
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def check(name, preset, entry):
    stamp = CACHE / (name.replace("/", "__") + ".clean")
    mark = fingerprint(entry)
    if stamp.exists() and stamp.read_text() == mark:
        return name, True, ""
    fewer = [NOT_ON_THE_HOST] if name.startswith("host/") else []
    run = subprocess.run([CLANG_TIDY, "--quiet", *fewer, "-p", ROOT / "build" / preset, entry["file"]],
                         capture_output=True, text=True, check=False)
    if run.returncode == 0:
        stamp.write_text(mark)
        return name, False, ""
    # Errors of the compiler itself arrive on stderr, findings on stdout.
    return name, False, run.stdout or run.stderr


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
    found = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, cached, output in pool.map(lambda item: check(item[0], *item[1]), sorted(chosen.items())):
            skipped += cached
            if output:
                found += 1
                print(output.replace(f"{ROOT}/", ""), flush=True)
    print(f"tidy: {len(chosen)} files, {skipped} unchanged, {found} with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
