#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Forks of a template: a thousand on several cores, ten thousand in 4 GiB, all alive at once, each answering a question."""
import json

import rvm_test

EXAMPLE = rvm_test.EXAMPLES / "nursery" / "swarm.toml"
SEEDLINGS = 24


class Nursery(rvm_test.RvmTest):
    def records(self, disk, kind):
        query = self.rvm("witness", "query", disk, "--kind", kind, "--json")
        self.assertEqual(query.returncode, 0, str(query))
        return [json.loads(line) for line in query.stdout.splitlines()]

    def check(self, manifest, keepers, *arguments, timeout=120):
        disk = self.folder / f"nursery{len(list(self.folder.iterdir()))}.img"
        outcome = self.run_ok(manifest, "--disk", disk, *arguments, timeout=timeout)
        self.assertEqual(outcome["faults"], 0)
        # One question and one answer each, and two rounds of the token.
        self.assertEqual(outcome["messages"], keepers * (2 * SEEDLINGS + 2))
        forks = self.records(disk, "TaskFork")
        self.assertEqual(len(forks), keepers * SEEDLINGS)
        self.assertEqual(len({f["target_object_id"] for f in forks}), len(forks))
        self.assertEqual({f["aux"] for f in forks}, {forks[0]["aux"]}, "all are forks of one agent")
        ended = self.records(disk, "TaskTerminate")
        self.assertLess(max(f["sequence"] for f in forks), min(e["sequence"] for e in ended), "all lived at once")
        return outcome

    def test_a_thousand(self):
        for cpus in (1, 2, 4):
            with self.subTest(cpus=cpus):
                self.check(EXAMPLE, 40, "--cpus", cpus)

    def ten_thousand(self, text):
        keepers = 417
        text = text.replace("replicas = 40", f"replicas = {keepers}").replace('"1G"', '"4G"')
        outcome = self.check(self.manifest(text), keepers, timeout=300)
        self.assertGreaterEqual(outcome["agents"], 10_000 + keepers)

    def test_ten_thousand_in_four_gigabytes(self):
        self.ten_thousand(EXAMPLE.read_text())

    def test_ten_thousand_actors(self):
        """The same of WebAssembly."""
        text = EXAMPLE.read_text()
        native = 'module = "seedling"\nservice = true\nstack = "16K"\nheap = "0K"\n'
        self.assertIn(native, text)
        wasm = rvm_test.ROOT / "build" / "appliance" / "wasm" / "seedling.wasm"
        self.ten_thousand(text.replace(native, f'wasm = "{wasm}"\ntemplate = true\nheap = "1M"\n'))


if __name__ == "__main__":
    rvm_test.main()
