#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A log that was touched does not verify, and the verifier names the record; an independent checker agrees."""
import pathlib
import random
import re
import subprocess
import sys

import rvm_test

# A few hundred records: every call is witnessed by itself.
MANIFEST = """
development = true
[machine]
disk_size = "1M"
[witness]
ipc = "each"
[[partition]]
name = "left"
[[partition]]
name = "right"
[[agent]]
name = "ping"
partition = "left"
module = "ping"
args = ["100"]
[[agent]]
name = "pong"
partition = "right"
module = "pong"
service = true
[[edge]]
from = "ping"
to = "pong"
name = "pong"
peer_name = "ping"
"""
CHECKER = pathlib.Path(__file__).resolve().parents[1] / "independent" / "check_log.py"
RECORD = rvm_test.RECORD_BYTES
MAC = slice(48, 56)  # of a record; MACs lie in a volume as they are, all else is packed
MAC_BYTES = 8
SEGMENT_RECORDS = 1024  # at most
SEED = 20240229
TREE_HEAD = 0xB3  # kind of the record that closes a log


class Tamper(rvm_test.RvmTest):
    made = None  # volume, key and outcome of the runs that every test starts from

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.disk = self.folder / "log.img"
        if not Tamper.made:
            # Two boots, so that the log has a seam. The other tests start with what the first one made.
            manifest = self.manifest(MANIFEST)
            self.run_ok(manifest, "--disk", self.disk)
            outcome = self.run_ok(manifest, "--disk", self.disk)
            Tamper.made = (self.disk.read_bytes(), self.key_file().read_bytes(), outcome)
        else:
            self.disk.write_bytes(Tamper.made[0])
            self.key_file().parent.mkdir(parents=True)
            self.key_file().write_bytes(Tamper.made[1])
            self.key_file().chmod(0o600)
        self.outcome = Tamper.made[2]
        self.raw = self.export(self.disk)
        self.count = len(self.raw) // RECORD
        self.assertGreater(self.count, 200)

    def verify_raw(self, data):
        path = self.folder / "tampered.raw"
        path.write_bytes(data)
        return self.rvm("witness", "verify", "--raw", path)

    def verify_disk(self, data):
        path = self.folder / "tampered.img"
        path.write_bytes(data)
        return self.rvm("witness", "verify", path)

    def independent(self, *arguments):
        return subprocess.run([sys.executable, CHECKER, "--key", self.key_file(), *map(str, arguments)],
                              capture_output=True, text=True, timeout=120, check=False)

    def refused(self, result, record=None):
        self.assertGreater(result.returncode, 0, str(result))
        if record is not None:
            text = result.stdout + result.stderr
            named = {int(n) for n in re.findall(r"record (\d+)", text)}
            for first, last in re.findall(r"segment of records (\d+) to (\d+)", text):
                named |= set(range(int(first), int(last) + 1))
                self.assertLess(int(last) - int(first), SEGMENT_RECORDS, str(result))
            # A changed record breaks its own MAC, or the next record's link to it.
            self.assertTrue(named & {record, record + 1}, f"record {record} is not named\n{result}")

    def test_untouched(self):
        self.assertEqual(self.verify_raw(self.raw).returncode, 0)
        self.assertEqual(self.rvm("witness", "verify", self.disk).returncode, 0)
        raw = self.folder / "whole.raw"
        raw.write_bytes(self.raw)
        run = self.independent("--raw", raw, "--root", self.outcome["witness"]["root"],
                               "--size", self.outcome["witness"]["tree_size"])
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        run = self.independent("--volume", self.disk)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_every_byte_of_a_record_and_random_bytes(self):
        places = [self.count // 2 * RECORD + i for i in range(RECORD)]
        places += [self.random.randrange(len(self.raw)) for _ in range(64)]
        places += [0, RECORD - 1, len(self.raw) - 1]
        for place in places:
            data = bytearray(self.raw)
            data[place] ^= 1 << self.random.randrange(8)
            with self.subTest(byte=place):
                self.refused(self.verify_raw(data), place // RECORD)

    def test_tail_cut(self):
        for records in (1, 2, self.count // 3, self.count - 1):
            rest = self.raw[:-records * RECORD]
            if rest[-RECORD + 16] == TREE_HEAD:
                # What is left is the whole log as it was at an earlier orderly end. Only who knows that it went on (the
                # volume's superblock, a later tree head) can tell.
                continue
            with self.subTest(cut=records):
                self.refused(self.verify_raw(rest))
        with self.subTest("part of a record"):
            self.refused(self.verify_raw(self.raw[:-1]))
        with self.subTest("everything"):
            self.refused(self.verify_raw(b""))

    def test_drop_duplicate_swap(self):
        records = [self.raw[i:i + RECORD] for i in range(0, len(self.raw), RECORD)]
        for _ in range(8):
            i = self.random.randrange(1, self.count - 1)
            j = self.random.choice([k for k in range(self.count) if k != i])
            swapped = list(records)
            swapped[i], swapped[j] = swapped[j], swapped[i]
            for name, changed in (("drop", records[:i] + records[i + 1:]), ("duplicate", records[:i] + records[i:i + 1] + records[i:]),
                                  ("swap", swapped)):
                with self.subTest(name, record=i, other=j):
                    self.refused(self.verify_raw(b"".join(changed)))
        with self.subTest("first record dropped"):
            self.refused(self.verify_raw(b"".join(records[1:])))

    def test_other_key(self):
        key = self.folder / "other.key"
        key.write_bytes(bytes(32))
        raw = self.folder / "whole.raw"
        raw.write_bytes(self.raw)
        self.refused(self.rvm("witness", "verify", "--raw", raw, "--key", key))
        self.refused(self.rvm("witness", "verify", self.disk, "--key", key))

    def record_places(self):
        """Offsets of the records' MACs in the volume file, by sequence number: found by content, whatever the layout."""
        image = self.disk.read_bytes()
        places = {}
        for sequence in range(self.count):
            at = image.find(self.raw[sequence * RECORD:(sequence + 1) * RECORD][MAC])
            if at >= 0:
                places[sequence] = at
        return image, places

    def test_volume_bytes(self):
        image, places = self.record_places()
        self.assertGreater(len(places), self.count * 9 // 10, "MACs lie in the volume as they are")
        for sequence in self.random.sample(sorted(places), 40) + [min(places), max(places)]:
            data = bytearray(image)
            data[places[sequence] + self.random.randrange(MAC_BYTES)] ^= 1 << self.random.randrange(8)
            with self.subTest(record=sequence):
                self.refused(self.verify_disk(data), sequence)

    def test_volume_packed_bytes(self):
        """Any byte from the first segment on: the packed records, headers, padding."""
        image, places = self.record_places()
        end = max(places.values()) + MAC_BYTES
        for place in [self.random.randrange(8192, end) for _ in range(60)] + [8192, end - 1]:
            data = bytearray(image)
            data[place] ^= 1 << self.random.randrange(8)
            with self.subTest(byte=place):
                self.refused(self.verify_disk(data))

    def test_volume_drop_duplicate_swap(self):
        image, places = self.record_places()
        for _ in range(6):
            a, b = self.random.sample(sorted(places), 2)
            one, other = (image[places[s]:places[s] + MAC_BYTES] for s in (a, b))
            for name, first, second in (("swap", other, one), ("duplicate", other, other), ("drop", bytes(MAC_BYTES), other)):
                data = bytearray(image)
                data[places[a]:places[a] + MAC_BYTES] = first
                data[places[b]:places[b] + MAC_BYTES] = second
                with self.subTest(name, a=a, b=b):
                    self.refused(self.verify_disk(data))

    def test_volume_cut(self):
        image, places = self.record_places()
        end = max(places.values()) + MAC_BYTES
        for cut in (RECORD, 512, 4096, end // 2):
            with self.subTest(cut=cut):
                self.refused(self.verify_disk(image[:end - cut]))
            with self.subTest(zeroed=cut):
                self.refused(self.verify_disk(image[:end - cut] + bytes(len(image) - end + cut)))

    def test_independent_checker_agrees(self):
        for _ in range(40):
            data = bytearray(self.raw)
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
            path = self.folder / "tampered.raw"
            path.write_bytes(data)
            run = self.independent("--raw", path)
            self.assertEqual(run.returncode, 1, run.stdout + run.stderr)


if __name__ == "__main__":
    rvm_test.main()
