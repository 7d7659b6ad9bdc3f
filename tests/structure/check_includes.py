#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The negative compile test of the layers: an include that goes against them must not build.

Usage: check_includes.py BUILD_DIR. Takes the real compile command of one source per module and tries the public header
of every other module with it: a header of a declared dependency must be found, any other must not.
"""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

import check_layers

ROOT = check_layers.ROOT


def public_header(module):
    headers = sorted((ROOT / "src" / module / "include" / "rvm" / module).glob("*.hpp"))
    return f"rvm/{module}/{headers[0].name}" if headers else None


def main(build):
    commands = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    every = check_layers.check()[0]
    modules = [m for m in every if public_header(m)]
    direct = {m: check_layers.declared_dependencies(m, libraries_only=True) for m in every}
    tried = refused = 0
    failures = []
    for module in modules:
        # Library sources only: a test may link to more than its module does.
        own = [c for c in commands if c["file"].startswith(f"{ROOT}/src/{module}/") and not c["file"].endswith("_test.cpp")
               and c["file"].endswith(".cpp")]
        if not own:
            continue
        allowed = check_layers.transitive(module, direct) | {module}
        arguments = shlex.split(own[0]["command"])
        includes = [a for i, a in enumerate(arguments) if a.startswith("-I") or a == "-isystem" or
                    (i > 0 and arguments[i - 1] == "-isystem")]
        for other in modules:
            with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
                source.write(f'#include "{public_header(other)}"\n')
                source.flush()
                # Preprocessing is enough to tell whether the header is within reach.
                run = subprocess.run([arguments[0], "-std=c++23", "-E", "-o", "/dev/null", *includes, source.name],
                                     capture_output=True, text=True, check=False, cwd=own[0]["directory"])
            tried += 1
            within_reach = f"'{public_header(other)}' file not found" not in run.stderr
            refused += not within_reach
            if within_reach != (other in allowed):
                failures.append(f"{module}: {public_header(other)} is {'within' if within_reach else 'out of'} reach")
    print("\n".join(failures) if failures else f"includes: {tried} tried, {refused} refused as they must be")
    if not refused:
        print("nothing was refused: the check itself does not work")
    return 1 if failures or not refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
