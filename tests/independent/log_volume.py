# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads a log volume as docs/log-volume.md describes it, checking everything that is to be checked on the way."""
import hashlib
import hmac
import struct

SECTOR = 512
SUPERBLOCK = 4096
NODES_PER_SECTOR = 13
HEADER = struct.Struct("<8sQII16sQQQQQ32s32s32s")  # sector 0 of a superblock
SEGMENT = struct.Struct("<4sIQII8sQQ32s32s128s32s32s32s")
DIGESTED = SEGMENT.size - 32  # of a segment's header
BLOCK = 128  # records
# The columns of a block: the timestamp's zigzag difference, kind, tier, flags, actor, target, capability, payload, aux.
COLUMNS = struct.Struct("<QBBHIIIQQ")
PACKED = struct.Struct("<QQBBHIIIQQQQ")  # a record
RECORD = PACKED.size
MASK = (1 << 64) - 1
OPEN, CLOSED = 1, 2
NOTE = 1  # flags of a segment that holds a signed tree head
NOTE_BYTES = 960


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
        if magic != b"RVMLOG1\n" or version != 2:
            raise Broken("not a log volume of version 2")
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


def lz4_block(data, size):
    """The LZ4 block format: literals, then a copy from what was already written, over and over."""
    out, at = bytearray(), 0

    def length(code):
        nonlocal at
        value = code
        while code == 15:
            value += data[at]
            at += 1
            if data[at - 1] != 255:
                break
        return value

    try:
        while True:
            token = data[at]
            at += 1
            literals = length(token >> 4)
            if at + literals > len(data):
                raise Broken("literals beyond the end of a block")
            out += data[at:at + literals]
            at += literals
            if at == len(data):
                break
            offset = data[at] | data[at + 1] << 8
            at += 2
            copied = length(token & 15) + 4
            if not 0 < offset <= len(out):
                raise Broken("a copy from before the start of a block")
            for _ in range(copied):
                out.append(out[-offset])
    except IndexError:
        raise Broken("a block ends in the middle") from None
    if len(out) != size:
        raise Broken(f"a block unpacks to {len(out)} bytes, not {size}")
    return bytes(out)


def unpack_block(data, count, first, previous_leaf):
    """Records of the block at the start of `data`, the leaf hash of the last, and the bytes it took."""
    mark = int.from_bytes(data[:2], "little")
    size, plain = mark & 0x7FFF, mark >> 15
    body, macs = data[2:2 + size], data[2 + size:2 + size + 8 * count]
    if len(body) != size or len(macs) != 8 * count:
        raise Broken("a block ends early")
    columns = body if plain else lz4_block(body, COLUMNS.size * count)
    if len(columns) != COLUMNS.size * count:
        raise Broken("a block has a wrong size")
    out, time = [], 0
    for i in range(count):
        difference, *rest, payload, aux = COLUMNS.unpack(columns[i::count])
        time = (time + (difference >> 1 ^ -(difference & 1))) & MASK
        kind, tier, flags, actor, target, capability = rest
        record = PACKED.pack(first + i, time, kind, tier, flags, actor, target, capability, payload,
                             int.from_bytes(previous_leaf[:8], "little"),
                             int.from_bytes(macs[8 * i:8 * i + 8], "little"), aux)
        previous_leaf = leaf_hash(record)
        out.append(record)
    return out, previous_leaf, 2 + size + 8 * count


class Index:
    """What a segment's header says about its records, worked out anew."""

    def __init__(self, found):
        times = [int.from_bytes(r[8:16], "little") for r in found]
        self.times = (min(times, default=MASK), max(times, default=0))
        kinds, partitions, objects = 0, 0, 0
        for r in found:
            kind, actor, target = r[16], int.from_bytes(r[20:24], "little"), int.from_bytes(r[24:28], "little")
            kinds |= 1 << kind
            partitions |= self.bits(actor, 2, 256)
            objects |= self.bits(kind >> 4 << 32 | target, 3, 1024)
        self.sets = (kinds.to_bytes(32, "little"), partitions.to_bytes(32, "little"), objects.to_bytes(128, "little"))

    @staticmethod
    def bits(key, hashes, size):
        folded = (key ^ key >> 32) * 0x9E3779B97F4A7C15 & MASK
        return sum(1 << b for b in {(folded >> 54 - 10 * i) % size for i in range(hashes)})


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
    at, chain, data = 2 * SUPERBLOCK, hashlib.sha256(b"rvm log volume" + head.volume_id).digest(), []
    leaf, notes = bytes(32), []
    for number in range(head.segments):
        (magic, count, first, size, flags, owner, earliest, latest, kinds, partitions, objects, previous, payload_digest,
         digest) = SEGMENT.unpack_from(volume, at)
        record = len(data)
        note = flags == NOTE and count == 0 and 0 < size <= NOTE_BYTES
        if magic != b"RVMS" or not note and (flags or not count):
            raise Broken(f"record {record}: segment {number} has no valid header")
        if owner != head.volume_id[:8] or first != record or previous != leaf:
            raise Broken(f"record {record}: segment {number} is not the one that belongs here")
        if hashlib.sha256(volume[at:at + DIGESTED] + chain).digest() != digest:
            raise Broken(f"record {record}: the header of segment {number} was changed")
        payload = volume[at + SEGMENT.size:at + SEGMENT.size + size]
        if hashlib.sha256(payload).digest() != payload_digest:
            raise Broken(f"record {record}: segment {number} was changed")
        end = at + SEGMENT.size + size
        at = -(-end // SECTOR) * SECTOR
        if any(volume[end:at]):
            raise Broken(f"record {record}: the padding of segment {number} is not zero")
        found = []
        if note:
            notes.append((record, payload.decode()))
            payload = b""
        while len(found) < count:
            block, leaf, used = unpack_block(payload, min(BLOCK, count - len(found)), record + len(found), leaf)
            found += block
            payload = payload[used:]
        index = Index(found)
        if payload or index.times != (earliest, latest) or index.sets != (kinds, partitions, objects):
            raise Broken(f"record {record}: the index of segment {number} is not that of its records")
        chain = digest
        data += found
    if at != head.append or chain != head.chain or len(data) != head.records:
        raise Broken(f"the superblock tells of {head.records} records up to byte {head.append}; there are "
                     f"{len(data)} up to {at}")
    leaves = [leaf_hash(record) for record in data]
    if frontier(leaves) != head.nodes:
        raise Broken("the superblock's tree is not that of the records")
    if leaves and leaves[-1] != head.last_leaf:
        raise Broken("the superblock's last leaf is not the last record's")
    return b"".join(data), notes, head.volume_id
