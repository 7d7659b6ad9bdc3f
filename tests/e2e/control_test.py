# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of the control partition share: a machine with a control agent, and the operator's end of its protocol in an
implementation of its own."""
import hmac
import json
import os
import signal
import socket
import struct
import time

import rvm_test

HELLO, CHALLENGE, REQUEST, RESPONSE, HEALTH_REQUEST, HEALTH, REFUSED = range(1, 8)
MALFORMED, VERSION, AUTHENTICATION, SEQUENCE = range(1, 5)
READ, RECORDS, SUSPEND, RESUME, TERMINATE, SPLIT, MERGE, MIGRATE = range(1, 9)
AGENT, PARTITION = 2, 1
CONTROL = 1  # id of the control partition


def stuff(frame):
    """Consistent overhead byte stuffing, between zeros."""
    out = bytearray(b"\0")
    for i, run in enumerate(pieces := bytes(frame).split(b"\0")):
        while len(run) >= 254:
            out += b"\xff" + run[:254]
            run = run[254:]
            if not run and i == len(pieces) - 1:
                return bytes(out) + b"\0"
        out += bytes([len(run) + 1]) + run
    return bytes(out) + b"\0"


def unstuff(data):
    out = bytearray()
    while data:
        length, run = data[0], data[1:data[0]]
        out += run
        data = data[length:]
        if length != 255 and data:
            out.append(0)
    return bytes(out)


class Console:
    """The operator's end, by hand."""

    def __init__(self, folder, key=None):
        self.key = key if key is not None else (folder / "key").read_bytes()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(folder / "socket"))
        self.pending = b""
        self.session, self.session_key, self.sequence = 0, b"", 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, frame):
        self.socket.sendall(stuff(frame))

    def receive(self, wanted=None):
        """The next frame: kind, sequence, session, payload, tag. Those of other kinds are passed over."""
        while True:
            while b"\0" not in self.pending.lstrip(b"\0"):
                got = self.socket.recv(65536)
                assert got, "the machine has ended"
                self.pending += got
            line, _, self.pending = self.pending.lstrip(b"\0").partition(b"\0")
            frame = unstuff(line)
            version, kind, size, sequence, session = struct.unpack_from("<BBHIQ", frame)
            assert version == 1, frame
            if wanted is None or kind in wanted:
                return kind, sequence, session, frame[16:16 + size], frame[:16 + size], frame[16 + size:]

    def tag(self, text):
        return hmac.digest(self.session_key, text, "sha256")

    def open(self):
        nonce = os.urandom(16)
        self.send(struct.pack("<BBHIQ", 1, HELLO, 16, 0, 0) + nonce)
        while True:  # one that an earlier client did not wait for may come first
            _, mark, self.session, theirs, tagged, tag = self.receive((CHALLENGE,))
            if mark == struct.unpack("<I", nonce[:4])[0]:
                break
        secret = b"RVM-CONTROL-1" + struct.pack("<Q", self.session) + nonce + theirs
        self.session_key = hmac.digest(self.key, secret, "sha256")
        self.sequence = 0
        return hmac.compare_digest(self.tag(tagged), tag)

    def request_frame(self, operation, *arguments, sequence=None):
        self.sequence = self.sequence + 1 if sequence is None else sequence
        body = struct.pack("<II5Q", operation, 0, *(arguments + (0,) * (5 - len(arguments))))
        text = struct.pack("<BBHIQ", 1, REQUEST, len(body), self.sequence, self.session) + body
        return text + self.tag(text)

    def ask(self, frame):
        """Refusal as (REFUSED, why), or (RESPONSE, status)."""
        self.send(frame)
        kind, _, _, payload, tagged, tag = self.receive((RESPONSE, REFUSED))
        if kind == RESPONSE:
            assert hmac.compare_digest(self.tag(tagged), tag)
        return kind, struct.unpack_from("<I", payload)[0]


class ControlTest(rvm_test.RvmTest):
    def setUp(self):
        super().setUp()
        self.env["XDG_RUNTIME_DIR"] = str(self.folder / "r")
        (self.folder / "r").mkdir()

    def machine(self, *options, text, name="m"):
        """A machine under way, as (session, disk, its folder)."""
        disk = self.folder / f"{name}.img"
        session = self.start("run", self.manifest(text, f"{name}.toml"), "--disk", disk, "--name", name, "--timeout", "100s",
                             *options)
        folder = self.folder / "r" / "rvm" / name
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (folder / "socket").exists():
            time.sleep(0.02)
        self.assertTrue((folder / "socket").exists(), "the machine is there")
        return session, disk, folder

    def ok(self, *arguments, **kwargs):
        result = self.rvm(*arguments, **kwargs)
        self.assertEqual(result.returncode, 0, str(result))
        return result

    def agents(self):
        return {a["name"]: a for a in self.ok("ps", "--json").json()["agents"]}

    def end(self, session, disk):
        """Ends it in good order; its log must verify."""
        session.process.send_signal(signal.SIGINT)
        result = session.finish(60)
        self.assertEqual(result.returncode, 130, str(result))
        self.ok("witness", "verify", disk)

    def records(self, disk, kind):
        result = self.ok("witness", "query", disk, "--kind", kind, "--json")
        return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
