#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Four thousand agents whose friends change: the engine keeps to its budget in every epoch, counted in instructions.

Usage: budget.py [SECONDS]    of the machine's time
"""
import sys

import rvm_test

SECONDS = 20
PARTITIONS, MEMBERS = 127, 32
BUDGET = 50_000  # instructions
STEP = 5_000  # one piece more: 192 units of 25, and reading the clock


def manifest(seconds):
    agents = PARTITIONS * MEMBERS
    seasons = 4
    lines = ["development = true", f'[machine]\ncpus = 1\nicount = true\nmemory = "2G"\nepoch_us = 1000\ndisk_size = "2G"', "[coherence]",
             "[[partition]]", 'name = "home"', f"replicas = {PARTITIONS}",
             "[[agent]]", 'name = "gossip"', f"replicas = {agents}", 'partition = ["home-*"]', 'module = "test_gossip"', 'stack = "16K"', 'heap = "0K"',
             f'args = ["1000", "{seasons}", "{max(1, seconds // seasons)}"]']
    for friend, stride in enumerate((1, PARTITIONS)):
        # Agents are dealt to partitions in turn: the next is next door, and those of a partition are PARTITIONS apart.
        for i in range(agents):
            lines.append(f'[[edge]]\nfrom = "gossip-{i}"\nto = "gossip-{(i + stride) % agents}"\nname = "friend-{friend}"\npeer_name = "f{friend}"\nqueue = 1')
    return "\n".join(lines) + "\n"


class Budget(rvm_test.RvmTest):
    def test_never_more_than_one_step_over(self):
        outcome = self.run_ok(self.manifest(manifest(SECONDS)), "--timeout", f"{120 + 10 * SECONDS}s", timeout=7000)
        coherence = outcome["coherence"]
        print(f"{outcome['agents']} agents, {SECONDS} s, {outcome['messages']} messages: {coherence}")
        self.assertGreaterEqual(outcome["agents"], 4064)
        self.assertGreater(coherence["epochs"], SECONDS * 900)
        self.assertGreater(coherence["splits"] + coherence["merges"] + coherence["migrations"], 100)
        self.assertGreater(coherence["longest_ns"], BUDGET // 2, "it had enough to do")
        self.assertLessEqual(coherence["longest_ns"], BUDGET + STEP)
        self.assertEqual(coherence["degraded_epochs"], 0)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        SECONDS = int(sys.argv.pop(1))
    rvm_test.main()
