#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Hostile modules: each is refused with a reason, or runs without harm; and wabt's validator gives the same verdict on each.

Usage: hostile.py WASM_HOSTILE TESTSUITE [--mutated N] [--first SEED] [--each]
  the catalogue   modules that break one rule each (src/wasm/test/catalogue_*.cpp)
  the suite       what the official test suite asserts to be malformed or invalid, as far as it is binary
  mutated         changed copies of the suite's modules and of C programs that clang compiled
All are judged by wabt's spectest-interp, a whole list at a time; where it differs, by wasm-validate, whose word counts (it does
not look into custom sections). --each has wasm-validate judge every one. Exit status 77: a tool or the suite is missing.
"""
import argparse
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = sorted((ROOT / "tests/wasm/bench").glob("[bdfs]*.c")) + [ROOT / "examples/wasm/hello.c"]
NOT_PROGRAMS = {"count_instructions.c"}


# Where wabt 1.0.32 takes a module for valid that is not, by the reason for which we refuse it.
KNOWN = {
    "unexpected end of section or function": "it sees that a body's last byte is an end, not that all blocks have theirs; and a "
                                             "constant expression may end with its section (5.4.9)",
    "data count and data section have inconsistent lengths": "it does not miss a data section that is counted and absent (5.5.16)",
    "invalid result arity": "it takes a select with a list of no types (3.3.2.2)",
    "type mismatch": "it lets call_indirect use a table of externref (3.3.8.10)",
    "malformed segment kind": "it takes data of form 3 (5.5.14)",
    "illegal opcode": "it says what is wrong with an element's expression, and that the module is valid",
    "constant expression required": "as before",
}
NODE = "for (const f of process.argv.slice(1)) console.log(WebAssembly.validate(require('fs').readFileSync(f)))"


def ours(program, *arguments):
    """{number: (verdict, rest)}; a program that fails ends the test."""
    run = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{program} {arguments[0]} failed ({run.returncode}):\n{run.stdout[-500:]}\n{run.stderr[-3000:]}")
    sys.stderr.write(run.stderr)
    verdicts = {}
    for line in run.stdout.splitlines():
        number, verdict, rest = line.split(" ", 2)
        verdicts[int(number)] = (verdict, rest)
    return verdicts


def validates(path):
    return subprocess.run(["wasm-validate", "--ignore-custom-section-errors", path], capture_output=True, text=True, check=False)


def theirs(folder, numbers):
    """{number: whether wabt takes it for valid}, a whole list at a time. Those that kill it are absent."""
    commands = [{"type": "assert_malformed", "line": n, "filename": f"{n}.wasm", "text": "", "module_type": "binary"} for n in numbers]
    script = folder / "all.json"
    script.write_text(json.dumps({"source_filename": "all", "commands": commands}))
    run = subprocess.run(["spectest-interp", script], capture_output=True, text=True, errors="replace", check=False)
    last = re.search(r"(\d+)/(\d+) tests passed", run.stdout)
    if last is None:  # it died, of a count that it believed
        if len(numbers) == 1:
            return {}
        middle = len(numbers) // 2
        return theirs(folder, numbers[:middle]) | theirs(folder, numbers[middle:])
    valid = {int(m[1]) for m in re.finditer(r"^all:(\d+): expected module to be malformed", run.stdout, re.MULTILINE)}
    assert int(last[2]) == len(commands) and len(commands) - len(valid) == int(last[1])
    return {n: n in valid for n in numbers}


def without_custom_sections(path):
    """A copy, of a module that is in order: what is in custom sections has no meaning (5.5.3), and wabt finds fault with it."""
    module = path.read_bytes()
    kept, at = bytearray(module[:8]), 8
    while at < len(module):
        begin, size, shift = at, 0, 0
        at += 1
        while True:
            size |= (module[at] & 0x7f) << shift
            shift += 7
            at += 1
            if module[at - 1] < 0x80:
                break
        at += size
        if module[begin] != 0:
            kept += module[begin:at]
    copy = path.with_suffix(".plain.wasm")
    copy.write_bytes(kept)
    return copy


def explained(path, verdict, rest, their_valid):
    """Why wabt differs, if that is known; and, where there is node, whether V8 sides with us."""
    if shutil.which("node") is not None:
        run = subprocess.run(["node", "-e", NODE, path], capture_output=True, text=True, check=False)
        if (run.stdout.strip() == "true") != (verdict == "valid"):
            return None
    if their_valid:
        return KNOWN.get(rest.split(" ", 1)[1])
    return "it refuses for what is in custom sections" if validates(without_custom_sections(path)).returncode == 0 else None


def compare(what, folder, verdicts, each):
    """Prints a summary; returns the number of modules about which the two disagree for no known reason."""
    numbers = list(verdicts)
    names = (folder / "names.txt").read_text().splitlines() if what == "catalogue" else []
    judged = {}
    for at in range(0, 0 if each else len(numbers), 1000):
        judged |= theirs(folder, numbers[at:at + 1000])
    different = limits = second = died = 0
    known = collections.Counter()
    for number, (verdict, rest) in verdicts.items():
        their_valid = judged.get(number)
        if their_valid != (verdict == "valid"):
            second += 1
            status = validates(folder / f"{number}.wasm").returncode
            if status < 0 and verdict != "valid":  # a signal: it says nothing
                died += 1
                continue
            their_valid = status == 0
        if their_valid == (verdict == "valid"):
            continue
        if verdict == "limit" and their_valid:
            limits += 1  # this engine's own bounds, which no other has
            continue
        path = folder / f"{number}.wasm"
        why = explained(path, verdict, rest, their_valid)
        if why is not None:
            known[why] += 1
            continue
        different += 1
        kept = shutil.copy(path, pathlib.Path(tempfile.gettempdir()) / f"rvm-hostile-{what}-{number}.wasm")
        print(f"{what} {names[number] if names else number}: we say {verdict} {rest}; wabt {validates(path).stderr.strip() or 'valid'} ({kept})")
    count = collections.Counter(verdict for verdict, _ in verdicts.values())
    reasons = {rest.split(" ", 1)[1] for verdict, rest in verdicts.values() if verdict != "valid"}
    print(f"{what}: {len(verdicts)} modules: {count['malformed']} malformed, {count['invalid']} invalid, {count['limit']} beyond limits, "
          f"{count['valid']} valid; {len(reasons)} reasons; wabt judges {limits} of those beyond limits valid, "
          f"differs in {sum(known.values())} that are explained and {different} that are not ({second} looked at twice, {died} killed it)")
    for why, times in known.items():
        print(f"  {times} times wabt is wrong: {why}")
    calls = [list(map(int, rest.split())) for verdict, rest in verdicts.values() if verdict == "valid"]
    print(f"  the valid ones ran: {sum(c[0] for c in calls)} calls, {sum(c[1] for c in calls)} of them trapped, "
          f"{sum(c[2] for c in calls)} units of fuel")
    return different


def suite_modules(suite, scratch):
    """Modules that the suite takes for good, and those that it asserts to be bad."""
    good, bad = [], []
    for script in sorted(suite.glob("*.wast")):
        out = scratch / f"{script.stem}.json"
        subprocess.run(["wast2json", script, "-o", out], check=True)
        for command in json.loads(out.read_text())["commands"]:
            if command["type"] == "module":
                good.append(scratch / command["filename"])
            elif command["type"] in ("assert_invalid", "assert_malformed") and command["module_type"] == "binary":
                bad.append(scratch / command["filename"])
    return good, bad


def compiled(scratch):
    """C programs as clang makes them."""
    made = []
    for source in PROGRAMS:
        if source.name in NOT_PROGRAMS:
            continue
        target = scratch / f"{source.stem}.c.wasm"
        own = [] if source.name == "hello.c" else ["-mexec-model=reactor", "-Wl,--export-all"]
        subprocess.run(["clang-19", "--target=wasm32-wasi", "-O2", "-o", target, *own, source], check=True)
        made.append(target)
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("suite", type=pathlib.Path)
    parser.add_argument("--mutated", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    missing = [t for t in ("wast2json", "spectest-interp", "wasm-validate", "clang-19") if shutil.which(t) is None]
    if missing or not any(options.suite.glob("*.wast")):
        print(f"missing: {missing or options.suite}")
        return 77
    different = 0
    with tempfile.TemporaryDirectory(prefix="rvm-hostile-") as name:
        folder = pathlib.Path(name)
        scratch = folder / "suite"
        scratch.mkdir()

        def fresh(what):
            (folder / what).mkdir()
            return folder / what

        place = fresh("catalogue")
        different += compare("catalogue", place, ours(options.program, "catalogue", place), options.each)
        good, bad = suite_modules(options.suite, scratch)
        place = fresh("asserted")
        verdicts = ours(options.program, "given", place, *bad)
        different += compare("asserted", place, verdicts, options.each)
        accepted = [bad[n].name for n, (verdict, _) in verdicts.items() if verdict == "valid"]
        if accepted or len(verdicts) < 1000:
            print(f"asserted to be bad, {len(verdicts)} in all, and accepted: {accepted}")
            different += 1
        place = fresh("mutated")
        # Half of them from programs of a compiler, which are few: each is named as often as it takes.
        programs = compiled(scratch)
        corpus = good + programs * (len(good) // len(programs) // 2)
        verdicts = ours(options.program, "mutated", options.first, options.mutated, place, *corpus)
        different += compare("mutated", place, verdicts, options.each)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
