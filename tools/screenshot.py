#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""tools/screenshot.py [MANIFEST] [-o FILE]: a picture of `rvm top`.

Boots a manifest with a control agent, watches it with `rvm top` on a terminal of a given size until so many boundaries have moved,
and writes what was on the screen as SVG: text, one element a line, in the colours of `STYLE`. The same screen always makes the same
file."""
import argparse
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import xml.sax.saxutils

ROOT = pathlib.Path(__file__).resolve().parents[1]
CELL_WIDTH, LINE_HEIGHT, MARGIN = 8, 18, 14
STYLE = """.screen{fill:#14181d}text{font:13px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#c9d1d9;white-space:pre}
.title{fill:#ffffff;font-weight:bold}.head{fill:#79b8ff;font-weight:bold}.moved{fill:#9ecbff}.split{fill:#ffd47a}.merged{fill:#85e89d}
.trust{fill:#ff8f87}.dim{fill:#8b949e}"""
HEADS = ("PARTITION ", "AGENT ", "FROM ", "DECISIONS")
KINDS = {"moved": " moved from ", "split": " split off from ", "merged": " merged into "}


def style_of(number, line):
    """The class of a line of the screen."""
    if number == 0:
        return "title"
    if line.startswith(HEADS):
        return "head"
    if number < 3:
        return "dim"
    if "trusted" in line:
        return "trust"
    return next((kind for kind, words in KINDS.items() if words in line), "")


def svg(lines, columns):
    """The screen as a drawing."""
    width, height = columns * CELL_WIDTH + 2 * MARGIN, len(lines) * LINE_HEIGHT + 2 * MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
           f"<style>{STYLE}</style>", f'<rect width="{width}" height="{height}" rx="8" class="screen"/>']
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        # The length keeps columns below each other whatever font there is.
        text = line.rstrip()
        kind = style_of(number, line)
        out.append(f'<text x="{MARGIN}" y="{MARGIN + (number + 1) * LINE_HEIGHT - 5}" textLength="{len(text) * CELL_WIDTH}" '
                   f'lengthAdjust="spacingAndGlyphs" xml:space="preserve"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>'
                   f"{xml.sax.saxutils.escape(text)}</text>")
    return "\n".join([*out, "</svg>", ""])


def screen_of(drawn):
    """The last whole screen among what `rvm top` has written so far; nothing if there is none."""
    end = drawn.rfind(b"\033[J")
    begin = drawn.rfind(b"\033[H", 0, max(end, 0))
    if begin < 0:
        return []
    text = drawn[begin:end].decode("ascii", "replace")
    return re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "").split("\n")


def moves_on(lines):
    """How many boundaries the screen says to have moved."""
    return sum(any(words in line for words in KINDS.values()) for line in lines)


def watch(rvm, env, options, running):
    """The screen when enough has moved."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", options.rows + 1, options.columns, 0, 0))
    top = subprocess.Popen([rvm, "top", "--interval", "200ms"], env={**env, "TERM": "xterm"}, stdin=slave, stdout=slave,
                           stderr=subprocess.DEVNULL, start_new_session=True)
    os.close(slave)
    drawn, lines, deadline = b"", [], time.monotonic() + options.timeout
    try:
        while time.monotonic() < deadline and running.poll() is None:
            if not select.select([master], [], [], 1)[0]:
                continue
            drawn = (drawn + os.read(master, 65536))[-1_000_000:]
            lines = screen_of(drawn) or lines
            if moves_on(lines) >= options.moves:
                break
    except OSError:  # it has ended
        pass
    finally:
        top.send_signal(signal.SIGINT)
        os.close(master)
        top.wait()
    return lines


def main():
    parser = argparse.ArgumentParser(description="a picture of rvm top")
    parser.add_argument("manifest", nargs="?", default=ROOT / "examples" / "swarm" / "swarm.toml")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "docs" / "images" / "top.svg")
    parser.add_argument("--moves", type=int, default=4, help="boundaries that must have moved (default 4)")
    parser.add_argument("--columns", type=int, default=112)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--timeout", type=int, default=60, help="seconds to wait for that (default 60)")
    options = parser.parse_args()
    rvm = os.environ.get("RVM_PROGRAM") or str(ROOT / "rvm")
    with tempfile.TemporaryDirectory(prefix="rvm-top-") as folder:
        env = {**os.environ, "XDG_RUNTIME_DIR": folder}
        errors = pathlib.Path(folder) / "errors"
        with errors.open("wb") as told:
            run = subprocess.Popen([rvm, "run", options.manifest, "--name", "demo", "--timeout", f"{options.timeout + 60}s"],
                                   env=env, stdout=subprocess.DEVNULL, stderr=told, start_new_session=True)
        try:
            socket = pathlib.Path(folder) / "rvm" / "demo" / "socket"
            while run.poll() is None and not socket.exists():
                time.sleep(0.05)
            lines = watch(rvm, env, options, run)
        finally:
            run.send_signal(signal.SIGINT)
            run.wait()
        if moves_on(lines) < options.moves:
            print(f"error: {moves_on(lines)} boundaries were seen to move, not {options.moves}\n{errors.read_text()[-2000:]}",
                  file=sys.stderr)
            return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(svg(lines, options.columns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
