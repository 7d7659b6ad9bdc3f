#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A second opinion on the witness log, written from the format's description alone (docs/log-volume.md); it shares no
code with the rvm program.

Usage: check_log.py [--key FILE] [--size N --root HEX] (--raw FILE | --volume FILE)
Checks sequence, chain and MACs of every record, and the RFC 6962 root over all of them. Exit status: 0 the log is
whole, 1 it is not, 2 bad usage.
"""
import argparse
import hashlib
import hmac
import pathlib
import struct
import sys

import log_volume

RECORD = struct.Struct("<QQBBHIIIQQQQ")
FIELDS = ("sequence", "timestamp_ns", "kind", "tier", "flags", "actor", "target", "capability", "payload", "prev_hash",
          "record_hash", "aux")
TREE_HEAD = 0xB3


def tree_root(leaves):
    """RFC 6962, section 2.1, by levels: a lone node at the end of a level moves up as it is."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = leaves
    while len(level) > 1:
        paired = [log_volume.node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2:]
    return level[0]


def check_records(data, key):
    """Raises Broken at the first record that does not fit; returns the leaf hashes and the last record's fields."""
    if not data:
        raise log_volume.Broken("there is no record")
    if len(data) % RECORD.size:
        raise log_volume.Broken(f"record {len(data) // RECORD.size}: cut short")
    leaves, fields = [], None
    for place in range(0, len(data), RECORD.size):
        record = data[place:place + RECORD.size]
        number = place // RECORD.size
        fields = dict(zip(FIELDS, RECORD.unpack(record)))
        if fields["sequence"] != number:
            raise log_volume.Broken(f"record {number}: its sequence is {fields['sequence']}")
        expected = int.from_bytes(leaves[-1][:8], "little") if leaves else 0
        if fields["prev_hash"] != expected:
            raise log_volume.Broken(f"record {number}: not linked to the record before it")
        if key is not None:
            mac = hmac.new(key, record[:48] + record[56:], hashlib.sha256).digest()[:8]
            if record[48:56] != mac:
                raise log_volume.Broken(f"record {number}: its MAC is wrong")
        leaves.append(log_volume.leaf_hash(record))
    return leaves, fields


def read_key(path):
    text = pathlib.Path(path).read_bytes()
    return text if len(text) == 32 else bytes.fromhex(text.decode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--raw", help="records one after another, as `rvm witness export --raw` writes them")
    source.add_argument("--volume", help="a log volume, as `rvm run --disk` writes it")
    parser.add_argument("--key", help="the device key; without it MACs are not checked")
    parser.add_argument("--size", type=int, help="expected number of records")
    parser.add_argument("--root", help="expected root over the first --size records, in hexadecimal")
    options = parser.parse_args()

    try:
        key = read_key(options.key) if options.key else None
        if options.raw:
            data = pathlib.Path(options.raw).read_bytes()
        else:
            data = log_volume.records(pathlib.Path(options.volume).read_bytes(), key)
        leaves, last = check_records(data, key)
        size = len(leaves) if options.size is None else options.size
        if size > len(leaves):
            raise log_volume.Broken(f"{size} records expected, there are {len(leaves)}")
        if last["kind"] != TREE_HEAD and options.raw:
            raise log_volume.Broken(f"record {len(leaves) - 1}: the last record is not a tree head; the tail is missing")
        root = tree_root(leaves[:size]).hex()
        if options.root and options.root.lower() != root:
            raise log_volume.Broken(f"the root over {size} records is {root}, not {options.root}")
    except log_volume.Broken as problem:
        print(f"broken: {problem}")
        return 1
    print(f"whole: {len(leaves)} records, root over {size}: {root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
