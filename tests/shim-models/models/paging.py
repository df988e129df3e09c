"""The page tables that the shim built, read as the processor would."""

import struct

from memory import Violation

PRESENT, WRITABLE, LARGE = 1, 2, 1 << 7
FOUR_GIB, HALF_TIB = 4 << 30, 1 << 39
TWO_MIB, ONE_GIB = 2 << 20, 1 << 30
ADDRESS = ((1 << 52) - 1) & ~0xFFF


def check(memory, root, private_bit, shared_bit, private_end):
    """All below 512 GiB maps to itself: from `private_end` to 4 GiB as shared memory, all else privately."""
    mask = private_bit | shared_bit
    address = 0
    while address < HALF_TIB:
        entry, size = leaf(memory, root, address, mask)
        if entry & ADDRESS & ~mask != address:
            raise Violation(f"{address:#x} is not mapped to itself")
        if entry & ~ADDRESS & ~mask != PRESENT | WRITABLE | LARGE:
            raise Violation(f"{address:#x} is mapped otherwise than to be read, written and executed")
        is_shared = private_end <= address < FOUR_GIB
        if entry & mask != (shared_bit if is_shared else private_bit):
            raise Violation(f"{address:#x} is mapped with the wrong confidentiality")
        address += size


def leaf(memory, table, address, mask):
    """The entry of the large page at `address`, and that page's size."""
    for shift in (39, 30, 21):
        index = address >> shift & 511
        (entry,) = struct.unpack("<Q", memory.read(table + 8 * index, 8))
        if entry & (PRESENT | WRITABLE) != PRESENT | WRITABLE:
            raise Violation(f"{address:#x} is not mapped")
        if 1 << shift in (ONE_GIB, TWO_MIB) and entry & LARGE:
            return entry, 1 << shift
        table = entry & ADDRESS & ~mask
    raise Violation(f"{address:#x} is not mapped by a large page")
