#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A manifest and agents of one's own, in a folder of one's own: built by tools/seed_build, run by `rvm run`. Two of them show what the
scheduler promises whoever is woken."""
import re
import shutil
import subprocess

import seed_test
from seed_test import BOARDS, ROOT, rvm_test

AGENTS = ("first", "second", "third")
WAKER = """#include "rvm/seed_agent.hpp"
using namespace rvm::agent;
int agent_main() {
  for (int i = 1; i <= 5; ++i) {
    (void)sleep_until(uint64_t{100'000'000} * i);
    say("awake");
  }
  return 0;
}
"""
# Sleeps long, so that the timer would interrupt late by itself, and then computes.
BUSY = """#include "rvm/seed_agent.hpp"
using namespace rvm::agent;
int agent_main() {
  for (int i = 1; i <= 5; ++i) {
    (void)sleep_until(uint64_t{100'000'000} * i);
    while (now() < uint64_t{100'000'000} * i + 20'000'000)
      for (int k = 0; k < 1'000'000; ++k) asm volatile("" ::: "memory");
  }
  return 0;
}
"""
# Wants the core while the other computes.
PUNCTUAL = """#include "rvm/seed_agent.hpp"
using namespace rvm::agent;
int agent_main() {
  for (int i = 1; i <= 5; ++i) {
    const uint64_t due = uint64_t{100'000'000} * i + 5'000'000;
    (void)sleep_until(due);
    say("late", now() - due);
  }
  return 0;
}
"""


def manifest(board, agents, record_quota=256):
    """Of agents with name, module and priority."""
    lines = ['target = "seed"', f'board = "{board}"', "development = true", "[seed]", 'epoch = "250ms"', "[[partition]]", 'name = "home"',
             f"witness_quota = {record_quota}"]
    for name, module, priority in agents:
        lines += ["[[agent]]", f'name = "{name}"', 'partition = "home"', f'module = "{module}"', f"priority = {priority}"]
    return "\n".join(lines) + "\n"


class Own(rvm_test.RvmTest):
    def setUp(self):
        super().setUp()
        seed_test.device_key(self)
        self.mine = self.folder / "my swarm"
        self.mine.mkdir()
        for name, text in (("waker", WAKER), ("busy", BUSY), ("punctual", PUNCTUAL)):
            (self.mine / f"{name}.cpp").write_text(text)

    def write(self, board, agents=tuple((name, "waker", 100) for name in AGENTS), **options):
        path = self.mine / "swarm.toml"
        path.write_text(manifest(board, agents, **options))
        return path

    def build(self, *arguments):
        return subprocess.run([ROOT / "tools" / "seed_build", *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)

    def test_it_is_built_and_runs(self):
        for board in (BOARDS[0], BOARDS[1]):
            with self.subTest(board=board):
                built = self.build(self.write(board))
                self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
                result = self.rvm("run", self.mine / "swarm.toml")
                self.assertEqual(result.returncode, 0, str(result))
                self.assertEqual(sorted(re.findall(r"^(\w+)\| awake$", result.stdout, re.M)), sorted(AGENTS * 5))
                self.assertIn("verified", result.stdout)

    def test_a_copy_of_the_example_runs_its_own_agents(self):
        copy = self.folder / "copy"
        shutil.copytree(seed_test.EXAMPLE.parent, copy)
        pulse = copy / "pulse.cpp"
        text = pulse.read_text()
        self.assertIn('"jobs done: ', text)
        pulse.write_text(text.replace('"jobs done: ', '"jobs of mine: '))
        self.assertEqual(self.build(copy / seed_test.EXAMPLE.name).returncode, 0)
        for manifest_of, said, not_said in ((copy / seed_test.EXAMPLE.name, "jobs of mine: ", "jobs done: "), (seed_test.EXAMPLE, "jobs done: ", "jobs of mine: ")):
            output = self.rvm("run", manifest_of).stdout
            self.assertIn(said, output)
            self.assertNotIn(not_said, output)

    def run_own(self, agents):
        built = self.build(self.write(BOARDS[0], agents))
        self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
        result = self.rvm("run", self.mine / "swarm.toml")
        self.assertEqual(result.returncode, 0, str(result))
        return result.stdout

    def test_of_those_who_wake_together_the_best_comes_first(self):
        agents = [("least", "waker", 100), ("best", "waker", 300), ("middle", "waker", 200)]
        for ordered in (agents, agents[::-1], agents[1:] + agents[:1]):
            text = self.run_own(ordered)
            self.assertEqual(re.findall(r"^(\w+)\| awake$", text, re.M), ["best", "middle", "least"] * 5)

    def test_who_was_woken_and_computes_does_not_keep_a_better_one_waiting(self):
        text = self.run_own([("busy", "busy", 100), ("punctual", "punctual", 200)])
        late = [int(n) for n in re.findall(r"^punctual\| late: (\d+)$", text, re.M)]
        self.assertEqual(len(late), 5, text)
        self.assertLess(max(late), 2_000, text)

    def test_a_changed_manifest_is_built_anew_first(self):
        self.assertEqual(self.build(self.write(BOARDS[0])).returncode, 0)
        result = self.rvm("run", self.write(BOARDS[0], record_quota=100))
        self.assertEqual(result.returncode, 3, str(result))
        self.assertIn("make seed MANIFEST=", result.stderr)

    def test_what_cannot_be_built_is_said(self):
        for arguments, cause in ((["absent.toml"], "there is no manifest absent.toml"), ([self.write(BOARDS[0]), "pico"], "there is no board pico")):
            built = self.build(*arguments)
            self.assertEqual(built.returncode, 2)
            self.assertIn(cause, built.stderr)
        path = self.write(BOARDS[0])
        path.write_text(path.read_text().replace("waker", "sleeper"))
        built = self.build(path)
        self.assertNotEqual(built.returncode, 0)
        self.assertIn("sleeper", built.stdout + built.stderr)


if __name__ == "__main__":
    rvm_test.main()
