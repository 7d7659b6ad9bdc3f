#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The ways in: ./rvm from any folder and through a link, `rvm new`, a bootstrap that costs nothing when all is there."""
import subprocess
import time

import rvm_test


class FrontDoor(rvm_test.RvmTest):
    def shell(self, *command, cwd=None):
        return subprocess.run([str(c) for c in command], cwd=cwd or self.folder, env=self.env, capture_output=True,
                              text=True, timeout=300, check=False, stdin=subprocess.DEVNULL)

    def test_wrapper_from_elsewhere_and_through_a_link(self):
        link = self.folder / "bin" / "rvm"
        link.parent.mkdir()
        link.symlink_to(rvm_test.ROOT / "rvm")
        relative = self.folder / "again"
        relative.symlink_to("bin/rvm")
        for program in (rvm_test.ROOT / "rvm", link, relative):
            with self.subTest(program=str(program)):
                run = self.shell(program, "--version", cwd="/")
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertRegex(run.stdout, r"^rvm \d+\.\d+\.\d+")
                self.assertEqual(len(run.stdout.splitlines()), 1, "only the program writes to standard output")

    def test_wrapper_passes_the_status_on(self):
        self.assertEqual(self.shell(rvm_test.ROOT / "rvm", "no-such-command").returncode, 2)

    def test_bootstrap_is_instant_when_all_is_there(self):
        if self.shell(rvm_test.ROOT / "tools" / "bootstrap.sh", "--check").returncode != 0:
            self.skipTest("packages come from elsewhere on this system")
        started = time.monotonic()
        run = self.shell(rvm_test.ROOT / "tools" / "bootstrap.sh")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        self.assertLess(time.monotonic() - started, 1.0)

    def test_make_lists_the_ways_in(self):
        run = self.shell("make", "-C", rvm_test.ROOT)
        self.assertEqual(run.returncode, 0, run.stderr)
        for target in ("make run", "make test", "make bench"):
            self.assertIn(target, run.stdout)

    def test_new_agent_builds_and_runs(self):
        project = self.folder / "hello"
        result = self.rvm("new", project)
        self.assertEqual(result.returncode, 0, str(result))
        self.run_ok(project / "swarm.toml")
        again = self.rvm("new", project)
        self.assertGreater(again.returncode, 0, "an existing project is not overwritten")
        self.assertIn("error", again.stderr)


if __name__ == "__main__":
    rvm_test.main()
