#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Forged logs, each with everything fixed up that its forger can fix: `rvm witness verify` refuses every one for the right reason.

Three forgers: one without any key, who can make every hash but no MAC; one with another device's key; and one who stole this
device's key, against whom only what was noted elsewhere helps (--tree), or a contradiction within the log.
"""
import os
import pathlib
import random
import re
import subprocess
import tempfile
import unittest

from forged_log import FIELDS, DATA_START, Device, Tree, Volume, boot, chain, get, leaf, put, sha, tree_head

PROGRAM = os.environ["RVM_PROGRAM"]
MAC = r"MAC does not match"


def split(records, lengths):
    out, at = [], 0
    for n in lengths:
        out.append(records[at:at + n])
        at += n
    return out + [records[at:]]


class Forge(unittest.TestCase):
    """`self.records`: two boots of device 1, 41 and 60 records, each with its closing tree head last."""

    @classmethod
    def setUpClass(cls):
        cls.device, cls.other = Device(bytes(range(32))), Device(bytes(range(100, 132)))
        cls.first_boot = boot([], cls.device, 40)
        cls.records = boot(cls.first_boot, cls.device, 59)
        cls.segments = split(cls.records, (13, 28, 30))
        cls.volume = Volume(cls.device, cls.segments)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="rvm-forge-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.key = self.folder / "device.key"
        self.key.write_bytes(self.device.key)
        self.key.chmod(0o600)

    def verify(self, content, *options, raw=False):
        path = self.folder / "forged"
        path.write_bytes(content)
        where = ("--raw", path) if raw else (path,)
        run = subprocess.run([PROGRAM, "witness", "verify", *where, "--key", self.key, *options], capture_output=True, text=True,
                             timeout=60, check=False)
        return run.returncode, run.stdout + run.stderr

    def accepted(self, content, *options, raw=False):
        status, text = self.verify(content, *options, raw=raw)
        self.assertEqual(status, 0, text)

    def refused(self, reason, content, *options, raw=False):
        status, text = self.verify(content, *options, raw=raw)
        self.assertEqual(status, 1, text)
        first = text.partition("does not verify: ")[2].partition("\n  then ")[0]
        self.assertRegex(first, reason, text)

    def known(self, records=None):
        records = self.records if records is None else records
        return "--tree", f"{len(records)}:{Tree(leaf(r) for r in records).root().hex()}"

    def with_segments(self, segments, **options):
        """A volume of these, behind the superblocks of the true one: its forger has no key."""
        return bytes(Volume(self.device, segments, vouch=self.volume, **options).image)

    # --- what is right is accepted: the kit writes what the format says ---

    def test_true_logs(self):
        self.accepted(b"".join(self.records), raw=True)
        self.accepted(b"".join(self.records), *self.known(), raw=True)
        self.accepted(bytes(self.volume.image))
        self.accepted(bytes(self.volume.image), *self.known(self.records[:50]))
        self.accepted(bytes(Volume(self.device, self.segments, closed=False).image))

    # --- without a key: every field, the chain fixed up behind it ---

    def test_field_of_a_bare_record(self):
        for field in FIELDS:
            for place in (0, 17, len(self.records) - 2):
                with self.subTest(field, record=place):
                    changed = list(self.records)
                    changed[place] = put(changed[place], field, get(changed[place], field) ^ 1)
                    # The edit of prev_hash stays; what follows is linked to it.
                    changed = chain(changed, start=place + 1)
                    self.refused(f"^record {place}: {MAC}", b"".join(changed), raw=True)

    def test_field_of_a_packed_record(self):
        for field in FIELDS:
            if field in ("sequence", "prev_hash"):
                continue  # are not in a volume
            for place in (0, 17, len(self.records) - 2):
                with self.subTest(field, record=place):
                    changed = list(self.records)
                    changed[place] = put(changed[place], field, get(changed[place], field) ^ 1)
                    changed = chain(changed, start=place + 1)
                    self.refused(f"record {place}: {MAC}", self.with_segments(split(changed, (13, 28, 30))))

    def test_record_dropped_and_the_rest_renumbered(self):
        changed = chain(self.records[:20] + self.records[21:], renumber=True)
        self.refused(f"^record 20: {MAC}", b"".join(changed), raw=True)

    def test_record_dropped(self):
        changed = chain(self.records[:20] + self.records[21:])
        # The next one's MAC covers the link that was mended.
        self.refused(f"^record 20: {MAC}", b"".join(changed), raw=True)
        self.refused("^record 20: expected here, but record 21 was found", b"".join(self.records[:20] + self.records[21:]), raw=True)

    def test_record_repeated(self):
        self.refused("^record 21: expected here, but record 20 was found: records are repeated",
                     b"".join(self.records[:21] + self.records[20:]), raw=True)

    def test_records_exchanged(self):
        changed = list(self.records)
        changed[20], changed[21] = changed[21], changed[20]
        self.refused("^record 20: expected here, but record 21 was found", b"".join(changed), raw=True)
        self.refused(f"^record 20: {MAC}", b"".join(chain(changed, renumber=True)), raw=True)

    def test_record_invented(self):
        changed = chain(self.records[:20] + [os.urandom(64)] + self.records[20:], renumber=True)
        self.refused(f"^record 20: {MAC}", b"".join(changed), raw=True)

    # --- cut ---

    def test_cut_at_a_record(self):
        self.refused("^record 90: missing: the log does not end in a closing TreeHead", b"".join(self.records[:90]), raw=True)

    def test_cut_within_a_record(self):
        self.refused("^record 90: incomplete", b"".join(self.records)[:90 * 64 + 10], raw=True)

    def test_cut_at_a_head(self):
        cut = b"".join(self.first_boot)
        self.accepted(cut, raw=True)  # is a whole log of its own: only what was noted elsewhere tells
        self.refused(f"the log was cut: it is known to have had {len(self.records)} records", cut, *self.known(), raw=True)

    def test_volume_replaced_by_an_older_copy(self):
        old = bytes(Volume(self.device, split(self.first_boot, (13,)), generation=4).image)
        self.accepted(old)
        self.refused("the log was cut", old, *self.known())

    def test_last_segment_erased(self):
        image = bytearray(self.volume.image)
        image[self.volume.starts[-1]:self.volume.end] = bytes(self.volume.end - self.volume.starts[-1])
        self.refused("segment of records 71 to 100: no segment header", bytes(image))

    # --- forks and replays ---

    def test_fork_with_the_stolen_key(self):
        fork = boot(self.first_boot, self.device, 59, seed=3)
        self.accepted(b"".join(fork), raw=True)
        self.refused("the first 101 records are not those that are known", b"".join(fork), *self.known(), raw=True)
        self.refused("the first 101 records are not those that are known",
                     bytes(Volume(self.device, split(fork, (13, 28, 30))).image), *self.known())

    def test_fork_without_the_key(self):
        # The segments of a fork that the device made once (before it was told to start anew), under the true superblocks.
        fork = boot(self.first_boot, self.device, 59, seed=3)
        self.refused("superblock 1: describes another log than this", self.with_segments(split(fork, (13, 28, 30))))

    def test_old_segment_replayed(self):
        segments = [self.segments[0], self.segments[1], self.segments[1], self.segments[3]]
        self.refused(f"record 41: {MAC}", self.with_segments(segments))
        open_volume = Volume(self.device, self.segments, closed=False)
        longer = Volume(self.device, self.segments + [self.segments[1]], vouch=open_volume)
        self.refused(f"record 101: {MAC}", bytes(longer.image))  # beyond what the superblock counts

    def test_segments_exchanged(self):
        def change(parts):  # each says the number that its records had
            parts["first"] = {0: 0, 1: 41, 2: 13, 3: 71}[parts["number"]]
        segments = [self.segments[0], self.segments[2], self.segments[1], self.segments[3]]
        self.refused("first sequence number does not follow", self.with_segments(segments, change=change))
        self.refused(f"record 13: {MAC}", self.with_segments(segments))

    def test_segment_of_another_volume(self):
        def change(parts):
            if parts["number"] == 2:
                parts["owner"] = b"another!"
        self.refused("segment of records 41 to 70: segment of another volume", self.with_segments(self.segments, change=change))

    # --- other keys ---

    def test_newer_key_on_older_entries(self):
        newer = chain(self.records, self.other)
        self.refused(f"^record 0: {MAC}", b"".join(newer), raw=True)
        mixed = chain(self.records[:41], self.other) + self.records[41:]
        self.refused(f"^record 0: {MAC}", b"".join(mixed), raw=True)
        half = self.records[:41] + chain(self.records, self.other, start=41)[41:]
        self.refused(f"^record 41: {MAC}", b"".join(half), raw=True)
        self.refused(f"record 0: {MAC}", self.with_segments(split(newer, (13, 28, 30))))

    def test_log_of_another_device(self):
        theirs = boot(boot([], self.other, 40), self.other, 59)
        self.refused("written under another device key", bytes(Volume(self.other, split(theirs, (13, 28, 30))).image))

    def test_tree_head_of_another_device(self):
        theirs = boot(boot([], self.other, 40), self.other, 59)
        self.refused(f"record 100: {MAC}", b"".join(self.records[:100] + theirs[100:]), raw=True)

    # --- headers, whose chain the superblock vouches for ---

    def test_index_that_hides_a_kind(self):
        def change(parts):
            if parts["number"] == 1:
                parts["index"] = parts["index"][:16] + bytes(32) + parts["index"][48:]
        self.refused("segment of records 13 to 40: its index is not that of its records",
                     self.with_segments(self.segments, change=change))
        stolen = Volume(self.device, self.segments, change=change)  # even if the superblock vouches for it
        self.refused("segment of records 13 to 40: its index is not that of its records", bytes(stolen.image))

    def test_header_that_follows_something_else(self):
        def change(parts):
            if parts["number"] == 1:
                parts["previous"] = sha(b"else")
        self.refused("segment of records 13 to 40: does not follow the record before it",
                     bytes(Volume(self.device, self.segments, change=change).image))

    def test_header_chain_broken(self):
        def change(parts):
            if parts["number"] == 2:
                parts["previous_digest"] = sha(b"else")
        self.refused("segment of records 41 to 70: segment digest does not match its header and predecessor",
                     self.with_segments(self.segments, change=change))

    def test_payload_without_its_header(self):
        image = bytearray(self.volume.image)
        image[self.volume.starts[1] + 400] ^= 1
        self.refused("segment of records 13 to 40: payload digest does not match", bytes(image))

    def test_packing_that_lies(self):
        def change(parts):
            if parts["number"] == 1:
                parts["payload"] = b"\xff\xff" + parts["payload"][2:]
        self.refused("segment of records 13 to 40: its records cannot be unpacked",
                     bytes(Volume(self.device, self.segments, change=change).image))

    def test_more_records_than_are_there(self):
        def change(parts):
            if parts["number"] == 1:
                parts["count"] += 1
        self.refused("segment of records 13 to 41: its records cannot be unpacked",
                     bytes(Volume(self.device, self.segments, change=change).image))

    def test_flags_that_do_not_exist(self):
        def change(parts):
            if parts["number"] == 1:
                parts["flags"] = 0x80
        self.refused("flags that version 2 does not have", bytes(Volume(self.device, self.segments, change=change).image))

    def test_hidden_in_the_padding(self):
        def change(parts):
            if parts["number"] == 1:
                parts["padding"] = b"hidden"
        self.refused("segment of records 13 to 40: padding is not zero",
                     bytes(Volume(self.device, self.segments, change=change).image))

    def test_hidden_behind_the_end(self):
        image = bytearray(self.volume.image)
        image[-9:] = b"hidden..."
        self.refused("after record 100: bytes beyond the end of the log are not zero", bytes(image))

    # --- superblocks ---

    def test_one_superblock_rolled_back(self):
        old = Volume(self.device, self.segments[:2], generation=4)
        image = bytearray(self.volume.image)
        image[0:4096] = old.image[0:4096]  # generation 4 in the place of 8; 7 is in the other
        self.refused("superblock 0: generation 4 does not precede 7", bytes(image))

    def test_superblock_changed_without_the_key(self):
        for at, what in ((56, "records"), (64, "end"), (20, "state"), (144, "root")):
            with self.subTest(what):
                image = bytearray(self.volume.image)
                for slot in (0, 4096):
                    image[slot + at] ^= 1
                    image[slot + 448:slot + 480] = sha(bytes(image[slot:slot + 448]))
                self.refused("superblock 0: damaged: digest or MAC does not match", bytes(image))

    def test_superblock_of_another_volume(self):
        twin = Volume(self.device, split(boot([], self.device, 100, seed=5), (13, 28, 30)), volume_id=bytes(16))
        image = bytearray(self.volume.image)
        image[0:8192] = twin.image[0:8192]
        self.refused("segment of records 0 to 12: segment of another volume", bytes(image))

    def test_superblock_in_the_wrong_slot(self):
        image = bytearray(self.volume.image)
        image[4096:8192] = image[0:4096]
        self.refused("superblock 1: damaged", bytes(image))

    def test_superblock_that_contradicts_the_log(self):
        """With the stolen key, but carelessly."""
        for what, changed in (("fewer records", {"records": 100}), ("another tree", {"root": sha(b"root")})):
            with self.subTest(what):
                image = bytearray(self.volume.image)
                image[0:4096] = self.volume.superblock(8, 2, **changed)
                image[4096:8192] = self.volume.superblock(7, 1, **changed)
                self.refused("superblock 0: damaged", bytes(image))

    def test_version_1(self):
        self.refused("of a format version that is not known", bytes(Volume(self.device, self.segments, version=1).image))

    # --- contradictions that the stolen key does not mend ---

    def test_tree_head_that_lies(self):
        for field in ("payload", "aux", "proof_tier", "flags", "actor_partition_id", "target_object_id", "capability_hash"):
            with self.subTest(field):
                head = put(self.records[-1], field, get(self.records[-1], field) ^ 2)
                changed = chain(self.records[:-1] + [head], self.device, start=len(self.records) - 1)
                self.refused("record 100: TreeHead does not match the records before it", b"".join(changed), raw=True)
                self.refused("record 100: TreeHead does not match the records before it",
                             bytes(Volume(self.device, split(changed, (13, 28, 30))).image))

    def test_history_rewritten_under_an_old_head(self):
        changed = list(self.records)
        changed[5] = put(changed[5], "payload", 1)
        changed = chain(changed, self.device, start=5)
        self.refused("record 40: TreeHead does not match the records before it", b"".join(changed), raw=True)

    def test_kind_that_does_not_exist(self):
        changed = list(self.records[:-1])
        changed[70] = put(changed[70], "action_kind", 0xEE)
        changed = chain(changed, self.device, start=70)
        changed.append(tree_head(changed, self.device))
        self.refused("record 70: unknown kind 0xee", b"".join(changed), raw=True)
        self.refused("record 70: unknown kind 0xee", bytes(Volume(self.device, split(changed, (13, 28, 30))).image))

    # --- at random ---

    def test_random_bytes(self):
        """Any byte of the volume, its own hash and nothing else fixed up or not."""
        numbers = random.Random(1)
        for _ in range(80):
            image = bytearray(self.volume.image)
            at = numbers.choice((numbers.randrange(DATA_START, self.volume.end), numbers.randrange(0, 3 * 512)))
            image[at] ^= 1 << numbers.randrange(8)
            with self.subTest(byte=at):
                self.refused(re.compile("."), bytes(image))


if __name__ == "__main__":
    unittest.main(verbosity=1)
