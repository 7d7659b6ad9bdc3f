#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Live split, merge and migration by an agent that may: thirty-two citizens talk while their partition is taken apart and put
together again. And what agents try to keep when a boundary comes between them.

Usage: relocation.py [--deep]    deep: 10 000 rounds instead of some hundred
"""
import re
import sys

import rvm_test

ROUNDS = 500
CITIZENS = 32


def grant(agent, kind, name, rights, target=None):
    rights = "[" + ", ".join(f'"{r}"' for r in rights) + "]"
    target = [f'object = "{target}"'] if target else []
    return ["[[grant]]", f'agent = "{agent}"', f'type = "{kind}"', *target, f"rights = {rights}", f'name = "{name}"']


def town(rounds, cpus=2, icount=False, pause=0, victim=False):
    lines = ["development = true", "[machine]", f"cpus = {cpus}", f"icount = {str(icount).lower()}", "epoch_us = 10000", 'disk_size = "512M"',
             "force_vmid8 = true",
             "[[partition]]", 'name = "capital"', "[[partition]]", 'name = "town"', "[[partition]]", 'name = "annex"',
             "[[agent]]", 'name = "governor"', 'partition = "capital"', 'module = "test_governor"', "priority = 6000",
             f'args = ["{rounds}", "{CITIZENS}", "{pause}"]',
             "[[agent]]", 'name = "citizen"', f"replicas = {CITIZENS}", 'partition = "town"', 'module = "test_citizen"', 'stack = "32K"',
             "[[edge]]", 'from = "citizen-*"', 'to = "citizen-*"', 'pair = "ring"', 'name = "after"', 'peer_name = "before"', "badge = 1",
             "[[edge]]", 'from = "governor"', 'to = "citizen-*"', 'name = "order-{peer}"', 'peer_name = "orders"', "badge = 7", "queue = 1",
             *grant("governor", "partition", "town", ("read", "execute", "revoke", "prove"), "town"),
             *grant("governor", "partition", "annex", ("execute",), "annex"),
             *grant("governor", "agent", "migrant", ("execute", "prove"), "citizen-7"),
             *grant("governor", "hypervisor", "machine", ("read",)),
             # Where everybody is at home who is not at home anywhere else.
             "[[agent]]", 'name = "lodger"', 'partition = "annex"', 'module = "bench_template"', "service = true"]
    if victim:
        lines += ["[[partition]]", 'name = "bystanders"',
                  "[[agent]]", 'name = "victim"', 'partition = "bystanders"', 'module = "victim"', 'heap = "256K"', 'args = ["1000000"]',
                  *grant("victim", "agent", "director", ("write",), "governor"), *grant("governor", "agent", "victim", ("write",), "victim")]
    return "\n".join(lines) + "\n"


def boundary(roles, expect):
    """Two agents of one partition, the first of which is moved to another."""
    lines = ["development = true", "[machine]", "cpus = 2",
             "[[partition]]", 'name = "capital"', "[[partition]]", 'name = "home"', "[[partition]]", 'name = "elsewhere"',
             "[[agent]]", 'name = "mover"', 'partition = "capital"', 'module = "test_mover"',
             "[[agent]]", 'name = "lodger"', 'partition = "elsewhere"', 'module = "bench_template"', "service = true",
             *grant("mover", "partition", "elsewhere", ("execute",), "elsewhere"),
             *grant("mover", "agent", "subject", ("execute", "prove"), roles[0])]
    for role, other, end in ((roles[0], roles[1], expect[0]), (roles[1], roles[0], expect[1])):
        lines += ["[[agent]]", f'name = "{role}"', 'partition = "home"', 'module = "test_spy"', f'args = ["{role}"]',
                  *([f'expect = "{end}"'] if end != "service" else ["service = true"]),
                  "[[edge]]", f'from = "{role}"', f'to = "{other}"', 'name = "other"', 'peer_name = "one"',
                  *grant(role, "agent", "mover", ("write",), "mover"), *grant(role, "agent", other, ("write",), other)]
    return "\n".join(lines) + "\n"


class Relocation(rvm_test.RvmTest):
    def number(self, text, result):
        found = re.search(text, result)
        self.assertIsNotNone(found, text)
        return int(found[1])

    def count(self, disk, kind):
        result = self.rvm("witness", "query", disk, "--kind", kind, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        return sum(line.startswith("{") for line in result.stdout.splitlines())

    def live(self, manifest, timeout, disk=None):
        disk = disk or self.folder / "log.img"
        dump = self.folder / "state.json"
        result = self.rvm("run", self.manifest(manifest), "--disk", disk, "--dump", dump, "--json",
                          "--timeout", f"{timeout}s", timeout=timeout + 300)
        self.assertEqual(result.returncode, 0, str(result))
        self.assertTrue(result.json()["witness"]["verified"], str(result))
        self.replay_equals(disk, dump)
        return result

    def test_split_and_merge_while_they_talk(self):
        result = self.live(town(ROUNDS), timeout=900)
        rounds = self.number(r"governor: rounds=(\d+)", result.stderr)
        disk = self.folder / "log.img"
        self.assertEqual((self.count(disk, "PartitionSplit"), self.count(disk, "PartitionMerge")), (rounds, rounds))
        self.assertEqual(self.count(disk, "PartitionMigrate"), 2 * (rounds // 8))
        received = [int(n) for n in re.findall(r"citizen: messages=(\d+)", result.stderr)]
        self.assertEqual(len(received), CITIZENS, str(result))
        self.assertGreater(min(received), ROUNDS // 10, "all talked meanwhile")
        self.assertEqual(result.json()["faults"], 0)
        print(f"{rounds} splits and merges, {sum(received)} messages")

    def test_nobody_else_notices(self):
        result = self.live(town(0, cpus=1, icount=True, pause=500, victim=True), timeout=300)
        undisturbed = self.number(r"victim: undisturbed=(\d+)", result.stderr)
        disturbed = self.number(r"disturbed=\d+ disturbed=(\d+)", result.stderr)
        rounds = self.number(r"governor: rounds=(\d+)", result.stderr)
        self.assertGreater(rounds, 10)
        self.assertLess(abs(disturbed - undisturbed), 0.02 * undisturbed)
        print(f"{rounds} rounds beside it: {disturbed / undisturbed:.4f} of the instructions")

    def across(self, first, second, expect, faults):
        for attempt in range(4):  # where the other core is at that moment differs
            with self.subTest(f"{first} and {second}", attempt=attempt):
                disk = self.folder / f"log{attempt}.img"
                outcome = self.run_ok(self.manifest(boundary((first, second), expect)), "--disk", disk)
                self.assertEqual(outcome["faults"], faults, outcome)
                self.assertEqual(self.count(disk, "PartitionMigrate"), 1)

    def test_who_leaves_keeps_no_mapping(self):
        self.across("leaver", "host", ("fault", "service"), 1)

    def test_who_stays_keeps_no_mapping(self):
        self.across("guest", "watcher", ("service", "fault"), 1)

    def test_who_leaves_writes_no_shared_region(self):
        self.across("writer", "reader", ("fault", "service"), 1)

    def test_who_stays_writes_no_shared_region(self):
        self.across("sharer", "scribbler", ("service", "fault"), 1)

    def test_capabilities_are_what_both_sides_may_have(self):
        self.across("collector", "partner", ("ok", "service"), 0)

    def test_queues_keep_their_messages_and_no_more(self):
        self.across("talker", "listener", ("ok", "ok"), 0)


if __name__ == "__main__":
    if "--deep" in sys.argv:
        sys.argv.remove("--deep")
        ROUNDS = 10_000
    rvm_test.main()
