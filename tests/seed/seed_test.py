# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of Seed share: running an image as `rvm run` does, with files that stand for the flash part and the key."""
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import rvm_test  # noqa: E402

ROOT = rvm_test.ROOT
IMAGES = ROOT / "build" / "seed"
EXAMPLE = ROOT / "examples" / "seed" / "swarm.toml"
BOARDS = ("lm3s6965evb", "mps2-an505", "mps3-an547")
FLASH_BYTES = 128 * 1024


def erased(path, size=FLASH_BYTES):
    path.write_bytes(b"\xff" * size)
    return path


def boot(image, board, flash, key, *options, timeout=300):
    """Runs the image until it ends or is ended; returns its output, and QEMU's."""
    command = ["qemu-system-arm", "-M", board, "-kernel", str(image), "-display", "none", "-serial", "stdio", "-monitor", "none",
               "-nic", "none", "-no-reboot", "-icount", "shift=0,sleep=off", "-semihosting-config",
               f"enable=on,target=native,arg={flash},arg={key}", *options]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout,
                         check=False)
    return run.stdout, run.stderr


def plugin(folder):
    """Builds cut/cut.c; returns what -plugin takes, to which its options are added."""
    library = folder / "cut.so"
    subprocess.run(["clang-19", "-shared", "-fPIC", "-O2", "-o", library, ROOT / "tests" / "seed" / "cut" / "cut.c"], check=True)
    return f"file={library}"


def device_key(test):
    """The device key that the test's rvm will use, as a file."""
    key = test.key_file()
    key.parent.mkdir(parents=True)
    key.write_bytes(bytes(range(1, 33)))
    key.chmod(0o600)
    return key


def reports(text, kind):
    """The kernel's reports of one type."""
    lines = [json.loads(line) for line in re.findall(r"^rvm# (\{.*\})$", text, re.M)]
    return [line for line in lines if line["t"] == kind]
