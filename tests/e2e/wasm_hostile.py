#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Hostile WebAssembly in partitions: what takes all it can get ends its own turn, or its own agent, and nothing else."""
import json
import re
import subprocess

import rvm_test

# One function for each attack: none of them ends by itself. $room is where the message was, and scratch.
ATTACKS = {
    "loop": "(loop $again (br $again))",
    "compute": "(loop $again (global.set $x (i64.mul (i64.add (global.get $x) (i64.const 1)) (i64.const 31))) (br $again))",
    "recursion": "(call $deeper)",
    "huge-frames": "(call $huge)",
    "indirect-recursion": "(call_indirect $calls (i32.const 0))",
    "memory-grow": "(loop $again (drop (memory.grow (i32.const 1)))"
                   " (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const -1)) (br $again))",
    "memory-touch": "(loop $again (memory.fill (i32.const 4096) (i32.const 255) (i32.const 65536))"
                    " (global.set $x (i64.add (global.get $x) (i64.const 1))) (br $again))",
    "table-grow": "(loop $again (drop (table.grow $big (ref.func $deeper) (i32.const 1000))) (br $again))",
    "table-fill": "(loop $again (table.fill $big (i32.const 0) (ref.func $deeper) (table.size $big)) (br $again))",
    "print": "(loop $again (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 2000))"
             " (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))",
    "send": "(loop $again (drop (call $send (call $find (i32.const 16) (i32.const 7)) (i32.const 1024) (i32.const 64))) (br $again))",
    "send-nowhere": "(loop $again (drop (call $send (i32.const 12345) (i32.const 1024) (i32.const 4096))) (br $again))",
    "random": "(loop $again (drop (call $random_get (i32.const 4096) (i32.const 60000))) (br $again))",
    "open": "(loop $again (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 24) (i32.const 4000) (i32.const 0)"
            " (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 8))) (br $again))",
    "list": "(loop $again (drop (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 60000) (i64.const 0) (i32.const 8)))"
            " (br $again))",
    "poll": "(loop $again (drop (call $poll_oneoff (i32.const 4096) (i32.const 4096) (i32.const 1000) (i32.const 8))) (br $again))",
    "alloc": "(loop $again (drop (call $alloc (i32.const 65536))) (drop (call $free (i32.const 65536) (i32.const 65536))) (br $again))",
}
# Which end with the stack; all others with the fuel.
STACK = {"recursion", "huge-frames", "indirect-recursion"}
# Which have no bound of fuel beside the victim.
ENDLESS = {"loop", "table-fill", "random", "alloc"}
OUT_OF_FUEL, STACK_EXHAUSTED = 11, 10  # Trap, rvm/wasm/types.hpp
FUEL = 3_000_000

