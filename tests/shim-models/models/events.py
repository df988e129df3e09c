"""Events that a host injects into a guest, and what the guest's own tables make of them.

Written from the APM, volume 2 rev 3.42: section 15.20 (EVENTINJ), chapter 8 (delivery, double faults, shutdown).
"""

import struct

from unicorn import UC_MODE_16, UC_MODE_64
from unicorn import x86_const as x86

GENERAL_PROTECTION, DOUBLE_FAULT = 13, 8
WITH_ERROR_CODE = {8, 10, 11, 12, 13, 14, 17, 21, 29, 30}
IDTR = x86.UC_X86_REG_IDTR


def load_table(engine, base, limit):
    engine.reg_write(IDTR, (0, base, limit, 0))


def table(engine):
    return engine.reg_read(IDTR)[1:3]


def deliver(engine, memory, vector, error):
    """Where the guest goes on; `None` if it shuts down. Each fault of the delivery is tried as the next event,
    more often than a processor would."""
    for number in (vector, GENERAL_PROTECTION, DOUBLE_FAULT):
        handler = _handler(engine, memory, number)
        if handler is not None:
            _push(engine, memory, number in WITH_ERROR_CODE, error)
            return handler
    return None


def could_be_survived(engine):
    """Whether the table has room for any gate at all."""
    _, limit = table(engine)
    return limit >= _gate_bytes(engine) - 1


def _gate_bytes(engine):
    return {UC_MODE_16: 4, UC_MODE_64: 16}.get(engine._mode, 8)


def _handler(engine, memory, number):
    base, limit = table(engine)
    size = _gate_bytes(engine)
    if limit < number * size + size - 1:
        return None
    gate = memory.read(base + number * size, size)
    if size == 4:
        offset, segment = struct.unpack("<HH", gate)
        return segment * 16 + offset
    low, _selector, _, kind, high = struct.unpack("<HHBBH", gate[:8])
    if kind & 0x9E != 0x8E:
        return None
    upper = struct.unpack("<I", gate[8:12])[0] if size == 16 else 0
    return upper << 32 | high << 16 | low


def _push(engine, memory, with_error, error):
    """The frame, by flat segments whose base is zero, as all that start a launch have."""
    wide = engine._mode == UC_MODE_64
    names = ("RFLAGS", "CS", "RIP") if wide else ("EFLAGS", "CS", "EIP")
    words = [engine.reg_read(getattr(x86, f"UC_X86_REG_{name}")) for name in names]
    size, code = {4: (2, "<H"), 8: (4, "<I"), 16: (8, "<Q")}[_gate_bytes(engine)]
    if wide:
        stack = engine.reg_read(x86.UC_X86_REG_RSP)
        words = [0x18, stack] + words
    else:
        stack = engine.reg_read(x86.UC_X86_REG_ESP)
    if with_error and size > 2:
        words.append(error)
    room = 0x1_0000 if size == 2 else 1 << 64 if wide else 1 << 32
    for word in words:
        stack = (stack - size) % room
        memory.write(stack, struct.pack(code, word & (1 << 8 * size) - 1))
    engine.reg_write(x86.UC_X86_REG_RSP if wide else x86.UC_X86_REG_ESP, stack)
