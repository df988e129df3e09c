"""A VM without a TEE around the shim: all memory is usable, and a refusal is a line on COM1 and a reset."""

from memory import PageStates, Violation
from outcome import refused

EFER = 0xC000_0080
COM1, LINE_STATUS, RESET = 0x3F8, 0x3FD, 0x602


class AllUsable(PageStates):
    def usable_at_start(self):
        yield from self.memory.ram


class Plain:
    private_bit = shared_bit = 0

    def __init__(self, memory, tricks):
        self.memory = memory
        self.tricks = tricks
        self.states = AllUsable(memory)
        self.efer = 0
        self.line = bytearray()

    def read_msr(self, index):
        if index == EFER:
            return self.efer
        raise Violation(f"RDMSR of {index:#x}")

    def write_msr(self, index, value):
        if index != EFER:
            raise Violation(f"WRMSR of {index:#x}")
        self.efer = value

    def instruction(self, code, registers):
        return 0

    def port_out(self, port, value):
        if port == COM1:
            self.line.append(value & 0xFF)
        elif port == RESET:
            raise refused("com1", 5, 0, self.line.decode("ascii", "replace"))

    def port_in(self, port):
        return 0x60 if port == LINE_STATUS else 0xFF
