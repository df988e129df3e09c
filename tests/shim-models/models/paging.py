"""The page tables that the shim built, read as the processor would."""

import struct

from memory import Violation

PRESENT, WRITABLE, LARGE = 1, 2, 1 << 7
FOUR_GIB = 4 << 30
TWO_MIB = 2 << 20
ADDRESS = ((1 << 52) - 1) & ~0xFFF


def check(memory, root, private_bit, shared_bit, private_end):
    """Every 2 MiB below 4 GiB maps to itself; below `private_end` privately, above as shared memory."""
    mask = private_bit | shared_bit
    for address in range(0, FOUR_GIB, TWO_MIB):
        entry = leaf(memory, root, address, mask)
        if entry & ADDRESS & ~mask & ~(TWO_MIB - 1) != address:
            raise Violation(f"{address:#x} is not mapped to itself")
        expected = private_bit if address < private_end else shared_bit
        if entry & mask != expected:
            raise Violation(f"{address:#x} is mapped with the wrong confidentiality")


def leaf(memory, table, address, mask):
    """The entry of the large page at `address`."""
    for shift in (39, 30, 21):
        index = address >> shift & 511
        (entry,) = struct.unpack("<Q", memory.read(table + 8 * index, 8))
        if entry & (PRESENT | WRITABLE) != PRESENT | WRITABLE:
            raise Violation(f"{address:#x} is not mapped")
        if shift == 21 and entry & LARGE:
            return entry
        table = entry & ADDRESS & ~mask
    raise Violation(f"{address:#x} is not mapped by a 2 MiB page")
