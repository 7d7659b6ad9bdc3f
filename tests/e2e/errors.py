#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What goes wrong for a user says what is wrong and how to cure it, exits non-zero, and leaves nothing behind."""
import os
import resource
import signal
import subprocess

import rvm_test

PINGPONG = rvm_test.EXAMPLES / "pingpong" / "swarm.toml"
SPINNER = rvm_test.EXAMPLES / "spinner" / "swarm.toml"


class Errors(rvm_test.RvmTest):
    def snapshot(self):
        """Every file below the test's folder but the key, which the first run makes and keeps."""
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*")
                      if p.is_file() and p != self.key_file())

    def fails(self, *arguments, mentions=(), code=None, env=None):
        before = self.snapshot()
        result = self.rvm(*arguments, env=env, timeout=60)
        self.assertNotEqual(result.returncode, 0, str(result))
        self.assertGreater(result.returncode, 0, f"ended by a signal: {result}")
        if code is not None:
            self.assertEqual(result.returncode, code, str(result))
        self.assertIn("error", result.stderr.lower(), str(result))
        for text in mentions:
            self.assertIn(text, result.stderr, str(result))
        self.assertNotIn("terminate called", result.stderr)
        self.assertEqual(self.snapshot(), before, f"left something behind\n{result}")
        return result

    def test_missing_manifest(self):
        self.fails("run", self.folder / "nowhere.toml", mentions=["nowhere.toml"])

    def test_manifest_is_a_folder(self):
        self.fails("run", self.folder)

    def test_bad_manifests_point_at_the_place(self):
        good = PINGPONG.read_text()
        cases = {
            "syntax": (good + "\n[machine\n", None),
            "unknown key": (good + "\n[machien]\ncpus = 2\n", "machien"),
            "empty": ("", None),
            "binary": ("\x00\x01\x02", None),
        }
        for name, (text, mention) in cases.items():
            with self.subTest(name):
                path = self.manifest(text, "bad.toml")
                result = self.fails("run", path, mentions=["bad.toml"] + ([mention] if mention else []), code=2)
                if name in ("syntax", "unknown key"):
                    # FILE:LINE:COLUMN: message
                    self.assertRegex(result.stderr, r"bad\.toml:\d+:\d+: ", str(result))

    def test_missing_agent_program(self):
        text = PINGPONG.read_text()
        module = next(l for l in text.splitlines() if l.strip().startswith("module"))
        path = self.manifest(text.replace(module, 'module = "no-such-program"'))
        self.fails("run", path, mentions=["no-such-program", "cure"])

    def test_corrupt_agent_program(self):
        elf = next((rvm_test.ROOT / "build" / "appliance" / "agents").glob("*.elf")).read_bytes()
        for name, data in {"empty": b"", "text": b"#!/bin/sh\n", "cut": elf[:100],
                           "other machine": elf[:18] + b"\x3e\x00" + elf[20:]}.items():
            with self.subTest(name):
                program = self.folder / "agent.elf"
                program.write_bytes(data)
                self.fails("run", program, mentions=["agent.elf"])

    def test_no_qemu(self):
        result = self.fails("run", PINGPONG, env={"PATH": "/nonexistent"}, mentions=["qemu-system-aarch64", "cure"])
        self.assertIn("qemu-system-arm", result.stderr, "names the package")

    def test_bad_options(self):
        for options in (["--cpus", "0"], ["--cpus", "9"], ["--cpus", "two"], ["--memory", "1K"], ["--gic", "4"],
                        ["--cpu", "pentium"], ["--no-such-option"]):
            with self.subTest(options=options):
                self.fails("run", PINGPONG, *options, code=2)
        self.fails("no-such-command", code=2)

    def test_log_volume_that_is_not_one(self):
        for name, data in {"text": b"hello\n" * 1000, "empty": b""}.items():
            with self.subTest(name):
                disk = self.folder / "disk.img"
                disk.write_bytes(data)
                self.fails("witness", "verify", disk, mentions=["disk.img"])
                if data:
                    self.fails("run", PINGPONG, "--disk", disk, mentions=["disk.img"])
                    self.assertEqual(disk.read_bytes(), data, "a foreign file is not overwritten")
        self.fails("witness", "verify", self.folder / "none.img", mentions=["none.img"])

    def test_disk_in_unwritable_place(self):
        self.fails("run", PINGPONG, "--disk", "/proc/none/disk.img", mentions=["/proc/none"])

    def test_disk_full(self):
        """A file-size limit stands in for a full disk: writes fail in the same places."""
        before = self.snapshot()
        disk = self.folder / "disk.img"
        run = subprocess.run([rvm_test.PROGRAM, "run", PINGPONG, "--disk", disk, "--json"], env=self.env,
                             capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10)))
        self.assertGreater(run.returncode, 0, run.stderr)
        self.assertIn("cure", run.stderr)
        self.assertEqual(self.snapshot(), before, "left something behind")

    def test_disk_full_on_a_small_file_system(self):
        small = self.folder / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], capture_output=True,
                          check=False).returncode != 0:
            self.skipTest("mounting needs root")
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=False)
        self.fails("run", PINGPONG, "--disk", small / "disk.img", mentions=["disk.img", "cure"])
        self.assertEqual(os.listdir(small), [])

    def test_key_of_wrong_size(self):
        key = self.folder / "bad.key"
        key.write_bytes(b"short")
        self.fails("run", PINGPONG, "--key", key, mentions=["bad.key"])

    def test_interrupt_ends_cleanly_and_keeps_the_log(self):
        for sign in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=sign.name):
                disk = self.folder / f"{sign.name}.img"
                session = self.start("run", SPINNER, "--disk", disk, "--for", "30s", "--verbose")
                self.assertIsNotNone(session.wait_for(lambda line: '"t":"durable"' in line, 30), str(session.result()))
                machine = session.machine()
                self.assertIsNotNone(machine)
                os.kill(session.process.pid, sign)
                result = session.finish(20)
                self.assertNotEqual(result.returncode, 0, "an interrupted run is not a success")
                self.assertFalse(os.path.exists(f"/proc/{machine}"), "QEMU is gone")
                verify = self.rvm("witness", "verify", disk)
                self.assertEqual(verify.returncode, 0, str(verify))

    def test_two_interrupts_end_at_once(self):
        session = self.start("run", SPINNER, "--for", "30s", "--verbose")
        self.assertIsNotNone(session.wait_for(lambda line: '"t":"boot"' in line, 30), str(session.result()))
        machine = session.machine()
        for _ in range(2):
            os.kill(session.process.pid, signal.SIGINT)
        session.finish(10)
        self.assertFalse(machine and os.path.exists(f"/proc/{machine}"), "QEMU is gone")

    def test_machine_dies(self):
        session = self.start("run", SPINNER, "--for", "30s", "--verbose", "--json")
        self.assertIsNotNone(session.wait_for(lambda line: '"t":"boot"' in line, 30), str(session.result()))
        os.kill(session.machine(), signal.SIGKILL)
        result = session.finish(20)
        self.assertGreater(result.returncode, 0, str(result))
        self.assertEqual(result.json()["result"], "failed", str(result))

    def test_time_limit(self):
        """--for is an orderly end: the log is complete."""
        self.run_ok(rvm_test.EXAMPLES / "traffic" / "swarm.toml", "--for", "300ms")

    def test_help_and_version(self):
        for arguments in (["--help"], ["run", "--help"], ["witness", "--help"], ["bench", "--help"], ["new", "--help"],
                          ["--version"]):
            with self.subTest(arguments=arguments):
                result = self.rvm(*arguments)
                self.assertEqual(result.returncode, 0, str(result))
                self.assertTrue(result.stdout)


if __name__ == "__main__":
    rvm_test.main()
