#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What it buys that boundaries follow the traffic: the same work with the coherence engine and with the layout as the manifest
has it (--static), on four patterns of traffic. Time is counted in instructions (--icount), so nothing here depends on how busy this
computer is; of several cores the emulator then runs one at a time, until it waits or a timer is due, and together they execute one
instruction per nanosecond.

Usage: benefit.py [--table] [--cpus N,N] [--computer] [--runs N] [--pause N] [--messages N] [PATTERN...]
  --table     prints a line for each layout and judges nothing
  --computer  cores run side by side and time is this computer's; begin it with `chrt -r 1`, or what p99 shows is when the computer's
              scheduler took a core from the emulator
  --runs      of each layout, by turns; what is printed are their medians
  --pause     microseconds between two messages of an agent, on average
  --messages  that an agent sends in each phase: with the pause, how long teams stay as they are
"""
import argparse
import re
import statistics
import sys

import rvm_test

AGENTS, PARTITIONS, TEAM = 32, 8, 8
MESSAGES = 800  # of each agent and phase, unless told otherwise
PAUSE = 1_000  # microseconds
TIMEOUT = 1_800  # seconds
BUCKET = re.compile(r"(\d+)=(\d+)")
TALKER = re.compile(r"^(\S+)\| bench: talker sent=(\d+) received=(\d+) wrong=(\d+)$", re.M)


def clique(team):
    """Three edges from each member, to the next three round the team."""
    return [(team[i], team[(i + step) % len(team)]) for i in range(len(team)) for step in (1, 2, 3)]


def teams(_):
    members = [range(first, first + TEAM) for first in range(0, AGENTS, TEAM)]
    return [[edge for team in members for edge in clique(team)]]


def shifting(_):
    """Teams of which half change places with half of another, and back again."""
    first = teams(None)[0]
    mixed = [[*range(a, a + 4), *range(b + 4, b + 8)] for a, b in ((0, 8), (8, 0), (16, 24), (24, 16))]
    second = [edge for team in mixed for edge in clique(team)]
    return [first, second, first, second]


def hub(_):
    return [[edge for i in range(1, AGENTS) for edge in ((i, 0), (0, i))]]


def pipeline(_):
    return [[(i, i + 1) for i in range(AGENTS - 1)]]


PATTERNS = {"teams": teams, "hub": hub, "pipeline": pipeline, "shifting": shifting}


def manifest(pattern, messages, pause):
    """Members of a team, neighbours of a pipeline and so on are in different partitions at first."""
    phases = PATTERNS[pattern](None)
    distinct = [phase for i, phase in enumerate(phases) if phase not in phases[:i]]
    lines = ["development = true", "[machine]", 'disk_size = "256M"', "[coherence]"]
    for i in range(PARTITIONS):
        lines += ["[[partition]]", f'name = "cell-{i}"']
    # A hub has as many messages to read as all others send.
    nanoseconds = (4_000 if pattern == "hub" else 1_000) * pause
    order = "".join(str(distinct.index(phase)) for phase in phases)
    for i in range(AGENTS):
        lines += ["[[agent]]", f'name = "t{i}"', f'partition = "cell-{i % PARTITIONS}"', 'module = "test_talker"',
                  f'args = ["{messages}", "{nanoseconds}", "4000", "200", "{order}"]']
    names = {}
    for number, phase in enumerate(distinct):
        for edge in phase:
            names.setdefault(edge, []).append(number)
    for (sender, receiver), numbers in names.items():
        kind = "p" + "".join(map(str, numbers))
        lines += ["[[edge]]", f'from = "t{sender}"', f'to = "t{receiver}"', f'name = "{kind}-{receiver}"',
                  f'peer_name = "from-{sender}"']
    return "\n".join(lines) + "\n"


def percentile(buckets, percent):
    """The least value that is not exceeded by so many per cent of all."""
    wanted = sum(buckets.values()) * percent / 100
    for value in sorted(buckets):
        wanted -= buckets[value]
        if wanted <= 0:
            return value
    return 0


class Benefit(rvm_test.RvmTest):
    messages, pause, computer = MESSAGES, PAUSE, False

    def measure(self, pattern, cpus, *options):
        result = self.rvm("run", self.manifest(manifest(pattern, self.messages, self.pause)), *([] if self.computer else ["--icount"]),
                          "--cpus", cpus, *options, "--timeout", f"{TIMEOUT}s", "--json", timeout=TIMEOUT + 60)
        self.assertEqual(result.returncode, 0, str(result))
        coherence = result.json()["coherence"]
        talkers = TALKER.findall(result.stderr)
        self.assertEqual(len(talkers), AGENTS, str(result))
        sent, received, wrong = (sum(int(talker[i]) for talker in talkers) for i in (1, 2, 3))
        self.assertEqual((sent, wrong), (received, 0))
        buckets = {}
        for line in result.stderr.splitlines():
            if "| bench: latency " in line:
                for value, count in BUCKET.findall(line):
                    buckets[int(value)] = buckets.get(int(value), 0) + int(count)
        self.assertEqual(sum(buckets.values()), received)
        return {"messages": received, "crossing": coherence["cross_bytes"] / coherence["total_bytes"],
                "p50": percentile(buckets, 50), "p99": percentile(buckets, 99), "engine": coherence["engine_share"],
                "moves": coherence["splits"] + coherence["merges"] + coherence["migrations"],
                "undone": coherence["aborted"], "degraded": coherence["degraded_epochs"]}

    def pair(self, pattern, cpus):
        still, moving = self.measure(pattern, cpus, "--static"), self.measure(pattern, cpus)
        self.assertEqual(still["moves"], 0)
        self.assertEqual(still["messages"], moving["messages"])
        return still, moving

    def test_what_it_buys(self):
        for cpus in (1, 2, 4):
            for pattern in ("teams", "shifting"):
                with self.subTest(pattern=pattern, cpus=cpus):
                    still, moving = self.pair(pattern, cpus)
                    self.assertLessEqual(moving["crossing"], 0.4 * still["crossing"], moving)
                    self.assertLessEqual(moving["p99"], 1.4 * still["p99"])  # a message costs the same within and across
                    self.assertLess(moving["engine"], 0.06, "of the little that light traffic keeps the core busy")
                    self.assertEqual(moving["degraded"], 0)

    def test_where_the_cores_are_busy(self):
        self.pause = 300
        for cpus in (1, 2):
            with self.subTest(cpus=cpus):
                still, moving = self.pair("teams", cpus)
                self.assertLessEqual(moving["crossing"], 0.4)
                self.assertLess(moving["engine"], 0.02)
                # A message to another core interrupts that; one to a peer on the same core does not.
                self.assertLessEqual(moving["p50"], (0.7 if cpus > 1 else 1.4) * still["p50"])


def table(patterns, cpus, options):
    test = Benefit("test_what_it_buys")
    test.messages, test.pause, test.computer = options.messages, options.pause, options.computer
    test.setUp()
    print(f"{'pattern':10}{'cores':>6} {'layout':8}{'messages':>9}{'crossing':>9}{'p50 us':>8}{'p99 us':>8}{'engine':>8}{'moves':>6}{'undone':>7}")
    try:
        for pattern in patterns:
            for n in cpus:
                pairs = [(test.measure(pattern, n, "--static"), test.measure(pattern, n)) for _ in range(options.runs)]
                for layout, measured in zip(("static", "moving"), zip(*pairs)):
                    m = {name: statistics.median(run[name] for run in measured) for name in measured[0]}
                    print(f"{pattern:10}{n:6} {layout:8}{m['messages']:9.0f}{m['crossing']:9.1%}{m['p50'] / 1000:8.1f}"
                          f"{m['p99'] / 1000:8.1f}{m['engine']:8.2%}{m['moves']:6.0f}{m['undone']:7.0f}", flush=True)
    finally:
        test.doCleanups()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--cpus", default="1,2,4")
    parser.add_argument("--computer", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--pause", type=int, default=PAUSE)
    parser.add_argument("patterns", nargs="*", default=list(PATTERNS))
    options = parser.parse_args()
    if options.table:
        table(options.patterns, [int(n) for n in options.cpus.split(",")], options)
    else:
        sys.argv[1:] = []
        rvm_test.main()
