"""The processor: Unicorn in two modes, since the shim starts in one and ends in the other.

The measured bytes run as they are. One instruction is not Unicorn's: the MOV to CR0 that turns paging on,
since Unicorn's physical addresses are too narrow for a C-bit. There the model reads the shim's page tables
as the processor would (`paging.check`), takes the far jump that follows, and goes on in 64-bit mode with
addresses that are physical ones, as the tables say that they are.
"""

import struct

from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_HOOK_INSN, UC_HOOK_INSN_INVALID, UC_HOOK_MEM_READ
from unicorn import UC_HOOK_MEM_UNMAPPED, UC_MODE_16, UC_MODE_32, UC_MODE_64, UC_PROT_ALL, Uc, UcError
from unicorn import x86_const as x86

import events
import paging
from memory import PAGE, Violation
from outcome import entered, shutdown

MOV_TO_CR0 = bytes.fromhex("0f22c0")
RDMSR, WRMSR = bytes.fromhex("0f32"), bytes.fromhex("0f30")
CR0_PG, CR4_PAE, EFER_LME = 1 << 31, 1 << 5, 1 << 8
EFLAGS_CARRY = 1
MOST_INSTRUCTIONS = 400_000_000
WAITING_INSTRUCTIONS = 10_000
PARKED_RUNS = 4
KERNEL_INSTRUCTIONS = 1_000_000

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
        self.root = None

    def run(self, start, registers, kernel_entry):
        """From the 32-bit entry until the guest stops; returns what [`Ended`] says."""
        wide = self._through_32_bits(start, registers)
        self._emulate_with_event(wide, self.entry64, kernel_entry)
        registers = Registers(wide)
        if registers["rip"] != kernel_entry:
            raise Violation(f"the shim stopped at {registers['rip']:#x}")
        if events.could_be_survived(wide):
            raise Violation("the kernel is entered with a table that takes events")
        raise entered(kernel_entry, {name: registers[name] for name in GENERAL + EXTENDED})

    def wake(self, start, registers, vector):
        """A TD's other processor: whether it leaves its loop for `vector`, which its mailbox may name."""
        self.entry64 = None
        wide = self._through_32_bits(start, registers)
        self._emulate(wide, self.entry64, vector, WAITING_INSTRUCTIONS)
        return wide.reg_read(x86.UC_X86_REG_RIP) == vector

    def _through_32_bits(self, start, registers):
        """The processor in 64-bit mode, once the 32-bit part has turned paging on."""
        engine = self._engine(UC_MODE_32, MOV_TO_CR0)
        events.load_table(engine, *self.host.first_table)
        for first, content in self.image if self.host.injects else []:
            engine.hook_add(UC_HOOK_CODE, self._guard(self._step), None, first, first + len(content) - 1)
        for name, value in registers.items():
            engine.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)
        self._emulate_with_event(engine, start, None)
        if self.entry64 is None:
            raise Violation("the shim stopped in 32-bit mode")
        wide = self._engine(UC_MODE_64, None)
        for name in GENERAL:
            short = "e" + name[1:]
            value = engine.reg_read(getattr(x86, f"UC_X86_REG_{short.upper()}"))
            wide.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)
        events.load_table(wide, *events.table(engine))
        return wide

    def run_kernel(self, registers, entry, length, kernel):
        """The kernel, which is `length` bytes from `entry` on, until it stops; what it asks, `kernel` answers."""
        self.image = [(entry, self.memory.read(entry, length))]
        self.platform = kernel
        engine = self._engine(UC_MODE_64, None)
        for start, size in ranges(self.platform.states.taken):
            self._map(engine, start, size)
        kernel.on_private_end = engine.mem_unmap
        engine.hook_add(UC_HOOK_INSN, self._guard(self._cpuid), None, 1, 0, x86.UC_X86_INS_CPUID)
        for name, value in registers.items():
            engine.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)
        self._emulate(engine, entry, None, KERNEL_INSTRUCTIONS)

    def run_parked(self, state, vector):
        """A processor of the launch that the host runs, interrupts and lets halt as it likes: whether `vector` shuts
        it down, what it changed, and where it got to."""
        before = [self.memory.read(*one) for one in self.memory.ram]
        engine = self._engine(UC_MODE_32 if state["cr0"] & 1 else UC_MODE_16, None)
        events.load_table(engine, state["idtr_base"], state["idtr_limit"])
        engine.reg_write(x86.UC_X86_REG_ESP, state["rsp"])
        at = state["cs_base"] + state["rip"]
        reached = {at}
        for _ in range(PARKED_RUNS):
            self._emulate(engine, at, None, WAITING_INSTRUCTIONS)
            at = engine.reg_read(x86.UC_X86_REG_EIP)
            reached.add(at)
        survived = events.deliver(engine, self.memory, vector, 0)
        changed = before != [self.memory.read(*one) for one in self.memory.ram]
        return {"shut_down": survived is None, "changed": changed, "reached": sorted(reached)}

    def _emulate_with_event(self, engine, start, until):
        """The host's event comes after so many instructions of its mode; a guest that survives it goes on."""
        event = self.host.event(64 if engine._mode == UC_MODE_64 else 32)
        if event is not None:
            if event["after"] > 0:
                self._emulate(engine, start, until, event["after"])
                start = engine.reg_read(x86.UC_X86_REG_RIP if until else x86.UC_X86_REG_EIP)
            if start == until or (until is None and self.entry64 is not None):
                raise Violation("the event never came")
            start = events.deliver(engine, self.memory, event["vector"], event["error"])
            if start is None:
                raise shutdown()
        self._emulate(engine, start, until)

    def _step(self, engine, address, _size, _data):
        if events.could_be_survived(engine):
            raise Violation(f"an event at {address:#x} could be survived")

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
        if hasattr(self.platform, "behind"):
            page = address & ~(PAGE - 1)
            engine.mem_map_ptr(page, PAGE, UC_PROT_ALL, self.memory.pointer(self.platform.behind(page), PAGE))
            return True
        raise Violation(f"access to {address:#x} before its page was validated or accepted")

    def _watched(self, engine, _kind, address, _length, _value, _data):
        self.host.on_read(address)

    def _invalid(self, engine, _data):
        registers = Registers(engine)
        code = self.memory.read(registers["rip"], 4)
        length = self.platform.instruction(code, registers)
        if length == 0:
            raise Violation(f"invalid instruction {code.hex()} at {registers['rip']:#x}")
        registers["rip"] = registers["rip"] + length
        return True

    def _rdmsr(self, engine, address, _size, _data):
        registers = Registers(engine)
        value = self.platform.read_msr(registers["ecx"] & 0xFFFF_FFFF)
        registers["eax"], registers["edx"] = value & 0xFFFF_FFFF, value >> 32
        _skip(engine, address, 2)

    def _wrmsr(self, engine, address, _size, _data):
        registers = Registers(engine)
        low, high = registers["eax"] & 0xFFFF_FFFF, registers["edx"] & 0xFFFF_FFFF
        self.platform.write_msr(registers["ecx"] & 0xFFFF_FFFF, high << 32 | low)
        _skip(engine, address, 2)

    def _mov_to_cr0(self, engine, address, _size, _data):
        if not engine.reg_read(x86.UC_X86_REG_EAX) & CR0_PG:
            return
        if not engine.reg_read(x86.UC_X86_REG_CR4) & CR4_PAE:
            raise Violation("paging without PAE")
        if not self.platform.read_msr(0xC000_0080) & EFER_LME:
            raise Violation("paging without long mode")
        root = self.root = engine.reg_read(x86.UC_X86_REG_CR3) & ~0xFFF
        platform = self.platform
        paging.check(self.memory, root, platform.private_bit, platform.shared_bit, self.private_end)
        opcode, target, _selector = struct.unpack("<BIH", self.memory.read(address + 3, 7))
        if opcode != 0xEA:
            raise Violation("paging is not followed by a far jump")
        self.entry64 = target
        engine.emu_stop()

    def _cpuid(self, engine, _data):
        registers = Registers(engine)
        answer = self.platform.cpuid(registers["eax"] & 0xFFFF_FFFF)
        for name, value in zip(("rax", "rbx", "rcx", "rdx"), answer):
            registers[name] = value
        return 1

    def _out(self, engine, port, _size, value, _data):
        self.platform.port_out(port, value)

    def _in(self, engine, port, _size, _data):
        return self.platform.port_in(port)


def ranges(pages):
    """Pages by their numbers as (address, length)."""
    start = before = None
    for page in sorted(pages):
        if start is not None and page != before + 1:
            yield start * PAGE, (before + 1 - start) * PAGE
            start = None
        start, before = page if start is None else start, page
    if start is not None:
        yield start * PAGE, (before + 1 - start) * PAGE


def _skip(engine, address, length):
    _jump(engine, address + length)


def _jump(engine, target):
    """Goes on elsewhere, whatever the mode."""
    engine.reg_write(x86.UC_X86_REG_RIP if engine._mode == UC_MODE_64 else x86.UC_X86_REG_EIP, target)
