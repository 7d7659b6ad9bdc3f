# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the end-to-end tests share: running the rvm program as a user would, in a home folder of the test's own."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(os.environ.get("RVM_ROOT") or pathlib.Path(__file__).resolve().parents[2])
PROGRAM = os.environ.get("RVM_PROGRAM") or str(ROOT / "build" / "host" / "rvm")
EXAMPLES = ROOT / "examples"
RECORD_BYTES = 64


class Result:
    """Outcome of one run of the program."""

    def __init__(self, arguments, returncode, stdout, stderr):
        self.arguments, self.returncode, self.stdout, self.stderr = arguments, returncode, stdout, stderr

    def json(self):
        """The last line of stdout, which `--json` promises to be one object."""
        lines = self.stdout.strip().splitlines()
        if not lines:
            raise AssertionError(f"no output\n{self}")
        try:
            return json.loads(lines[-1])
        except json.JSONDecodeError as error:
            raise AssertionError(f"last line is not JSON: {error}\n{self}") from error

    def __str__(self):
        return (f"$ rvm {' '.join(map(str, self.arguments))}\nstatus {self.returncode}\n"
                f"stdout: {self.stdout[-3000:]}\nstderr: {self.stderr[-3000:]}")


def children(pid):
    """Live descendants of a process as {pid: command name}."""
    parents, names = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                text = stat.read()
        except OSError:
            continue
        name, _, rest = text[text.index("(") + 1:].rpartition(")")
        if rest.split()[0] != "Z":
            parents[int(entry)] = int(rest.split()[1])
            names[int(entry)] = name
    found, pending = {}, [pid]
    while pending:
        parent = pending.pop()
        for child, of in parents.items():
            if of == parent:
                found[child] = names[child]
                pending.append(child)
    return found


class Session:
    """A running rvm: its output arrives line by line, and its QEMU can be killed."""

    def __init__(self, arguments, env, cwd):
        self.arguments = arguments
        self.process = subprocess.Popen([PROGRAM, *map(str, arguments)], env=env, cwd=cwd, text=True, errors="replace",
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self.lines = {"stdout": [], "stderr": []}
        self.changed = threading.Condition()
        self.readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in self.lines]
        for reader in self.readers:
            reader.start()

    def _read(self, name):
        for line in getattr(self.process, name):
            with self.changed:
                self.lines[name].append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait_for(self, predicate, timeout):
        """Waits until a line satisfies the predicate; returns it, or None when the program ends or time is up first."""
        deadline = time.monotonic() + timeout
        seen = {"stdout": 0, "stderr": 0}
        with self.changed:
            while True:
                for name, lines in self.lines.items():
                    for line in lines[seen[name]:]:
                        if predicate(line):
                            return line
                    seen[name] = len(lines)
                over = self.process.poll() is not None and not any(r.is_alive() for r in self.readers)
                if over or time.monotonic() > deadline:
                    return None
                self.changed.wait(0.05)

    def machine(self):
        """Process id of the emulated machine, or None while there is none."""
        for pid, name in children(self.process.pid).items():
            if name.startswith("qemu-system"):
                return pid
        return None

    def finish(self, timeout):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"did not end in {timeout} s: {self.result()}") from None
        for reader in self.readers:
            reader.join(10)
        return self.result()

    def result(self):
        return Result(self.arguments, self.process.returncode, "\n".join(self.lines["stdout"]),
                      "\n".join(self.lines["stderr"]))


class RvmTest(unittest.TestCase):
    """Gives every test an empty folder and a home of its own, and checks that nothing is left running."""

    longMessage = True

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rvm-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.env = {**os.environ, "RVM_ROOT": str(ROOT), "XDG_STATE_HOME": str(self.folder / "state"),
                    "HOME": str(self.folder), "NO_COLOR": "1"}
        self.sessions = []
        self.addCleanup(self._end_sessions)

    def _end_sessions(self):
        for session in self.sessions:
            if session.process.poll() is None:
                os.killpg(session.process.pid, signal.SIGKILL)
                session.process.wait()
            for stream in (session.process.stdout, session.process.stderr):
                stream.close()

    def start(self, *arguments, env=None, cwd=None):
        session = Session(arguments, {**self.env, **(env or {})}, cwd or self.folder)
        self.sessions.append(session)
        return session

    def rvm(self, *arguments, timeout=120, env=None, cwd=None):
        return self.start(*arguments, env=env, cwd=cwd).finish(timeout)

    def run_ok(self, manifest, *arguments, timeout=120, env=None):
        """`rvm run MANIFEST ... --json` that must succeed with a verified log, from whose records alone the objects follow
        that the kernel had at the end; returns the JSON object."""
        dump = self.folder / "state.json"
        disk = arguments[arguments.index("--disk") + 1] if "--disk" in arguments else self.folder / "replayed.img"
        kept = () if "--disk" in arguments else ("--disk", disk)
        result = self.rvm("run", manifest, *arguments, *kept, "--dump", dump, "--json", timeout=timeout, env=env)
        self.assertEqual(result.returncode, 0, str(result))
        outcome = result.json()
        self.assertEqual(outcome["result"], "ok", str(result))
        self.check_shape(outcome)
        self.assertTrue(outcome["witness"]["verified"], str(result))
        self.assertEqual(outcome["witness"]["records"], outcome["witness"]["durable"], "everything is durable at the end")
        self.replay_equals(disk, dump, env)
        if kept:
            disk.unlink()
        return outcome

    def replay_equals(self, disk, dump, env=None):
        replay = self.rvm("witness", "replay", disk, "--compare", dump, "--json", env=env)
        self.assertEqual(replay.returncode, 0, str(replay))
        self.assertGreater(replay.json()["objects"], 0, str(replay))

    def check_shape(self, outcome):
        """Every promised key is there with a value of the promised kind."""
        for key in ("wall_ms", "cpus", "partitions", "agents", "messages", "switches", "refused", "faults"):
            self.assertIsInstance(outcome[key], int, key)
        self.assertIsInstance(outcome["boot"]["first_witness_ns"], int)
        for key in ("tried", "contained"):
            self.assertIsInstance(outcome["attacks"][key], int, key)
        for key in ("records", "durable", "tree_size"):
            self.assertIsInstance(outcome["witness"][key], int, key)
        self.assertIsInstance(outcome["witness"]["verified"], bool)
        self.assertRegex(outcome["witness"]["root"], r"^[0-9a-f]{64}$")
        for name, latency in outcome["latency_ns"].items():
            self.assertEqual(set(latency), {"p50", "p99", "max"}, name)

    def export(self, disk):
        """The records of a volume, one after another."""
        raw = self.folder / "export.raw"
        result = self.rvm("witness", "export", disk, "--raw", raw)
        self.assertEqual(result.returncode, 0, str(result))
        data = raw.read_bytes()
        raw.unlink()
        self.assertEqual(len(data) % RECORD_BYTES, 0)
        return data

    def key_file(self):
        return self.folder / "state" / "rvm" / "device.key"

    def manifest(self, text, name="swarm.toml"):
        path = self.folder / name
        path.write_text(text)
        return path


def main():
    unittest.main(verbosity=2)
