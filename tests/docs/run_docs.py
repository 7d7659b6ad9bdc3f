#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs what the documents tell people to type.

A fenced block that opens with ```sh test runs in a shell at the root of the repository, with the programs that are
already built. All blocks of one document run in order in one scratch folder `$SCRATCH`; a command that
exits non-zero fails the document. A block that opens with ```sh is only shown: it would install packages, run for long,
or be a fragment; every such block must carry its reason as ```sh not-run: REASON.

Usage: run_docs.py [DOCUMENT...]   (default: README.md and everything under docs/)
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("RVM_ROOT") or pathlib.Path(__file__).resolve().parents[2])
FENCE = re.compile(r"^```(\S*)[ \t]*(.*?)[ \t]*$")
SHELLS = ("sh", "bash", "console", "shell")


def blocks(path):
    """(line number, language, attribute, text) of every fenced block."""
    found, start, text = [], None, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if start is None and fence:
            start, text = (number, fence[1], fence[2]), []
        elif start is not None and line.rstrip() == "```":
            found.append((*start, "\n".join(text)))
            start = None
        elif start is not None:
            text.append(line)
    return found


def links(path):
    """Relative links of a document that lead nowhere."""
    broken = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
            if "://" not in target and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}:{number}: link to {target}, which does not exist")
    return broken


def run_document(path):
    problems, ran = links(path), 0
    with tempfile.TemporaryDirectory(prefix="rvm-docs-") as scratch:
        env = {**os.environ, "SCRATCH": scratch, "RVM_NO_BUILD": "1", "XDG_STATE_HOME": scratch + "/state",
               "NO_COLOR": "1"}
        for number, language, attribute, text in blocks(path):
            where = f"{path.relative_to(ROOT)}:{number}"
            if language not in SHELLS:
                continue
            if attribute.startswith("not-run:"):
                continue
            if attribute != "test":
                problems.append(f"{where}: commands that no test runs; mark the block `test` or `not-run: REASON`")
                continue
            try:
                run = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=ROOT, env=env, timeout=300,
                                     stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            except subprocess.TimeoutExpired:
                problems.append(f"{where}: not over after 300 s")
                continue
            ran += 1
            if run.returncode != 0:
                problems.append(f"{where}: exit status {run.returncode}\n{text}\n--- stdout\n{run.stdout[-2000:]}"
                                f"\n--- stderr\n{run.stderr[-2000:]}")
    return ran, problems


def main():
    documents = [pathlib.Path(a).resolve() for a in sys.argv[1:]]
    documents = documents or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    total, problems = 0, []
    for document in documents:
        ran, found = run_document(document)
        total += ran
        problems += found
    print("\n".join(problems) if problems else f"documents: {len(documents)}, {total} blocks ran")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
