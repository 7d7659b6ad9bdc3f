#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""WebAssembly programs in partitions: compiled by stock clang for wasm32-wasi, run by `rvm run`."""
import json
import re
import subprocess
import sys

import rvm_test

WASM = rvm_test.ROOT / "build" / "appliance" / "wasm"
EXAMPLE = rvm_test.EXAMPLES / "wasm" / "swarm.toml"


class Wasm(rvm_test.RvmTest):
    def wat(self, text, name="module.wasm"):
        """The module of a text, in this test's folder."""
        source = self.folder / (name + ".wat")
        source.write_text(text)
        subprocess.run(["wat2wasm", source, "-o", self.folder / name], check=True)
        return self.folder / name

    def said(self, result, agent):
        """The lines that an agent printed."""
        prefix = agent + "| "
        return [line[len(prefix):] for line in result.stdout.splitlines() if line.startswith(prefix)]

    def one(self, agent, *keys):
        """A manifest of one agent."""
        lines = "\n".join(keys)
        return self.manifest(f'development = true\n[[partition]]\nname = "home"\n[[agent]]\nname = "{agent}"\n'
                             f'partition = "home"\n{lines}\n')

    def test_example(self):
        outcome = self.run_ok(EXAMPLE)
        self.assertEqual(outcome["agents"], 4)
        result = self.rvm("run", EXAMPLE)
        for i in range(4):
            self.assertEqual(self.said(result, f"hello-{i}"),
                             [f"Hello from WebAssembly, number {i}", "home is /home",
                              "motto: no authority without a capability"])

    def test_a_file_alone(self):
        result = self.rvm("run", WASM / "hello.wasm", "reader", "--files", rvm_test.EXAMPLES / "wasm" / "files",
                          "--env", "HOME=/elsewhere")
        self.assertEqual(result.returncode, 0, str(result))
        self.assertEqual(self.said(result, "hello")[:2], ["Hello from WebAssembly, reader", "home is /elsewhere"])
        self.assertIn("log        verified", result.stdout)

    def test_actors(self):
        disk = self.folder / "log.img"
        outcome = self.run_ok(rvm_test.EXAMPLES / "actors" / "swarm.toml", "--disk", disk)
        # 10 numbers, 11 answers, 40 bad messages; the last number is 0.
        self.assertEqual(outcome["messages"], 11 + 11 + 40)
        turns = {}
        for kind in ("TurnCommit", "TurnAbort"):
            query = self.rvm("witness", "query", disk, "--kind", kind, "--json")
            turns[kind] = [json.loads(line) for line in query.stdout.splitlines()]
        self.assertEqual(len(turns["TurnCommit"]), 1 + 11)  # rvm_init, and each number
        self.assertEqual(len(turns["TurnAbort"]), 40)
        # An aborted turn leads back to the state that the last committed one left.
        records = sorted(turns["TurnCommit"] + turns["TurnAbort"], key=lambda r: r["sequence"])
        state = None
        for record in records:
            if record["kind"] == "TurnAbort":
                self.assertEqual(record["aux"], state, str(record))
            else:
                self.assertNotEqual(record["aux"], state, str(record))
                state = record["aux"]

    def test_templates(self):
        disk = self.folder / "log.img"
        result = self.rvm("run", rvm_test.EXAMPLES / "templates", "--disk", disk)
        self.assertEqual(result.returncode, 0, str(result))
        self.assertEqual(self.said(result, "gardener"), ["8 sprouts answered, each for itself"])
        self.assertIn("agents     10 in 3 partitions", result.stdout)
        kinds = {kind: len(self.rvm("witness", "query", disk, "--kind", kind, "--json").stdout.splitlines())
                 for kind in ("TaskFork", "TurnCommit", "TurnAbort")}
        self.assertEqual(kinds["TaskFork"], 8)
        self.assertEqual(kinds["TurnCommit"], 1 + 8 * 2)  # the template's first; two answers of each fork
        self.assertGreaterEqual(kinds["TurnAbort"], 8)    # and the second, if they come to it before they end

    def forker(self, end):
        """An actor that forks the template in its first turn, and an agent to start: its end decides what becomes of the fork."""
        return self.wat(f"""(module
          (import "rvm" "find" (func $find (param i32 i32) (result i32)))
          (import "rvm" "fork" (func $fork (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1 2) (data (i32.const 16) "hometemplate")
          (func (export "rvm_on_message") (param i32 i32 i32))
          (func (export "rvm_init")
            (if (i32.le_s (call $fork (call $find (i32.const 16) (i32.const 4)) (call $find (i32.const 20) (i32.const 8))
                                      (i32.const 0) (i32.const 0)) (i32.const 0)) (then (call $exit (i32.const 9))))
            {end}))""")

    def test_forks_follow_their_turn(self):
        text = (rvm_test.EXAMPLES / "templates" / "swarm.toml").read_text().replace('args = ["8"]', 'expect = "any"')
        for end, code, state in (("(call $exit (i32.const 5))", 5, "exited"), ("unreachable", 134, "terminated")):
            with self.subTest(end):
                manifest = self.manifest(text.replace("gardener.wasm", str(self.forker(end))))
                result = self.rvm("run", manifest, "--verbose")
                self.assertIn(f'"name":"gardener","state":"exited","exit":{code},', result.stdout, str(result))
                # A fork that began ends because nobody is left to send it anything; one whose turn was aborted never ran.
                ended = [line for line in result.stdout.splitlines() if '"name":"sprout","state":"' in line and "blocked" not in line]
                self.assertEqual(len(ended), 1, str(result))
                self.assertIn(f'"state":"{state}"', ended[0])
                if state == "terminated":
                    self.assertIn('"cpu_ns":0,', ended[0])

    def test_turns_are_the_same_in_every_run(self):
        runs = []
        for i in range(2):
            disk = self.folder / f"log{i}.img"
            self.run_ok(rvm_test.EXAMPLES / "actors" / "swarm.toml", "--disk", disk, *(["--cpus", 1] if i else []))
            query = self.rvm("witness", "query", disk, "--kind", "TurnCommit", "--json")
            runs.append([(r["payload"], r["aux"]) for r in map(json.loads, query.stdout.splitlines())])
        self.assertEqual(runs[0], runs[1])

    def make_files(self):
        tree = self.folder / "tree"
        (tree / "folder" / "deep").mkdir(parents=True)
        (tree / "a.txt").write_text("alpha\nbeta\n")
        (tree / "folder" / "c.txt").write_text("gamma")
        (tree / "folder" / "deep" / "b.bin").write_bytes(bytes(range(250)) * 20)

    def wasi(self, seed):
        manifest = self.one("wasi", f'wasm = "{WASM}/test_wasi.wasm"', 'args = ["one", "two words"]', f"seed = {seed}",
                            'env = ["COLOUR=blue", "EMPTY="]', 'files = ["tree"]', 'expect = "any"')
        result = self.rvm("run", manifest, "--verbose")
        return self.said(result, "wasi"), result

    def test_wasi(self):
        self.make_files()
        lines, result = self.wasi(5)
        self.assertRegex(lines[-3], r"wasi: \d\d checks, 0 failed", str(result))
        self.assertEqual(lines[-2:], ["to standard error", "a line without an end"], str(result))
        self.assertIn('"name":"wasi","state":"exited","exit":7,', result.stdout)
        random = next(l for l in lines if l.startswith("random:"))
        # The same seed gives the same numbers, another one others.
        self.assertIn(random, self.wasi(5)[0])
        self.assertNotIn(random, self.wasi(6)[0])

    def fails(self, module, said, *keys):
        """The agent ends with an exit code that fails the run, after saying why."""
        manifest = self.one("bad", f'wasm = "{module}"', *keys)
        result = self.rvm("run", manifest)
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn(said, "\n".join(self.said(result, "bad")), str(result))
        self.assertIn("log        verified", result.stdout)
        return result

    def test_traps_and_refusals_end_the_agent_and_nothing_else(self):
        start = '(module (memory 1) (func (export "_start") {}))'
        self.fails(self.wat(start.format("unreachable")), "trap: unreachable")
        self.fails(self.wat(start.format("(drop (i32.load (i32.const 65536)))")),
                   "trap: out of bounds memory access")
        self.fails(self.wat('(module (func $f (call $f)) (export "_start" (func $f)))'), "trap: call stack exhausted")
        self.fails(self.wat(start.format("(loop (br 0))")), "trap: out of fuel", "fuel = 1000000")
        self.fails(self.wat("(module)"), "exports no function _start or rvm_on_message")
        self.fails(self.wat('(module (import "env" "f" (func)) (func (export "_start")))'), "imports env.f, which there is not")
        self.fails(self.wat('(module (import "wasi_snapshot_preview1" "fd_close" (func)) (func (export "_start")))'),
                   "imports wasi_snapshot_preview1.fd_close with another type")
        self.fails(self.wat('(module (memory 100) (func (export "_start")))'), "the arena is full", 'heap = "1M"')
        module = self.folder / "cut.wasm"
        module.write_bytes((WASM / "hello.wasm").read_bytes()[:-1])
        self.fails(module, "the module is refused: ")

    def test_memory_is_limited_by_the_manifest(self):
        text = """(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory 1)
          (func (export "_start") (call $exit (i32.eq (memory.grow (i32.const 3)) (i32.const {})))))"""
        grown = self.one("bad", f'wasm = "{self.wat(text.format(-1))}"', 'memory = "256K"')
        self.assertEqual(self.rvm("run", grown).returncode, 0)  # 0: it is not -1
        kept = self.one("bad", f'wasm = "{self.wat(text.format(1))}"', 'memory = "192K"')
        self.assertEqual(self.rvm("run", kept).returncode, 0)

    def test_mistakes_are_told_by_the_host(self):
        text = self.folder / "text.wasm"
        text.write_text("(module)")
        for keys, mention in (((f'wasm = "{text}"',), "not a WebAssembly module"),
                              (('wasm = "nowhere.wasm"',), "nowhere.wasm"),
                              ((f'wasm = "{WASM}/hello.wasm"', 'module = "ping"'), "either"),
                              (('module = "ping"', "fuel = 3"), "'fuel' is for WebAssembly agents"),
                              ((f'wasm = "{WASM}/hello.wasm"', 'env = ["X"]'), "NAME=VALUE"),
                              ((f'wasm = "{WASM}/hello.wasm"', 'heap = "128M"'), "127 MiB"),
                              ((f'wasm = "{WASM}/hello.wasm"', 'files = ["gone"]'), "gone")):
            with self.subTest(keys):
                result = self.rvm("run", self.one("bad", *keys))
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(mention, result.stderr, str(result))


if __name__ == "__main__":
    rvm_test.main()
