#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""100 000 calls between two partitions, on every machine that RVM promises to run on."""
import rvm_test

MANIFEST = rvm_test.EXAMPLES / "pingpong" / "swarm.toml"


class PingPong(rvm_test.RvmTest):
    def check(self, *options, cpus=2):
        outcome = self.run_ok(MANIFEST, *options)
        self.assertEqual(outcome["messages"], 200_000)
        self.assertEqual(outcome["cpus"], cpus)
        self.assertEqual(outcome["agents"], 2)
        self.assertGreaterEqual(outcome["partitions"], 2)
        self.assertEqual(outcome["faults"], 0)
        self.assertEqual(outcome["refused"], 0)
        return outcome

    def test_cores(self):
        for cpus in (1, 2, 4, 8):
            with self.subTest(cpus=cpus):
                self.check("--cpus", cpus, cpus=cpus)

    def test_interrupt_controller_version_2(self):
        self.check("--cpus", 2, "--gic", 2)

    def test_small_memory(self):
        self.check("--cpus", 2, "--memory", "64M")

    def test_large_memory(self):
        self.check("--cpus", 2, "--memory", "4G")

    def test_processors(self):
        for cpu in ("cortex-a53", "cortex-a72", "max"):
            with self.subTest(cpu=cpu):
                self.check("--cpus", 2, "--cpu", cpu)

    def test_all_differences_together(self):
        self.check("--cpus", 1, "--gic", 2, "--memory", "64M", "--cpu", "cortex-a53", cpus=1)
        self.check("--cpus", 8, "--gic", 2, "--memory", "4G", "--cpu", "max", cpus=8)


if __name__ == "__main__":
    rvm_test.main()
