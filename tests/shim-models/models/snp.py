"""SEV-SNP around the shim: RMP, PVALIDATE, SEV_STATUS and the GHCB's MSR protocol.

Written from AMD's APM volume 2 rev 3.42 (section 15.36, PVALIDATE in volume 3) and the GHCB specification
56421 rev 2.04 (section 2.3.1), not from the shim.
"""

from memory import LARGE_PAGE, PAGE, PageStates, Violation
from outcome import refused

SEV_STATUS = 0xC001_0131
GHCB = 0xC001_0130
EFER = 0xC000_0080
C_BIT = 1 << 51

PVALIDATE = bytes.fromhex("f20f01ff")
VMGEXIT = bytes.fromhex("f30f01d9")

FAIL_INPUT, FAIL_PERMISSION, FAIL_SIZEMISMATCH = 1, 2, 6


class Snp:
    """The secure processor's and the hypervisor's side. `tricks` is what a hostile host does."""

    private_bit, shared_bit = C_BIT, 0

    def __init__(self, memory, tricks):
        self.memory = memory
        self.tricks = tricks
        self.states = PageStates(memory)
        self.ghcb = 0
        self.efer = 0
        self.validated_before = set(tricks.get("validated_before", []))
        self.small_backing = set(tricks.get("small_backing", []))
        self.answers = {int(page): code for page, code in tricks.get("pvalidate_answers", {}).items()}
        self.pvalidates = 0

    def read_msr(self, index):
        if index == SEV_STATUS:
            return 0b111
        if index == GHCB:
            return self.ghcb
        if index == EFER:
            return self.efer
        raise Violation(f"RDMSR of {index:#x}, which the hypervisor would answer")

    def write_msr(self, index, value):
        if index == GHCB:
            self.ghcb = value
        elif index == EFER:
            self.efer = value
        else:
            raise Violation(f"WRMSR of {index:#x}")

    def instruction(self, code, registers):
        if code.startswith(PVALIDATE):
            self._pvalidate(registers)
        elif code.startswith(VMGEXIT):
            self._vmgexit()
        else:
            return 0
        return 4

    def _pvalidate(self, registers):
        address, size, validate = registers["rax"], registers["ecx"], registers["edx"]
        self.pvalidates += 1
        if validate != 1:
            raise Violation(f"PVALIDATE takes the page at {address:#x} back")
        bytes_asked = LARGE_PAGE if size == 1 else PAGE
        if size > 1 or address % bytes_asked:
            return registers.answer(FAIL_INPUT, carry=False)
        pages = range(address // PAGE, (address + bytes_asked) // PAGE)
        if not self.memory.is_ram(address, bytes_asked):
            raise Violation(f"PVALIDATE at {address:#x}, beyond memory: it would fault for ever")
        for page in pages:
            if page in self.answers:
                return registers.answer(self.answers[page], carry=False)
        if size == 1 and any(page in self.small_backing for page in pages):
            return registers.answer(FAIL_SIZEMISMATCH, carry=False)
        if size == 1 and any(page in self.states.placed for page in pages):
            # The launch placed 4 KiB pages: the RMP has entries of that size here.
            return registers.answer(FAIL_SIZEMISMATCH, carry=False)
        if any(self.states.is_usable(page) or page in self.validated_before for page in pages):
            return registers.answer(0, carry=True)
        self.states.take(pages, zeroed=False)
        return registers.answer(0, carry=False)

    def _vmgexit(self):
        request = self.ghcb & 0xFFF
        if request == 0x100:
            raise refused("ghcb", self.ghcb >> 12 & 0xF, self.ghcb >> 16 & 0xFF)
        raise Violation(f"VMGEXIT with the request {self.ghcb:#x}: the shim asks the host for nothing")
