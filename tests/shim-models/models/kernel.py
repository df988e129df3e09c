"""What a kernel asks of host, RMP and TDX module once the shim has entered it, as far as the self-test's does.

Written from the APM (PVALIDATE in volume 3), the GHCB specification 56421 rev 2.04 (sections 2.3.1, 2.6 and 4.1) and
Intel's GHCI 1.5 (348552) and TDX module ABI 1.5 (348551), not from the kernel.
"""

import struct

import paging
from memory import PAGE, Violation
from outcome import Ended, refused
from snp import C_BIT, FAIL_INPUT, GHCB, PVALIDATE, SEV_STATUS, VMGEXIT
from tdx import OPERAND_INVALID, SUCCESS, TDCALL

COM1, SLEEP_CONTROL, S5 = 0x3F8, 0x600, 0x34
CPUID_TDX = 0x21


class Kernel:
    """The serial port and the power switch, however they are reached."""

    def __init__(self, platform, root):
        self.memory, self.states, self.tricks = platform.memory, platform.states, platform.tricks
        self.platform = platform
        self.root = root
        self.console = bytearray()

    def port_out(self, port, value):
        if port == COM1:
            self.console.append(value & 0xFF)
        elif (port, value & 0xFF) == (SLEEP_CONTROL, S5):
            raise Ended("off")
        else:
            raise Violation(f"OUT of {value:#x} to port {port:#x}")

    def cpuid(self, leaf):
        return 0, 0, 0, 0

    def instruction(self, code, registers):
        return 0

    def read_msr(self, index):
        raise Violation(f"RDMSR of {index:#x}")

    def write_msr(self, index, value):
        raise Violation(f"WRMSR of {index:#x}")

    def behind(self, address):
        """The guest-physical address that the kernel's own page tables give to one that is not mapped to itself."""
        raise Violation(f"access to {address:#x}")


class SnpKernel(Kernel):
    """Under SEV-SNP no port and no CPUID is the processor's to answer: both would be a #VC."""

    def __init__(self, platform, root):
        super().__init__(platform, root)
        self.ghcb = 0
        self.taken_back, self.shared, self.registered = set(), set(), None
        self.on_private_end = lambda address, length: None

    def port_out(self, port, value):
        raise Violation(f"OUT to port {port:#x}: a #VC, and there is no handler")

    def cpuid(self, leaf):
        raise Violation(f"CPUID of {leaf:#x}: a #VC, and there is no handler")

    def read_msr(self, index):
        if index == SEV_STATUS:
            return self.platform.read_msr(index)
        if index == GHCB:
            return self.ghcb
        return super().read_msr(index)

    def write_msr(self, index, value):
        if index != GHCB:
            return super().write_msr(index, value)
        self.ghcb = value

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
        page = address // PAGE
        if (size, validate) != (0, 0) or address % PAGE:
            return registers.answer(FAIL_INPUT, carry=False)
        if not self.states.is_usable(page) or page in self.taken_back:
            return registers.answer(0, carry=True)
        self.taken_back.add(page)
        self.on_private_end(address, PAGE)
        return registers.answer(self.tricks.get("taken_back_answer", 0), carry=False)

    def _vmgexit(self):
        request, page = self.ghcb & 0xFFF, self.ghcb >> 12 & (1 << 40) - 1
        if request == 0x100:
            raise refused("ghcb", self.ghcb >> 12 & 0xF, self.ghcb >> 16 & 0xFF)
        if request == 0x014:
            return self._share(page, self.ghcb >> 52)
        if request == 0x012:
            self.registered = page if page in self.shared else None
            answer = page if self.registered == page and "no_ghcb" not in self.tricks else (1 << 52) - 1
            self.ghcb = answer << 12 | 0x013
            return
        if request or page != self.registered:
            raise Violation(f"VMGEXIT with {self.ghcb:#x}")
        self._serve(page * PAGE)

    def _share(self, page, operation):
        if operation != 2 or page not in self.taken_back:
            raise Violation(f"page {page:#x} is to change to state {operation} while it is valid, or not to shared")
        if "page_state_error" in self.tricks:
            self.ghcb = self.tricks["page_state_error"] << 32 | 0x015
            return
        self.shared.add(page)
        self.memory.scramble(page * PAGE, PAGE)
        self.ghcb = 0x015

    def _serve(self, address):
        """One request by the GHCB; what is valid in it is for this one alone."""
        block = self.memory.read(address, PAGE)
        (version, usage) = struct.unpack_from("<HI", block, 0xFFA)
        if (version, usage) != (2, 0):
            raise Violation(f"a GHCB of version {version}, usage {usage}")
        fields = {}
        for name, offset in {"rax": 0x1F8, "code": 0x390, "info1": 0x398, "info2": 0x3A0}.items():
            if not block[0x3F0 + offset // 64] >> (offset // 8 % 8) & 1:
                raise Violation(f"a GHCB without {name}")
            (fields[name],) = struct.unpack_from("<Q", block, offset)
        self.memory.write(address + 0x3F0, bytes(16))
        # IOIO, out, one byte, no string.
        if fields["code"] != 0x7B or fields["info1"] & 0xFFFF != 0x10 or fields["info2"]:
            raise Violation(f"a request that no byte on a port is: {fields}")
        super().port_out(fields["info1"] >> 16, fields["rax"])

    def behind(self, address):
        entry, size = paging.leaf(self.memory, self.root, address, C_BIT)
        if entry & C_BIT:
            return super().behind(address)
        target = entry & paging.ADDRESS & ~(size - 1) | address & size - 1
        if target // PAGE not in self.shared:
            raise Violation(f"access to {target:#x} without the C-bit, where nothing is shared")
        return target & ~(PAGE - 1)


class TdxKernel(Kernel):
    """In a TD a port is a #VE; what CPUID says of TDX is the module's."""

    def port_out(self, port, value):
        raise Violation(f"OUT to port {port:#x}: a #VE, and there is no handler")

    def cpuid(self, leaf):
        if leaf != CPUID_TDX:
            raise Violation(f"CPUID of {leaf:#x}: a #VE, and there is no handler")
        return (0, *(int.from_bytes(text, "little") for text in (b"Inte", b"    ", b"lTDX")))

    def instruction(self, code, registers):
        if not code.startswith(TDCALL):
            return 0
        leaf = registers["rax"]
        calls = {0: self._vmcall, 4: self._report}
        if leaf not in calls:
            raise Violation(f"TDCALL of leaf {leaf}")
        registers["rax"] = calls[leaf](registers)
        return 4

    def _report(self, registers):
        target, data, kind = registers["rcx"], registers["rdx"], registers["r8"]
        usable = all(self.states.is_usable(address // PAGE) for address in (target, data))
        if target % 1024 or data % 64 or kind or not usable or "no_report" in self.tricks:
            return OPERAND_INVALID
        info = bytes(16) + b"\x4d" * 48 + bytes(3 * 48) + b"".join(self.platform.rtmrs)
        self.memory.write(target, (bytes(512) + info).ljust(1024, b"\0"))
        return SUCCESS

    def _vmcall(self, registers):
        names = ("r10", "r11", "r12", "r13")
        asked = tuple(registers[name] for name in names)
        # Instruction.IO: one byte, written; R10 to R15 go to the host.
        if registers["rcx"] != 0xFC00 or asked != (0, 30, 1, 1):
            raise Violation(f"TDVMCALL {asked}")
        registers["r10"] = 0
        super().port_out(registers["r14"], registers["r15"])
        return SUCCESS


def kernel_of(kind, platform, root):
    return {"snp": SnpKernel, "tdx": TdxKernel}.get(kind, Kernel)(platform, root)
