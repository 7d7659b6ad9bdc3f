# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads a log volume as docs/log-volume.md describes it, checking everything that is to be checked on the way."""
import hashlib
import hmac
import struct

SECTOR = 512
SUPERBLOCK = 4096
RECORD = 64
NODES_PER_SECTOR = 13
HEADER = struct.Struct("<8sQII16sQQQQQ32s32s32s")  # sector 0 of a superblock
SEGMENT = struct.Struct("<4sIQII8s32s")
OPEN, CLOSED = 1, 2
NOTE = 1  # flags of a segment that holds a signed tree head


class Broken(Exception):
    """The volume is not what it should be."""


def hkdf(secret, info):
    """RFC 5869 with an empty salt and one block of output."""
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\1", hashlib.sha256).digest()


def leaf_hash(record):
    return hashlib.sha256(b"\0" + record).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def frontier(leaves):
    """{level: root of the perfect subtree of 2**level leaves} for each bit set in the number of leaves."""
    nodes = {}
    for leaf in leaves:
        level, node = 0, leaf
        while level in nodes:
            node = node_hash(nodes.pop(level), node)
            level += 1
        nodes[level] = node
    return nodes


def root_of(nodes):
    root = None
    for level in sorted(nodes):
        root = nodes[level] if root is None else node_hash(nodes[level], root)
    return hashlib.sha256(b"").digest() if root is None else root


class Superblock:
    """One of the two superblocks; `problem` says why it does not count."""

    def __init__(self, image, slot, device_key):
        self.problem, self.nodes = None, {}
        try:
            self._read(image, slot, device_key)
        except Broken as problem:
            self.problem = str(problem)

    def _read(self, image, slot, device_key):
        if not any(image):
            raise Broken("blank")
        for index in range(SUPERBLOCK // SECTOR):
            sector = image[index * SECTOR:(index + 1) * SECTOR]
            if index and not any(sector):
                continue
            if hashlib.sha256(sector[:448]).digest() != sector[448:480]:
                raise Broken(f"sector {index} is damaged")
            if device_key is not None:
                key = hkdf(device_key, b"rvm log volume v1")
                mac = hmac.new(key, struct.pack("<Q", index) + sector[:480], hashlib.sha256).digest()
                if mac != sector[480:]:
                    raise Broken(f"the MAC of sector {index} is wrong")
        (magic, self.generation, version, self.state, self.volume_id, _, self.capacity, self.records, self.append,
         self.segments, self.last_leaf, self.chain, self.root) = HEADER.unpack_from(image)
        if magic != b"RVMLOG1\n" or version != 1:
            raise Broken("not a log volume of version 1")
        if self.generation % 2 != slot:
            raise Broken(f"generation {self.generation} in slot {slot}")
        for level in range(self.records.bit_length()):
            sector = 1 + level // NODES_PER_SECTOR
            at = sector * SECTOR
            magic, generation = struct.unpack_from("<8sQ", image, at)
            if magic != b"RVMTREE\n" or generation != self.generation:
                raise Broken(f"sector {sector} is of generation {generation}")
            if self.records >> level & 1:
                start = at + 16 + 32 * (level % NODES_PER_SECTOR)
                self.nodes[level] = image[start:start + 32]
        if root_of(self.nodes) != self.root:
            raise Broken("the root does not follow from the frontier")


def records(volume, device_key=None):
    """The durable records of a volume, one after another; raises Broken where it is not whole."""
    return contents(volume, device_key)[0]


def contents(volume, device_key=None):
    """(durable records, [(number of records before it, text of a signed tree head)], volume id)."""
    blocks = [Superblock(volume[slot * SUPERBLOCK:(slot + 1) * SUPERBLOCK], slot, device_key) for slot in (0, 1)]
    valid = [b for b in blocks if b.problem is None]
    if not valid:
        raise Broken("no valid superblock: " + "; ".join(b.problem for b in blocks))
    head = max(valid, key=lambda b: b.generation)
    if head.capacity != len(volume):
        raise Broken(f"the volume is {len(volume)} bytes long, not {head.capacity}")
    at, chain, data = 2 * SUPERBLOCK, hashlib.sha256(b"rvm log volume" + head.volume_id).digest(), b""
    notes = []
    for number in range(head.segments):
        magic, count, first, payload, flags, owner, digest = SEGMENT.unpack_from(volume, at)
        record = len(data) // RECORD
        note = flags == NOTE and count == 0 and 0 < payload <= 960
        if magic != b"RVMS" or not note and (flags or payload != count * RECORD or not count):
            raise Broken(f"record {record}: segment {number} has no valid header")
        if owner != head.volume_id[:8] or first != record:
            raise Broken(f"record {record}: segment {number} is not the one that belongs here")
        body = volume[at + SEGMENT.size:at + SEGMENT.size + payload]
        if hashlib.sha256(volume[at:at + 32] + chain + body).digest() != digest:
            raise Broken(f"record {record}: segment {number} was changed")
        end = at + SEGMENT.size + payload
        at = -(-end // SECTOR) * SECTOR
        if any(volume[end:at]):
            raise Broken(f"record {record}: the padding of segment {number} is not zero")
        chain = digest
        if note:
            notes.append((record, body.decode()))
        else:
            data += body
    if at != head.append or chain != head.chain or len(data) != head.records * RECORD:
        raise Broken(f"the superblock tells of {head.records} records up to byte {head.append}; there are "
                     f"{len(data) // RECORD} up to {at}")
    leaves = [leaf_hash(data[i:i + RECORD]) for i in range(0, len(data), RECORD)]
    if frontier(leaves) != head.nodes:
        raise Broken("the superblock's tree is not that of the records")
    if leaves and leaves[-1] != head.last_leaf:
        raise Broken("the superblock's last leaf is not the last record's")
    return data, notes, head.volume_id
