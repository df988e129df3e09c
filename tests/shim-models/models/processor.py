"""The processor: Unicorn in two modes, since the shim starts in one and ends in the other.

The measured bytes run as they are. One instruction is not Unicorn's: the MOV to CR0 that turns paging on,
since Unicorn's physical addresses are too narrow for a C-bit. There the model reads the shim's page tables
as the processor would (`paging.check`), takes the far jump that follows, and goes on in 64-bit mode with
addresses that are physical ones, as the tables say that they are.
"""

import struct

from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_HOOK_INSN, UC_HOOK_INSN_INVALID, UC_HOOK_MEM_READ
from unicorn import UC_HOOK_MEM_UNMAPPED, UC_MODE_32, UC_MODE_64, UC_PROT_ALL, Uc, UcError
from unicorn import x86_const as x86

import paging
from memory import Violation
from outcome import Ended, entered

MOV_TO_CR0 = bytes.fromhex("0f22c0")
RDMSR, WRMSR = bytes.fromhex("0f32"), bytes.fromhex("0f30")
CR0_PG, CR4_PAE, EFER_LME = 1 << 31, 1 << 5, 1 << 8
EFLAGS_CARRY = 1
MOST_INSTRUCTIONS = 400_000_000
WAITING_INSTRUCTIONS = 10_000

GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")
EXTENDED = tuple(f"r{number}" for number in range(8, 16))


class Registers:
    """64-bit registers by name."""

    def __init__(self, engine):
        self.engine = engine

    def __getitem__(self, name):
        return self.engine.reg_read(getattr(x86, f"UC_X86_REG_{name.upper()}"))

    def __setitem__(self, name, value):
        self.engine.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)

    def answer(self, code, carry):
        """What PVALIDATE gives back."""
        self["rax"] = code
        flags = self["eflags"] & ~EFLAGS_CARRY
        self["eflags"] = flags | (EFLAGS_CARRY if carry else 0)