MODULE = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "rvm" "find" (func $find (param i32 i32) (result i32)))
  (import "rvm" "send" (func $send (param i32 i32 i32) (result i32)))
  (import "rvm" "receive" (func $receive (param i32 i32 i32) (result i32)))
  (import "rvm" "alloc" (func $alloc (param i32) (result i32)))
  (import "rvm" "free" (func $free (param i32 i32) (result i32)))
  (memory (export "memory") 3)
  (table $calls 1 funcref)
  (table $big 10 4000000000 funcref)
  (elem $calls (i32.const 0) func $deeper_through)
  (elem declare func $deeper)
  (global $x (mut i64) (i64.const 0))
  (global $answered (mut i32) (i32.const 0))
  (data (i32.const 16) "answers\\00./././././././././././././././")
  (func $deeper (call $deeper))
  (func $deeper_through (call_indirect $calls (i32.const 0)))
  (func $huge (local {locals}) (call $huge))
  {entry}
)
"""


def module(entry):
    return MODULE.format(locals="v128 " * 4000, entry=entry)


# A message of one byte names an attack; 255 is an honest question, which is answered with how often that was asked.
ACTOR = """(func (export "rvm_on_message") (param i32 i32 i32) (local $kind i32)
  (local.set $kind (i32.load8_u (local.get 1)))
  (global.set $answered (i32.add (global.get $answered) (i32.const 1)))
  {cases}
  (i32.store (i32.const 0) (global.get $answered))
  (drop (call $send (call $find (i32.const 16) (i32.const 7)) (i32.const 0) (i32.const 4))))"""
DRIVER = """
#include <rvm/wasm.h>
#include <stdio.h>
int main(void) {{
  const int32_t messages = rvm_find("messages", 8), answers = rvm_find("answers", 7);
  for (unsigned round = 0; round < {rounds}; ++round) {{
    for (unsigned char kind = 0; kind < {kinds}; ++kind) {{
      const unsigned char honest = 255;
      uint32_t answered = 0;
      rvm_send(messages, &kind, 1);
      rvm_send(messages, &honest, 1);
      if (rvm_receive(answers, &answered, sizeof answered) != sizeof answered || answered != round * {kinds} + kind + 1) {{
        printf("after attack %d: answer %u\\n", kind, answered);
        return 1;
      }}
    }}
  }}
  return 0;
}}
"""


class Hostile(rvm_test.RvmTest):
    def wat(self, text, name):
        source = self.folder / (name + ".wat")
        source.write_text(text)
        subprocess.run(["wat2wasm", source, "-o", self.folder / f"{name}.wasm"], check=True)

    def records(self, disk, *conditions):
        query = self.rvm("witness", "query", disk, *conditions, "--json")
        self.assertEqual(query.returncode, 0, str(query))
        return [json.loads(line) for line in query.stdout.splitlines() if line.startswith("{")]

    def tree(self):
        (self.folder / "tree").mkdir()
        for i in range(50):
            (self.folder / "tree" / f"file-{i}").write_text("x")

    def test_commands_beside_a_victim(self):
        """Every attack at once, each in a partition of its own, some without any bound of fuel: each that has one ends by it. A victim
        beside them does its work in the same processor time, within 1 %, and two who talk lose no message."""
        self.tree()
        agents, grants = [], []
        for name, code in ATTACKS.items():
            entry = f"""(func (export "_start")
              (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 16))) {code})"""
            self.wat(module(entry), name)
            fuel = 100_000 if name.startswith("send") else FUEL  # each refusal is a record, and who makes many is slowed down
            bound = "service = true" if name in ENDLESS else f'fuel = {fuel}, expect = "any"'
            agents.append(f'{{ name = "x-{name}", partition = "x-{name}", wasm = "{name}.wasm", heap = "4M", files = ["tree"], {bound} }}')
            grants.append(f'{{ from = "director", to = "x-{name}", name = "go-{name}" }}')
        partitions = ", ".join(f'{{ name = "x-{name}" }}' for name in ATTACKS)
        comma = ",\n  "
        disk = self.folder / "log.img"
        result = self.rvm("run", self.manifest(f"""
development = true
partition = [{{ name = "victim" }}, {{ name = "director" }}, {{ name = "ping" }}, {{ name = "pong" }}, {partitions}]
agent = [
  {{ name = "victim", partition = "victim", module = "victim", args = ["1000000"], heap = "256K" }},
  {{ name = "director", partition = "director", module = "test_starter" }},
  {{ name = "ping", partition = "ping", module = "ping", args = ["2000"] }},
  {{ name = "pong", partition = "pong", module = "pong", service = true }},
  {comma.join(agents)}
]
edge = [
  {{ from = "ping", to = "pong", name = "pong", peer_name = "ping" }},
  {comma.join(grants)}
]
grant = [
  {{ agent = "victim", type = "agent", object = "director", rights = ["write"], name = "director" }},
  {{ agent = "director", type = "agent", object = "victim", rights = ["write"], name = "victim" }}
]
"""), "--disk", disk, "--cpus", 1, "--icount", "--verbose", timeout=280)
        self.assertEqual(result.returncode, 0, str(result))
        self.assertIn("log        verified", result.stdout)
        figures = re.search(r"victim: undisturbed=(\d+) disturbed=(\d+)", result.stdout)
        self.assertIsNotNone(figures, str(result))
        undisturbed, disturbed = int(figures[1]), int(figures[2])
        print(f"victim: {undisturbed} ns before, {disturbed} ns beside {len(ATTACKS)} attacks", flush=True)
        self.assertLessEqual(abs(disturbed - undisturbed) * 100, undisturbed)
        for name in ATTACKS:
            ended = [line for line in result.stdout.splitlines() if line.startswith(f"x-{name}| wasm: trap: ")]
            why = "call stack exhausted" if name in STACK else "out of fuel"
            self.assertEqual(ended, [] if name in ENDLESS else [f"x-{name}| wasm: trap: {why}"], name)
        self.assertIn('"name":"ping","state":"exited","exit":0,', result.stdout)

    def test_a_corrupted_engine_harms_nobody_but_itself(self):
        """The engine's code, pointers, tables and return addresses overwritten inside the partition, and run on: who does that faults, traps
        or is refused, in the log under its own name, and others do not notice."""
        source = (rvm_test.ROOT / "tests" / "agents" / "wasm_corruptor.cpp").read_text()
        names = re.findall(r'^    {"([a-z0-9-]+)", (?:true|false), When::', source, re.MULTILINE)
        self.assertGreaterEqual(len(names), 30)
        comma = ",\n  "

        def agent(name):
            evidence = {"code-hypercall": "rejected", "code-loop": "none", "opcode": "none", "all-ones": "none"}.get(name, "fault")
            service = ", service = true" if name == "code-loop" else ""
            return (f'{{ name = "x-{name}", partition = "x-{name}", module = "test_wasm_corruptor", args = ["{name}"], heap = "4M", '
                    f'attack = "corrupts its engine: {name}", evidence = "{evidence}"{service} }}')

        disk = self.folder / "log.img"
        result = self.rvm("run", self.manifest(f"""
