#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same messages lead to the same states: an actor of floating point, vectors, growing memory, deep calls and failing turns,
interpreted on this computer's processor, and interpreted and compiled in a partition, on 1, 2 and 4 cores, alone and pre-empted."""
import json
import os
import subprocess

import rvm_test

WASM = rvm_test.ROOT / "build" / "appliance" / "wasm"
HOST = os.environ.get("RVM_ACTOR_RUN") or rvm_test.ROOT / "build" / "host" / "src" / "wasm" / "runtime" / "wasm_actor_run"
HEAP = 4 << 20
# Around these the bound of the memory or of the stack was another one when the module was compiled.
HEAPS = [(2 << 20) + i * 16384 for i in (3, 4, 5)]
FUEL = 3_000_000

MANIFEST = """
development = true
[[partition]]
name = "actor"
[[partition]]
name = "sender"
[[partition]]
name = "noise"
[[agent]]
name = "mixer"
partition = "actor"
wasm = "{wasm}/test_mixer.wasm"
fuel = {fuel}
heap = {heap}
compile = {compile}
[[agent]]
name = "feeder"
partition = "sender"
wasm = "{wasm}/test_feeder.wasm"
heap = "2M"
{noise}
[[edge]]
from = "feeder"
to = "mixer"
name = "messages"
"""
# They take the processor from the actor at every end of their time slices, and the queue is empty or full in between.
NOISE = """
[[agent]]
name = "noise"
partition = "noise"
module = "spinner"
replicas = {replicas}
service = true
"""


class Determinism(rvm_test.RvmTest):
    def on_host(self, heap=HEAP, *compile):
        run = subprocess.run([HOST, WASM / "test_mixer.wasm", "mixer", str(heap), str(FUEL), *compile], capture_output=True, text=True,
                             check=True)
        turns = [line.split() for line in run.stdout.splitlines()]
        return [(kind, int(message, 16), int(state, 16)) for kind, _, message, state in turns]

    def in_partition(self, compile, cpus, noise, heap=HEAP):
        disk = self.folder / "log.img"
        manifest = self.manifest(MANIFEST.format(wasm=WASM, fuel=FUEL, heap=heap, compile=str(compile).lower(),
                                                 noise=NOISE.format(replicas=noise) if noise else ""))
        result = self.rvm("run", manifest, "--disk", disk, "--cpus", cpus, timeout=240)
        self.assertEqual(result.returncode, 0, str(result))
        turns = []
        for kind in ("TurnCommit", "TurnAbort"):
            query = self.rvm("witness", "query", disk, "--kind", kind, "--json")
            records = [json.loads(line) for line in query.stdout.splitlines() if line.startswith("{")]
            turns += [(r["sequence"], kind, self.number(r["payload"]), self.number(r["aux"])) for r in records]
        disk.unlink()
        return [turn[1:] for turn in sorted(turns)]

    @staticmethod
    def number(field):
        return int(field, 16) if isinstance(field, str) else field

    def test_everywhere(self):
        expected = self.on_host()
        self.assertEqual(len(expected), 120)
        kinds = {kind for kind, _, _ in expected}
        self.assertEqual(kinds, {"TurnCommit", "TurnAbort"})
        self.assertGreater(len({state for _, _, state in expected}), 40)
        for compile, cpus, noise in ((False, 1, 0), (True, 1, 0), (True, 2, 0), (True, 4, 0), (True, 1, 2), (False, 2, 4),
                                     (True, 4, 6)):
            with self.subTest(compile=compile, cpus=cpus, noise=noise):
                turns = self.in_partition(compile, cpus, noise)
                self.same(turns, expected)

    def test_bounds_are_those_of_the_manifest(self):
        for heap in HEAPS:
            with self.subTest(heap=heap):
                self.same(self.in_partition(True, 1, 0, heap), self.on_host(heap))

    def test_code_in_the_heap_moves_no_bound(self):
        for heap in range(2 << 20, 3 << 20, 64 << 10):
            with self.subTest(heap=heap):
                self.same(self.on_host(heap, "compile"), self.on_host(heap))

    def same(self, turns, expected):
        first = next((i for i, (a, b) in enumerate(zip(turns, expected)) if a != b), None)
        self.assertIsNone(first, f"turn {first} is another: {turns[first:first + 1] if first is not None else ''}")
        self.assertEqual(turns, expected)


if __name__ == "__main__":
    rvm_test.main()
