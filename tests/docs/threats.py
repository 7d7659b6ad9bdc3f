#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every test that docs/threat-model.md names exists, and every line of its tables names one or says why not."""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(os.environ.get("RVM_ROOT") or pathlib.Path(__file__).resolve().parents[2])
DOCUMENT = ROOT / "docs" / "threat-model.md"


def missing(reference, attacks, titles):
    kind, _, name = reference.partition(" ")
    if kind == "attack":
        return None if f'name = "{name}"' in attacks else "no such attack in examples/attacks/swarm.toml"
    if kind == "mutant":
        return None if list((ROOT / "tests" / "mutants").glob(f"{name}-*.patch")) else "no such mutant"
    if kind == "unit":
        wanted = name.strip('"')
        return None if any(wanted in t for t in titles) else "no unit test has this in its title"
    if kind == "e2e":
        file, _, test = name.partition(".")
        path = ROOT / "tests" / "e2e" / f"{file}.py"
        return None if path.exists() and f"def {test}(" in path.read_text() else "no such end-to-end test"
    if kind == "test":  # by its name in CTest
        lists = [path.read_text() for path in (ROOT / "src").rglob("CMakeLists.txt")]
        return None if any(f"add_test(NAME {name}\n" in t or f"add_test(NAME {name} " in t for t in lists) else "no such test"
    if reference == "`core_bench --constant-time`":
        return None if "--constant-time" in (ROOT / "tests" / "CMakeLists.txt").read_text() else "not run"
    return "neither attack, unit, e2e, test nor mutant"


def main():
    attacks = (ROOT / "examples" / "attacks" / "swarm.toml").read_text()
    titles = [t for source in (*ROOT.glob("src/**/*test.cpp"), *ROOT.glob("host/**/*test.cpp"))
              for t in re.findall(r'TEST_CASE(?:_TEMPLATE)?\(\s*"((?:[^"\\]|\\.)*)"', source.read_text())]
    problems, references = [], 0
    for number, line in enumerate(DOCUMENT.read_text().splitlines(), 1):
        cells = [c.strip() for c in line.split("|")[1:-1]]
        if len(cells) != 3 or cells[0] in ("it tries to", "---"):
            continue
        if cells[2] == "-":
            if "**not prevented**" not in cells[1]:
                problems.append(f"{number}: no test, and it does not say that it is not prevented")
            continue
        for reference in re.split(r",\s+(?=attack |unit |e2e |mutant |test |`)", cells[2]):
            references += 1
            why = missing(reference, attacks, titles)
            if why:
                problems.append(f"{number}: {reference}: {why}")
    for problem in problems:
        print(f"docs/threat-model.md:{problem}")
    print(f"threat model: {references} references, {len(problems)} wrong")
    return 1 if problems or references == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