development = true
partition = [{{ name = "victim" }}, {{ name = "director" }}, {{ name = "ping" }}, {{ name = "pong" }},
  {comma.join(f'{{ name = "x-{name}" }}' for name in names)}]
agent = [
  {{ name = "victim", partition = "victim", module = "victim", args = ["1000000"], heap = "256K" }},
  {{ name = "director", partition = "director", module = "test_starter" }},
  {{ name = "ping", partition = "ping", module = "ping", args = ["2000"] }},
  {{ name = "pong", partition = "pong", module = "pong", service = true }},
  {comma.join(agent(name) for name in names)}
]
edge = [
  {{ from = "ping", to = "pong", name = "pong", peer_name = "ping" }},
  {comma.join(f'{{ from = "director", to = "x-{name}", name = "go-{i}" }}' for i, name in enumerate(names))}
]
grant = [
  {{ agent = "victim", type = "agent", object = "director", rights = ["write"], name = "director" }},
  {{ agent = "director", type = "agent", object = "victim", rights = ["write"], name = "victim" }}
]
"""), "--disk", disk, "--cpus", 1, "--icount", "--verbose", timeout=280)
        self.assertEqual(result.returncode, 0, str(result))
        tried = re.findall(r"^x-([a-z0-9-]+)\| attack: tried", result.stdout, re.MULTILINE)
        self.assertEqual(sorted(tried), sorted(names))
        figures = re.search(r"victim: undisturbed=(\d+) disturbed=(\d+)", result.stdout)
        self.assertIsNotNone(figures, str(result))
        self.assertLessEqual(abs(int(figures[2]) - int(figures[1])) * 100, int(figures[1]))
        self.assertIn("the same result and memory as before the attacks", result.stdout)

    def test_turns(self):
        """Each attack ends its turn, in the log under its agent's name, and the next message is answered as if it had not been."""
        cases = "\n".join(f"(if (i32.eq (local.get $kind) (i32.const {i})) (then {code}))"
                          for i, code in enumerate(ATTACKS.values()))
        self.wat(module(ACTOR.format(cases=cases)), "actor")
        rounds = 2
        (self.folder / "driver.c").write_text(DRIVER.format(rounds=rounds, kinds=len(ATTACKS)))
        subprocess.run(["clang-19", "--target=wasm32-wasi", "-O2", f"-I{rvm_test.ROOT}/sdk/wasm", "-o", self.folder / "driver.wasm",
                        self.folder / "driver.c"], check=True)
        self.tree()
        for compile in ("true", "false"):
            with self.subTest(compile=compile):
                disk = self.folder / f"{compile}.img"
                self.run_ok(self.manifest(f"""
development = true
partition = [{{ name = "hostile" }}, {{ name = "honest" }}]
agent = [
  {{ name = "actor", partition = "hostile", wasm = "actor.wasm", fuel = {FUEL}, heap = "8M", compile = {compile}, files = ["tree"], service = true }},
  {{ name = "driver", partition = "honest", wasm = "driver.wasm", heap = "2M" }},
]
edge = [
  {{ from = "driver", to = "actor", name = "messages" }},
  {{ from = "actor", to = "driver", name = "answers" }},
]
"""), "--disk", disk, timeout=240)
                aborts = self.records(disk, "--kind", "TurnAbort")
                commits = self.records(disk, "--kind", "TurnCommit")
                reasons = [STACK_EXHAUSTED if name in STACK else OUT_OF_FUEL for name in ATTACKS] * rounds
                self.assertEqual([r["flags"] for r in aborts], reasons, aborts[:2])
                self.assertEqual(len(commits), len(reasons))
                who = {(r["actor_partition_id"], r["target_object_id"]) for r in aborts}
                self.assertEqual(len(who), 1)
                self.assertEqual(who, {(r["actor_partition_id"], r["target_object_id"]) for r in commits})


if __name__ == "__main__":
    rvm_test.main()