class Processor:
    def __init__(self, memory, platform, image, private_end, host):
        self.memory = memory
        self.platform = platform
        self.image = image
        self.private_end = private_end
        self.host = host
        self.failure = None
        self.entry64 = None

    def run(self, start, registers, kernel_entry):
        """From the 32-bit entry until the guest stops; returns what [`Ended`] says."""
        engine = self._engine(UC_MODE_32, MOV_TO_CR0)
        for name, value in registers.items():
            engine.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)
        self._emulate(engine, start, None)
        if self.entry64 is None:
            raise Violation("the shim stopped in 32-bit mode")
        wide = self._engine(UC_MODE_64, None)
        for name in GENERAL:
            short = "e" + name[1:]
            value = engine.reg_read(getattr(x86, f"UC_X86_REG_{short.upper()}"))
            wide.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)
        self._emulate(wide, self.entry64, kernel_entry)
        registers = Registers(wide)
        if registers["rip"] != kernel_entry:
            raise Violation(f"the shim stopped at {registers['rip']:#x}")
        raise entered(kernel_entry, {name: registers[name] for name in GENERAL + EXTENDED})

    def wake(self, start, registers, vector):
        """A TD's other processor: whether it leaves its loop for `vector`, which its mailbox may name."""
        self.entry64 = None
        engine = self._engine(UC_MODE_32, MOV_TO_CR0)
        for name, value in registers.items():
            engine.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)
        self._emulate(engine, start, None)
        wide = self._engine(UC_MODE_64, None)
        wide.reg_write(x86.UC_X86_REG_RSI, engine.reg_read(x86.UC_X86_REG_ESI))
        self._emulate(wide, self.entry64, vector, WAITING_INSTRUCTIONS)
        return wide.reg_read(x86.UC_X86_REG_RIP) == vector

    def _engine(self, mode, stop_at):
        engine = Uc(UC_ARCH_X86, mode)
        for start, length in self.memory.usable(self.platform.states):
            self._map(engine, start, length)
        self.platform.states.on_take = lambda start, length: self._map(engine, start, length)
        # Without this SSE is an invalid instruction: CR4.OSFXSR is the shim's own to set in 32-bit mode.
        if mode == UC_MODE_64:
            engine.reg_write(x86.UC_X86_REG_CR4, 0x620)
        engine.hook_add(UC_HOOK_INSN_INVALID, self._guard(self._invalid))
        engine.hook_add(UC_HOOK_MEM_UNMAPPED, self._guard(self._unmapped))
        for address in self.host.watched():
            engine.hook_add(UC_HOOK_MEM_READ, self._guard(self._watched), None, address, address)
        self._hook_bytes(engine, RDMSR, self._rdmsr)
        self._hook_bytes(engine, WRMSR, self._wrmsr)
        if stop_at:
            self._hook_bytes(engine, stop_at, self._mov_to_cr0)
        if hasattr(self.platform, "port_out"):
            engine.hook_add(UC_HOOK_INSN, self._guard(self._out), None, 1, 0, x86.UC_X86_INS_OUT)
            engine.hook_add(UC_HOOK_INSN, self._guard(self._in), None, 1, 0, x86.UC_X86_INS_IN)
        return engine

    def _hook_bytes(self, engine, code, handler):
        """Wherever the image has these bytes; the hook fires only where an instruction starts."""
        for start, content in self.image:
            place = content.find(code)
            while place >= 0:
                address = start + place
                engine.hook_add(UC_HOOK_CODE, self._guard(handler), None, address, address)
                place = content.find(code, place + 1)

    def _guard(self, handler):
        """Exceptions do not pass through Unicorn: they are kept, and raised after it has stopped."""

        def guarded(engine, *arguments):
            try:
                return handler(engine, *arguments)
            except Exception as failure:  # every one is raised again
                self.failure = self.failure or failure
                engine.emu_stop()
                return False

        return guarded

    def _emulate(self, engine, start, until, most=MOST_INSTRUCTIONS):
        try:
            engine.emu_start(start, until or 0xFFFF_FFFF_FFFF, count=most)
        except UcError as error:
            if self.failure is None:
                counter = x86.UC_X86_REG_EIP if until is None else x86.UC_X86_REG_RIP
                raise Violation(f"{error} at {engine.reg_read(counter):#x}") from error
        if self.failure is not None:
            raise self.failure

    def _map(self, engine, start, length):
        engine.mem_map_ptr(start, length, UC_PROT_ALL, self.memory.pointer(start, length))

    def _unmapped(self, engine, _kind, address, _length, _value, _data):
        raise Violation(f"access to {address:#x} before its page was validated or accepted")

    def _watched(self, engine, _kind, address, _length, _value, _data):
        self.host.on_read(address)

    def _invalid(self, engine, _data):
        registers = Registers(engine)
        code = self.memory.read(registers["rip"], 4)
        length = self.platform.instruction(code, Wide(registers))
        if length == 0:
            raise Violation(f"invalid instruction {code.hex()} at {registers['rip']:#x}")
        registers["rip"] = registers["rip"] + length
        return True

    def _rdmsr(self, engine, address, _size, _data):
        registers = Registers(engine)
        try:
            value = self.platform.read_msr(registers["ecx"] & 0xFFFF_FFFF)
        except Exception as fault:
            if type(fault).__name__ != "GeneralProtection":
                raise
            return self._deliver(engine, 13, address)
        registers["eax"], registers["edx"] = value & 0xFFFF_FFFF, value >> 32
        _skip(engine, address, 2)

    def _wrmsr(self, engine, address, _size, _data):
        registers = Registers(engine)
        low, high = registers["eax"] & 0xFFFF_FFFF, registers["edx"] & 0xFFFF_FFFF
        self.platform.write_msr(registers["ecx"] & 0xFFFF_FFFF, high << 32 | low)
        _skip(engine, address, 2)

    def _deliver(self, engine, vector, address):
        """An exception with an error code, in 32-bit mode, without a change of privilege."""
        base, limit = engine.reg_read(x86.UC_X86_REG_IDTR)[1:3]
        if limit < vector * 8 + 7:
            raise Violation(f"exception {vector} without a handler")
        gate = struct.unpack("<HHBBH", self.memory.read(base + vector * 8, 8))
        if gate[3] & 0x9F != 0x8E:
            raise Violation(f"exception {vector} has no 32-bit interrupt gate")
        stack = engine.reg_read(x86.UC_X86_REG_ESP)
        frame = (0, address, engine.reg_read(x86.UC_X86_REG_CS), engine.reg_read(x86.UC_X86_REG_EFLAGS))
        self.memory.write(stack - 16, struct.pack("<IIII", *frame))
        engine.reg_write(x86.UC_X86_REG_ESP, stack - 16)
        _jump(engine, gate[4] << 16 | gate[0])

    def _mov_to_cr0(self, engine, address, _size, _data):
        if not engine.reg_read(x86.UC_X86_REG_EAX) & CR0_PG:
            return
        if not engine.reg_read(x86.UC_X86_REG_CR4) & CR4_PAE:
            raise Violation("paging without PAE")
        if not self.platform.read_msr(0xC000_0080) & EFER_LME:
            raise Violation("paging without long mode")
        root = engine.reg_read(x86.UC_X86_REG_CR3) & ~0xFFF
        platform = self.platform
        paging.check(self.memory, root, platform.private_bit, platform.shared_bit, self.private_end)
        opcode, target, _selector = struct.unpack("<BIH", self.memory.read(address + 3, 7))
        if opcode != 0xEA:
            raise Violation("paging is not followed by a far jump")
        self.entry64 = target
        engine.emu_stop()

    def _out(self, engine, port, _size, value, _data):
        self.platform.port_out(port, value)

    def _in(self, engine, port, _size, _data):
        return self.platform.port_in(port)


class Wide:
    """Registers for a platform: PVALIDATE's 32-bit operands by their own names."""

    def __init__(self, registers):
        self.registers = registers

    def __getitem__(self, name):
        return self.registers[name]

    def __setitem__(self, name, value):
        self.registers[name] = value

    def answer(self, code, carry):
        self.registers.answer(code, carry)


def _skip(engine, address, length):
    _jump(engine, address + length)


def _jump(engine, target):
    """Goes on elsewhere, whatever the mode."""
    engine.reg_write(x86.UC_X86_REG_RIP if engine._mode == UC_MODE_64 else x86.UC_X86_REG_EIP, target)


__all__ = ["Processor", "Ended"]
