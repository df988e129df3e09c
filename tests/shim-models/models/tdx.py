"""A TD around the shim: the module's answers to TDCALL, and what TDVMCALLs reach the host.

Written from Intel's TDX module ABI 1.5 (348551) and GHCI 1.5 (348552), not from the shim.
"""

import hashlib
import struct

from memory import LARGE_PAGE, PAGE, PageStates, Violation
from outcome import refused

TDCALL = bytes.fromhex("660f01cc")
SUCCESS = 0
ALREADY_ACCEPTED = 0x0000_0B0A_0000_0000
SIZE_MISMATCH = 0xC000_0B0B_0000_0001
OPERAND_BUSY = 0x8000_0200_0000_0000
OPERAND_INVALID = 0xC000_0100_0000_0000
EFER = 0xC000_0080
TEXT_REGISTERS = ("r14", "r15", "rbx", "rdi", "rsi", "r8", "r9", "rdx")


class Tdx:
    """The TDX module's and the hypervisor's side. `tricks` is what a hostile host does."""

    def __init__(self, memory, tricks, vcpus):
        self.memory = memory
        self.tricks = tricks
        self.vcpus = vcpus
        self.vcpu = 0
        self.gpaw = tricks.get("gpaw", 48)
        self.private_bit, self.shared_bit = 0, 1 << (self.gpaw - 1)
        self.states = PageStates(memory)
        self.rtmrs = [bytes(48) for _ in range(4)]
        self.small_backing = set(tricks.get("small_backing", []))
        self.accepted_before = set(tricks.get("validated_before", []))
        self.answers = {int(page): code for page, code in tricks.get("accept_answers", {}).items()}
        self.busy = tricks.get("busy", 0)
        self.busy_code = tricks.get("busy_code", OPERAND_BUSY)

    def read_msr(self, index):
        if index == EFER:
            return 0x500
        raise Violation(f"RDMSR of {index:#x}: a #VE, and there is no handler")

    def write_msr(self, index, value):
        raise Violation(f"WRMSR of {index:#x}: a #VE, and there is no handler")

    def instruction(self, code, registers):
        if not code.startswith(TDCALL):
            return 0
        leaf = registers["rax"]
        calls = {0: self._vmcall, 1: self._info, 2: self._extend, 6: self._accept}
        if leaf not in calls:
            raise Violation(f"TDCALL of leaf {leaf}")
        registers["rax"] = calls[leaf](registers)
        return 4

    def _info(self, registers):
        registers["rcx"] = self.gpaw
        registers["rdx"] = 1 << 28
        registers["r8"] = self.vcpus | 64 << 32
        registers["r9"] = self.vcpu
        registers["r10"] = registers["r11"] = 0
        return self.tricks.get("info_answer", SUCCESS)

    def _extend(self, registers):
        address, index = registers["rcx"], registers["rdx"]
        if address % 64 or index > 3:
            return OPERAND_INVALID
        if "extend_answer" in self.tricks:
            return self.tricks["extend_answer"]
        if self.busy:
            self.busy -= 1
            return self.busy_code
        self.rtmrs[index] = hashlib.sha384(self.rtmrs[index] + self.memory.read(address, 48)).digest()
        return SUCCESS

    def _accept(self, registers):
        target = registers["rcx"]
        level, address = target & 7, target & ~0xFFF
        if level > 1 or target & 0xFF8:
            return OPERAND_INVALID
        size = (PAGE, LARGE_PAGE)[level]
        if address % size or not self.memory.is_ram(address, size):
            return OPERAND_INVALID
        pages = range(address // PAGE, (address + size) // PAGE)
        if self.busy:
            self.busy -= 1
            return self.busy_code
        for page in pages:
            if page in self.answers:
                return self.answers[page]
        mixed = any(page in self.states.placed or page in self.small_backing for page in pages)
        if level == 1 and mixed:
            return SIZE_MISMATCH
        if any(self.states.is_usable(page) or page in self.accepted_before for page in pages):
            return ALREADY_ACCEPTED
        self.states.take(pages, zeroed=True)
        return SUCCESS

    def _vmcall(self, registers):
        function = registers["r11"]
        if registers["r10"] == 0 and function == 0x1_0003:
            text = b"".join(struct.pack("<Q", registers[name]) for name in TEXT_REGISTERS)
            text = text.rstrip(b"\0").decode("ascii")
            raise refused("tdvmcall", 5, registers["r12"] & 0xFFFF_FFFF, text)
        raise Violation(f"TDVMCALL {function:#x}: the shim asks the host for nothing")
