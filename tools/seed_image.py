#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes what a board's image is built from, out of a manifest for a microcontroller.

Usage: seed_image.py MANIFEST BOARD OUT [--compiler CLANG++] [--objcopy OBJCOPY]
Writes OUT/manifest.cpp (the manifest as constants) and OUT/agents.S (the agents' programs, compiled and linked where they will lie). A
program is DIR_OF_MANIFEST/MODULE.cpp.
"""
import argparse
import hashlib
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
KIB = 1024
KERNEL_RAM, KERNEL_FLASH = 16 * KIB, 64 * KIB
BOARDS = {  # where flash and RAM begin, how much there is, and the architecture agents are compiled for
    "lm3s6965evb": (0x0000_0000, 0x2000_0000, 256 * KIB, 64 * KIB, "thumbv7m-none-eabi", "cortex-m3"),
    "mps2-an505": (0x1000_0000, 0x3800_0000, 4096 * KIB, 2048 * KIB, "thumbv8m.main-none-eabi", "cortex-m33"),
    "mps3-an547": (0x0000_0000, 0x3000_0000, 512 * KIB, 512 * KIB, "thumbv8.1m.main-none-eabi", "cortex-m55"),
}
TYPES = {"agent": 0, "infrastructure": 1, "root": 2}
MODES = {"flow": 0, "reflex": 1}
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000}


class Mistake(Exception):
    pass


def duration_us(text):
    match = re.fullmatch(r"(\d+)(us|ms|s)", str(text))
    if not match:
        raise Mistake(f"{text!r} is not a duration such as 10ms")
    return int(match[1]) * UNITS[match[2]]


def size(text):
    match = re.fullmatch(r"(\d+)K", str(text))
    if not match:
        raise Mistake(f"{text!r} is not a size such as 4K")
    return int(match[1]) * KIB


def take(table, where, **fields):
    """The values of a table in the manifest; a name it may not have is a mistake."""
    unknown = set(table) - set(fields)
    if unknown:
        raise Mistake(f"{where}: unknown {', '.join(sorted(unknown))}")
    return {name: (kind(table[name]) if name in table else default) for name, (kind, default) in fields.items()}


def read(path):
    document = tomllib.loads(path.read_text())
    top = take(document, "the manifest", target=(str, ""), board=(str, ""), development=(bool, False), seed=(dict, {}),
               partition=(list, []), agent=(list, []), edge=(list, []))
    if top["target"] != "seed":
        raise Mistake('target must be "seed"')
    top["seed"] = take(top["seed"], "seed", epoch=(duration_us, 1_000_000), head=(duration_us, 10_000_000),
                       run_for=(duration_us, 0), flash=(size, 128 * KIB))
    top["partition"] = [take(p, "partition", name=(str, ""), type=(str, "agent"), mode=(str, "flow"),
                             witness_quota=(int, 256)) for p in top["partition"]]
    top["agent"] = [take(a, "agent", name=(str, ""), partition=(str, ""), module=(str, a.get("name", "")),
                         priority=(int, 100), service=(bool, False), period=(duration_us, 0), budget=(duration_us, 0),
                         deadline=(duration_us, 0), restarts_max=(int, 8), ram=(size, 2 * KIB), flash=(size, 4 * KIB),
                         stack=(int, 1024)) for a in top["agent"]]
    top["edge"] = [take(e, "edge", **{"from": (str, ""), "to": (str, ""), "name": (str, e.get("to", "")),
                                      "peer_name": (str, e.get("from", "")), "queue": (int, 0), "badge": (int, 0),
                                      "notify": (int, 64)}) for e in top["edge"]]
    return top


def place(agents, origin, room, key, what):
    """Addresses for the agents' parts: each a power of two, aligned to itself."""
    at = {}
    for agent in sorted(agents, key=lambda a: -a[key]):
        if agent[key] & (agent[key] - 1):
            raise Mistake(f"{agent['name']}: {what} must be a power of two")
        origin = (origin + agent[key] - 1) // agent[key] * agent[key]
        at[agent["name"]] = origin
        origin += agent[key]
    if origin > room:
        raise Mistake(f"the agents need {origin - room} bytes more of {what} than there is")
    return at


def index_of(items, name, what):
    names = [i["name"] for i in items]
    if name not in names:
        raise Mistake(f"there is no {what} named {name!r}")
    return names.index(name)


def compile_agent(agent, folder, out, tools, board, programs, data):
    _, ram, _, _, target, cpu = board
    source = folder / f"{agent['module']}.cpp"
    elf, binary = out / f"{agent['name']}.elf", out / f"{agent['name']}.bin"
    others = [n for n in data if n != agent["name"]]
    symbols = {"__program": programs[agent["name"]], "__data": data[agent["name"]],
               "__data_end": data[agent["name"]] + agent["ram"], "__stack_bytes": agent["stack"],
               # For attacks: where others are.
               "rvm_other_data": data[others[0]] if others else 0, "rvm_kernel_data": ram, "rvm_kernel_text": board[0]}
    command = [tools.compiler, f"--target={target}", f"-mcpu={cpu}", "-mfloat-abi=soft", "-mno-unaligned-access", "-std=c++23", "-Os", "-Wall", "-Wextra", "-Werror",
               "-Wno-infinite-recursion", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-ffunction-sections",
               "-fno-asynchronous-unwind-tables", "-nostdlib", "-nostdinc++", "-isystem", "/usr/lib/picolibc/arm-none-eabi/include",
               "-I", ROOT / "include", "-I", ROOT / "sdk/seed", "-fuse-ld=lld", "-T", ROOT / "sdk/seed/agent.ld", "-Wl,--gc-sections",
               *[f"-Wl,--defsym={name}={value:#x}" for name, value in symbols.items()], ROOT / "sdk/seed/start.cpp", source,
               "-o", elf]
    subprocess.run([str(c) for c in command], check=True)
    subprocess.run([tools.objcopy, "-O", "binary", "--only-section=.header", "--only-section=.text", "--only-section=.rodata",
                    "--only-section=.data", str(elf), str(binary)], check=True)
    if binary.stat().st_size > agent["flash"]:
        raise Mistake(f"{agent['name']}: the program has {binary.stat().st_size} bytes and flash for {agent['flash']}")
    return binary


def quoted(text, limit):
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", text) or len(text) >= limit:
        raise Mistake(f"{text!r} is not a name of 1 to {limit - 1} characters")
    return f'"{text}"'


def chosen(table, word):
    if word not in table:
        raise Mistake(f"{word!r} is none of {', '.join(table)}")
    return table[word]


def manifest_source(top, digest, programs, data):
    rows = {"partitions": [], "agents": [], "edges": []}
    for p in top["partition"]:
        rows["partitions"].append(f"{{{quoted(p['name'], 12)}, {chosen(TYPES, p['type'])}, {chosen(MODES, p['mode'])}, {p['witness_quota']}}}")
    for a in top["agent"]:
        if not 0 <= a["priority"] <= 10000:
            raise Mistake(f"{a['name']}: priority is 0 to 10000")
        if bool(a["budget"]) != bool(a["period"]) and a["budget"]:
            raise Mistake(f"{a['name']}: a budget needs a period")
        rows["agents"].append(
            f"{{{quoted(a['name'], 12)}, {index_of(top['partition'], a['partition'], 'partition')}, "
            f"{str(a['service']).lower()}, {a['priority']}, {a['period']}, {a['budget']}, {a['deadline']}, {a['restarts_max']}, "
            f"{programs[a['name']]:#x}, {a['flash']}, {data[a['name']]:#x}, {a['ram']}}}")
    for e in top["edge"]:
        if e["queue"] & (e["queue"] - 1) or not 0 <= e["queue"] <= 4:
            raise Mistake("a queue holds 0, 1, 2 or 4 messages")
        rows["edges"].append(
            f"{{{index_of(top['agent'], e['from'], 'agent')}, {index_of(top['agent'], e['to'], 'agent')}, {e['queue']}, "
            f"{e['notify']}, {e['badge']}, {quoted(e['name'], 12)}, {quoted(e['peer_name'], 12)}}}")
    s = top["seed"]
    out = ["// Made by tools/seed_image.py.", '#include "manifest.hpp"', "", "namespace rvm::kernel {", "namespace {"]
    for kind, name in (("Partition", "partitions"), ("Agent", "agents"), ("Edge", "edges")):
        out += [f"constexpr std::array<Manifest{kind}, {len(rows[name])}> {name}{{{{", *[f"    {row}," for row in rows[name]], "}};"]
    digits = ", ".join(f"{b:#04x}" for b in digest)
    out += ["}  // namespace", "const Manifest manifest{", f"    partitions, agents, edges, {s['epoch']}, {s['head'] // 1000}, "
            f"{s['run_for'] // 1000},", f"    {{{{{digits}}}}}}};", "}  // namespace rvm::kernel", ""]
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser()
    for name in ("manifest", "board", "out"):
        parser.add_argument(name)
    parser.add_argument("--compiler", default="clang++-19")
    parser.add_argument("--objcopy", default="llvm-objcopy-19")
    tools = parser.parse_args()
    path, out = pathlib.Path(tools.manifest), pathlib.Path(tools.out)
    out.mkdir(parents=True, exist_ok=True)
    board = BOARDS[tools.board]
    top = read(path)
    flash, ram, flash_bytes, ram_bytes = board[:4]
    programs = place(top["agent"], flash + KERNEL_FLASH, flash + flash_bytes, "flash", "flash")
    data = place(top["agent"], ram + KERNEL_RAM, ram + ram_bytes, "ram", "RAM")
    lines = [".section .agents, \"a\"", "__agents:"]
    for agent in sorted(top["agent"], key=lambda a: programs[a["name"]]):
        binary = compile_agent(agent, path.parent, out, tools, board, programs, data)
        lines += [f".org __agents + {programs[agent['name']] - flash - KERNEL_FLASH:#x}", f".incbin \"{binary.resolve()}\""]
    (out / "agents.S").write_text("\n".join(lines) + "\n")
    (out / "manifest.cpp").write_text(manifest_source(top, hashlib.sha256(path.read_bytes()).digest(), programs, data))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Mistake as mistake:
        sys.exit(f"seed_image: {mistake}")
