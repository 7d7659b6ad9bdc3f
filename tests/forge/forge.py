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

from forged_log import (FIELDS, DATA_START, SECTOR, Device, Tree, Volume, boot, chain, cosignature, cosigner_key, get, head, index,
                        leaf, put, sha, tree_head)

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
        # The same with a signed head at the end of each boot.
        cls.old_head, cls.new_head = head(cls.device, cls.first_boot), head(cls.device, cls.records)
        cls.noted = Volume(cls.device, cls.with_heads(cls.old_head, cls.new_head))

    @classmethod
    def with_heads(cls, *heads):
        """The segments, the first head after the first boot and all others at the end."""
        return [*cls.segments[:2], heads[0], *cls.segments[2:], *heads[1:]]

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

    # --- signed tree heads ---

    def vouched(self, *heads, **options):
        """Of a forger with the stolen key of the volume, who puts these heads into it."""
        return bytes(Volume(self.device, self.with_heads(*heads), **options).image)

    def test_true_heads(self):
        self.accepted(bytes(self.noted.image))
        self.accepted(bytes(self.noted.image), *self.known(self.records[:50]))
        self.accepted(self.vouched(self.old_head, self.new_head, closed=False))
        self.accepted(self.vouched(head(self.device, self.records, 30), self.new_head))  # of a size within a segment
        self.accepted(bytes(self.volume.image), "--heads", self.kept(self.old_head, self.new_head))

    def kept(self, *notes):
        path = self.folder / "heads"
        path.write_bytes(b"\n".join(notes))
        return path

    def test_head_changed_without_the_key(self):
        wrong = self.new_head.replace(b"timestamp 1", b"timestamp 2")
        forged = Volume(self.device, self.with_heads(self.old_head, wrong), vouch=self.noted)
        self.refused("tree head after 101 records: the signature of .* does not verify",
                     bytes(forged.image))
        image = bytearray(self.noted.image)
        image[self.noted.starts[-1] + 340] ^= 1
        self.refused("tree head after 101 records: payload digest does not match", bytes(image))

    def test_malformed_note(self):
        for what, note in (("nothing signed", b"\n"), ("no note", b"hello"), ("no final line feed", self.new_head[:-1]),
                           ("not text", b"\xff" * 40), ("no signature", self.new_head.partition(b"\n\n")[0] + b"\n\n")):
            with self.subTest(what):
                self.refused("tree head after 101 records: malformed note", self.vouched(self.old_head, note))

    def test_head_with_a_wrong_origin(self):
        elsewhere = head(self.device, self.records, origin="rvm.local/" + bytes(16).hex())
        self.refused("tree head after 101 records: its origin is rvm.local/0000", self.vouched(self.old_head, elsewhere))

    def test_head_of_another_device(self):
        theirs = head(self.other, self.records)
        self.refused("tree head after 101 records: no signature by the key of rvm.local/", self.vouched(self.old_head, theirs))
        # The right key's id over the other's signature.
        mixed = self.new_head.rpartition(b" ")[0] + b" " + self.old_head.rpartition(b" ")[2]
        self.refused("tree head after 101 records: the signature of rvm.local/.* does not verify",
                     self.vouched(self.old_head, mixed))

    def test_old_head_put_in_again(self):
        self.refused("tree head after 101 records: its size 41 is not above that of the head before, 41",
                     self.vouched(self.old_head, self.old_head))
        self.refused("tree head after 101 records: its size 41 is not above that of the head before, 101",
                     self.vouched(self.old_head, self.new_head, self.old_head))

    def test_head_over_another_tree(self):
        fork = boot(self.first_boot, self.device, 59, seed=3)
        self.refused("tree head after 101 records: its root is not that of the log's first 101 records",
                     self.vouched(self.old_head, head(self.device, fork)))
        self.refused("tree head after 41 records: its root is not that of the log's first 30 records",
                     self.vouched(head(self.device, self.records, 30, root=sha(b"root")), self.new_head))

    def test_head_over_more_than_is_there(self):
        early = head(self.device, self.records)
        self.refused("tree head after 41 records: it is over 101 records, but only 41 are there", self.vouched(early))

    def test_last_head_erased(self):
        image = bytearray(self.noted.image)
        image[self.noted.starts[-1]:self.noted.end] = bytes(self.noted.end - self.noted.starts[-1])
        self.refused("tree head after 101 records: no segment header", bytes(image))

    def test_head_taken_out(self):
        self.refused("segment of records 41 to 70: segment digest does not match its header and predecessor",
                     self.without_old_head(keep_digests=True))
        self.refused("tree head after 101 records: no segment header", self.without_old_head(keep_digests=False))

    def without_old_head(self, keep_digests):
        """Those behind it moved up, with the digests that they had or new ones, under the true superblocks."""
        if not keep_digests:
            return bytes(Volume(self.device, [*self.segments, self.new_head], vouch=self.noted).image)
        image = bytearray(self.noted.image)
        start, after = self.noted.starts[2], self.noted.starts[3]
        image[start:self.noted.end] = bytes(image[after:self.noted.end]) + bytes(after - start)
        return bytes(image)

    def test_head_with_something_else_in_its_header(self):
        def other_index(parts):
            if parts["number"] == 2:
                parts["index"] = index(self.records[:1])

        def other_leaf(parts):
            if parts["number"] == 2:
                parts["previous"] = sha(b"else")

        def hidden(parts):
            if parts["number"] == 2:
                parts["padding"] = b"hidden"

        def with_records(parts):
            if parts["number"] == 2:
                parts["count"] = 1

        heads = (self.old_head, self.new_head)
        self.refused("tree head after 41 records: its index is not that of its records", self.vouched(*heads, change=other_index))
        self.refused("tree head after 41 records: does not follow the record before it", self.vouched(*heads, change=other_leaf))
        self.refused("tree head after 41 records: padding is not zero", self.vouched(*heads, change=hidden))
        self.refused("tree head after 41 records: impossible record count or length", self.vouched(*heads, change=with_records))

    def test_cosignatures_exchanged(self):
        name, seed = "witness.example", bytes(range(50, 82))
        public = self.folder / "cosigner.pub"
        public.write_text(cosigner_key(name, seed))
        signed = [cosignature(note, name, seed, 1700000000) for note in (self.old_head, self.new_head)]
        image = bytes(self.noted.image)
        right = self.kept(self.old_head + signed[0], self.new_head + signed[1])
        self.accepted(image, "--heads", right, "--cosigner", public)
        swapped = self.kept(self.old_head + signed[1], self.new_head + signed[0])
        self.refused("given head 1: the signature of witness.example does not verify", image, "--heads", swapped,
                     "--cosigner", public)
        other = self.kept(self.old_head + cosignature(self.old_head, name, bytes(32), 1700000000))
        self.refused("given head 1: no signature by the key of witness.example", image, "--heads", other, "--cosigner", public)

    # --- at random ---

    def test_random_bytes(self):
        """Any byte of the volume, its own hash and nothing else fixed up or not."""
        numbers = random.Random(1)
        for _ in range(80):
            image = bytearray(self.noted.image)
            at = numbers.choice((numbers.randrange(DATA_START, self.noted.end), numbers.randrange(0, 3 * SECTOR)))
            image[at] ^= 1 << numbers.randrange(8)
            with self.subTest(byte=at):
                self.refused(re.compile("."), bytes(image))


if __name__ == "__main__":
    unittest.main(verbosity=1)
